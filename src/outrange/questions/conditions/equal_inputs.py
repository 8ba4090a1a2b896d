"""Equal inputs and implied input bounds of a property about several networks.

A query about two networks states the inputs of one, and that those of the other are equal or near.
Searched unchanged, the second box would be unbounded, with twice the inputs to split.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from ...core import And, Atom, Formula, Or, Specification
from .specification import implied_atoms


ROUNDS = 4
"""Rounds of bounds that follow from other bounds, for example from one network to the next."""


def equal_inputs(specification: Specification) -> np.ndarray:
    """Return for each flat input its place among those that remain when equal ones are merged.

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
    """Return the specification over the remaining inputs, with implied bounds.

    Args:
        specification: The specification of the file.

    Returns:
        The specification, and the place `(inputs,)` of each input of the file among those that
        remain.
    """
    index = equal_inputs(specification)
    unsafe = _renumber(specification, index)
    if unsafe is None:
        index, unsafe = np.arange(specification.inputs), specification.unsafe
    left = int(index.max(initial=-1)) + 1
    shorter = replace(specification, inputs=left, unsafe=unsafe, shapes=None)
    return replace(shorter, unsafe=And((unsafe, *_implied_bounds(shorter)))), index


def _renumber(specification: Specification, index: np.ndarray) -> Formula | None:
    """Return the formula over the remaining inputs.

    None if a sum of coefficients is not a double.
    """
    left = int(index.max(initial=-1)) + 1
    moved = [*index.tolist(), *range(left, left + specification.outputs)]

    def over(formula: Formula) -> Formula:
        if not isinstance(formula, Atom):
            return type(formula)(tuple(over(part) for part in formula.parts))
        terms: dict[int, Fraction] = {}
        for i, c in formula.terms:
            terms[moved[i]] = terms.get(moved[i], Fraction(0)) + Fraction(c)
        nonzero = tuple((i, float(c)) for i, c in sorted(terms.items()) if c)
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


class _Inexact(Exception):
    """The error that a sum of two doubles is not a double."""


def _implied_bounds(specification: Specification) -> list[Atom]:
    """Return bounds of single inputs implied by conditions on several, for inputs without any."""
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
    """Return for each input of the atom the end implied by the others' ends, if they have them."""
    # If c > 0, the least value of c * x is at the lower end of x.
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
    """Return the nearest double that is not inside."""
    nearest = float(end)
    if Fraction(nearest) == end or (Fraction(nearest) > end) == upper:
        return nearest
    return float(np.nextafter(nearest, np.inf if upper else -np.inf))
