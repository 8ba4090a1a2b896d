"""What the conditions on inputs alone say of the inputs: equal ones, and bounds of others.

A query about two networks states the inputs of one, and that those of the other are the same or
near. Searched as it stands, the box of the second has no ends, and twice the inputs to split.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from ...core import And, Atom, Formula, Or, Specification
from .specification import demands


ROUNDS = 4
"""Rounds of bounds that follow from bounds: from one network to the next, say."""


def ties(specification: Specification) -> np.ndarray:
    """For each flat input, its place among those that are left when equal ones are one.

    Returns:
        `(inputs,)` integers; `0, 1, 2, ...` where no two inputs are equal.
    """
    least = list(range(specification.inputs))

    def first(i: int) -> int:
        while least[i] != i:
            i = least[i]
        return i

    seen: set[tuple[int, int]] = set()
    for atom in demands(specification.unsafe, specification.inputs):
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


def merged(specification: Specification) -> tuple[Specification, np.ndarray]:
    """The specification about the inputs that are left, with what follows for their bounds.

    Args:
        specification: As the file states it.

    Returns:
        The specification, and the place `(inputs,)` of each input of the file among those left.
    """
    index = ties(specification)
    unsafe = _moved(specification, index)
    if unsafe is None:
        index, unsafe = np.arange(specification.inputs), specification.unsafe
    left = int(index.max(initial=-1)) + 1
    shorter = replace(specification, inputs=left, unsafe=unsafe, shapes=None)
    return replace(shorter, unsafe=And((unsafe, *_implied(shorter)))), index


def _moved(specification: Specification, index: np.ndarray) -> Formula | None:
    """The formula over the inputs that are left; None if a sum of coefficients is no double."""
    left = int(index.max(initial=-1)) + 1
    moved = [*index.tolist(), *range(left, left + specification.outputs)]

    def over(formula: Formula) -> Formula:
        if not isinstance(formula, Atom):
            return type(formula)(tuple(over(part) for part in formula.parts))
        terms: dict[int, Fraction] = {}
        for i, c in formula.terms:
            terms[moved[i]] = terms.get(moved[i], Fraction(0)) + Fraction(c)
        kept = tuple((i, float(c)) for i, c in sorted(terms.items()) if c)
        if any(Fraction(c) != terms[i] for i, c in kept):
            raise _Inexact
        if kept:
            return Atom(kept, formula.offset, formula.strict)
        held = formula.offset < 0 or (formula.offset == 0 and not formula.strict)
        return And(()) if held else Or(())

    try:
        return over(specification.unsafe)
    except (_Inexact, OverflowError):
        return None


class _Inexact(Exception):
    """A sum of two doubles is none."""


def _implied(specification: Specification) -> list[Atom]:
    """Bounds of single inputs that follow from conditions on several, for inputs without any."""
    atoms = list(demands(specification.unsafe, specification.inputs))
    ends: dict[tuple[int, bool], Fraction] = {}
    found: dict[tuple[int, bool], Atom] = {}
    for round_ in range(ROUNDS):
        before = len(ends)
        for atom in atoms:
            if round_ == 0 and len(atom.terms) == 1:
                ((i, c),) = atom.terms
                _take(ends, i, c > 0, -Fraction(atom.offset) / Fraction(c))
            elif round_ and len(atom.terms) > 1:
                for i, end in _ends(atom, ends):
                    upper = dict(atom.terms)[i] > 0
                    if (i, upper) not in ends:
                        outer = _outward(end, upper)
                        ends[i, upper] = Fraction(outer)
                        sign = 1.0 if upper else -1.0
                        found[i, upper] = Atom(((i, sign),), -sign * outer)
        if round_ and len(ends) == before:
            break
    return list(found.values())


def _take(ends: dict[tuple[int, bool], Fraction], i: int, upper: bool, end: Fraction) -> None:
    known = ends.get((i, upper))
    if known is None or (end < known if upper else end > known):
        ends[i, upper] = end


def _ends(atom: Atom, ends: dict[tuple[int, bool], Fraction]) -> list[tuple[int, Fraction]]:
    """For each input of the atom, the end that the others' ends give it, if they have them."""
    # Of c * x the least value is at the lower end of x where c > 0.
    parts = {
        i: None if (i, c < 0) not in ends else Fraction(c) * ends[i, c < 0] for i, c in atom.terms
    }
    found = []
    for i, c in atom.terms:
        others = [part for j, part in parts.items() if j != i]
        if all(part is not None for part in others):
            rest = sum((part for part in others if part is not None), Fraction(atom.offset))
            found.append((i, -rest / Fraction(c)))
    return found


def _outward(end: Fraction, upper: bool) -> float:
    """The nearest double that is not inside."""
    nearest = float(end)
    if Fraction(nearest) == end or (Fraction(nearest) > end) == upper:
        return nearest
    return float(np.nextafter(nearest, np.inf if upper else -np.inf))
