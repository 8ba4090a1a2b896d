"""Equal inputs and implied input bounds of a property about several networks.

A query about two networks typically bounds the inputs of one network, and states that the inputs of
the other are equal or close to them. If the search used this query unchanged, the inputs of the
second network would be unbounded. The search would also have to split twice as many inputs.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from ...core import And, Atom, Formula, Or, Specification
from .specification import implied_atoms


ROUNDS = 4
"""Maximum number of rounds. The first round collects the bounds on single inputs. Every later round
derives bounds on inputs from conditions on several inputs and the bounds found so far."""


def equal_inputs(specification: Specification) -> np.ndarray:
    """Return for each flat input its index among the inputs that remain when equal ones are merged.

    Two inputs are equal if the unsafe formula has conjuncts `x_i <= x_j` and `x_j <= x_i`, or if a
    chain of such pairs connects them.

    Returns:
        `(inputs,)` integers; `0, 1, 2, ...` if no two inputs are equal.
    """
    least = list(range(specification.inputs))

    def first(i: int) -> int:
        while least[i] != i:
            i = least[i]
        return i

    seen: set[tuple[int, int]] = set()
    for atom in implied_atoms(specification.unsafe, specification.inputs):
        if len(atom.terms) == 2 and atom.offset == 0.0:
            (i, a), (j, b) = atom.terms
            if a == -b:
                seen.add((i, j) if a > 0 else (j, i))
    for i, j in sorted(seen):
        if (j, i) in seen:
            low, high = sorted((first(i), first(j)))
            least[high] = low
    roots = [first(i) for i in range(specification.inputs)]
    return np.searchsorted(np.unique(roots), roots)


def merge_equal_inputs(specification: Specification) -> tuple[Specification, np.ndarray]:
    """Merge inputs that a specification states to be equal, and add input bounds that it implies.

    Args:
        specification: The specification as read from the file.

    Returns:
        The specification over the remaining inputs, and for each input of the file its index among
        the remaining inputs, `(inputs,)`.
    """
    index = equal_inputs(specification)
    unsafe = _renumber(specification, index)
    if unsafe is None:
        index, unsafe = np.arange(specification.inputs), specification.unsafe
    left = int(index.max(initial=-1)) + 1
    moved = _new_indices(specification, index)
    products = tuple(tuple(sorted(moved[i] for i in part)) for part in specification.products)
    shorter = replace(specification, inputs=left, unsafe=unsafe, shapes=None, products=products)
    return replace(shorter, unsafe=And((unsafe, *_implied_bounds(shorter)))), index


def _renumber(specification: Specification, index: np.ndarray) -> Formula | None:
    """Rewrite the unsafe formula over the inputs that remain after equal ones are merged.

    The result is None if the sum of merged coefficients is not a float64 number. It is also None if
    float32 may round a sum, and merging would remove some of its terms.
    """
    moved = _new_indices(specification, index)

    def over(formula: Formula) -> Formula:
        if not isinstance(formula, Atom):
            return type(formula)(tuple(over(part) for part in formula.parts))
        terms: dict[int, Fraction] = {}
        for i, c in formula.terms:
            terms[moved[i]] = terms.get(moved[i], Fraction(0)) + Fraction(c)
        nonzero = tuple((i, float(c)) for i, c in sorted(terms.items()) if c)
        shorter = len(nonzero) < len(formula.terms) and (nonzero or len(formula.terms) > 2)
        if specification.has_float32_sums and shorter:
            raise _Inexact
        if any(Fraction(c) != terms[i] for i, c in nonzero):
            raise _Inexact
        if nonzero:
            return Atom(nonzero, formula.offset, formula.strict)
        holds = formula.offset < 0 or (formula.offset == 0 and not formula.strict)
        return And(()) if holds else Or(())

    try:
        return over(specification.unsafe)
    except (_Inexact, OverflowError):
        return None


def _new_indices(specification: Specification, index: np.ndarray) -> list[int]:
    """Return the index of each variable (input, output or product) after equal inputs are merged.

    `index` contains the new index of each input.
    """
    left = int(index.max(initial=-1)) + 1
    rest = specification.outputs + len(specification.products)
    return [*index.tolist(), *range(left, left + rest)]


class _Inexact(Exception):
    """Error raised if merging inputs yields a coefficient that is not a float64 number.

    It is also raised if merging removes terms from a sum that float32 may round.
    """


def _implied_bounds(specification: Specification) -> list[Atom]:
    """Return bounds for inputs without an explicit bound, implied by conditions on several inputs.

    The result is empty if float32 may round the sums in the conditions.
    """
    if specification.has_float32_sums:
        return []
    atoms = list(implied_atoms(specification.unsafe, specification.inputs))
    ends: dict[tuple[int, bool], Fraction] = {}
    implied: dict[tuple[int, bool], Atom] = {}
    for round_ in range(ROUNDS):
        before = len(ends)
        for atom in atoms:
            if round_ == 0 and len(atom.terms) == 1:
                ((i, c),) = atom.terms
                _tighten(ends, i, c > 0, -Fraction(atom.offset) / Fraction(c))
            elif round_ and len(atom.terms) > 1:
                for i, end in _ends(atom, ends):
                    upper = dict(atom.terms)[i] > 0
                    if (i, upper) not in ends:
                        outer = _outward(end, upper)
                        ends[i, upper] = Fraction(outer)
                        sign = 1.0 if upper else -1.0
                        implied[i, upper] = Atom(((i, sign),), -sign * outer)
        if round_ and len(ends) == before:
            break
    return list(implied.values())


def _tighten(ends: dict[tuple[int, bool], Fraction], i: int, upper: bool, end: Fraction) -> None:
    current = ends.get((i, upper))
    if current is None or (end < current if upper else end > current):
        ends[i, upper] = end


def _ends(atom: Atom, ends: dict[tuple[int, bool], Fraction]) -> list[tuple[int, Fraction]]:
    """Return the bounds that an atom implies for its inputs, as pairs of an input and a bound.

    An input gets a bound if `ends` has a bound on the required side for every other input of the
    atom. The keys of `ends` are pairs of an input and whether its bound is an upper bound.
    """
    # If c > 0, the least value of c * x is at the lower bound of x.
    parts = {
        i: None if (i, c < 0) not in ends else Fraction(c) * ends[i, c < 0] for i, c in atom.terms
    }
    implied = []
    for i, c in atom.terms:
        others = [part for j, part in parts.items() if j != i]
        if all(part is not None for part in others):
            rest = sum((part for part in others if part is not None), Fraction(atom.offset))
            implied.append((i, -rest / Fraction(c)))
    return implied


def _outward(end: Fraction, upper: bool) -> float:
    """Round a bound outward to float64."""
    nearest = float(end)
    if Fraction(nearest) == end or (Fraction(nearest) > end) == upper:
        return nearest
    return float(np.nextafter(nearest, np.inf if upper else -np.inf))
