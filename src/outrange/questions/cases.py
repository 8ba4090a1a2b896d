"""From a condition and input sets to what a search is asked: clauses, and the boxes of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..core import Atom, Formula, InputError, Region
from ..core.formula import And, clauses, holds
from ..search.decide import Cases
from ..search.roots import Roots


MOST_TOGETHER = 256
"""At most this many clauses share one search."""


@dataclass(frozen=True, eq=False)
class Asked:
    """What is left to ask.

    Args:
        groups: Clauses, grouped by the boxes they are asked about.
        apart: Proved of all clauses that were dropped: no input brings their value below this
            (and none brings it to where they hold).
    """

    groups: list[Cases]
    apart: float


def cases(
    formula: Formula, regions: Sequence[Region], name_input: Callable[[int], str]
) -> list[Cases]:
    """The groups of `asked`."""
    return asked(formula, regions, name_input).groups


def asked(
    formula: Formula, regions: Sequence[Region], name_input: Callable[[int], str]
) -> Asked:
    """Where `formula` could hold: clauses grouped by the boxes they are asked about.

    Bounds of single inputs shrink the boxes; what cannot hold in its box is dropped.

    Args:
        formula: Over `[x, y]`.
        regions: The input sets; a union.
        name_input: What to call a flat input in a message.

    Returns:
        Groups of clauses, none if nothing is left to ask; and how far the others are from holding.

    Raises:
        InputError: An input is unbounded.
    """
    kinds: dict[tuple, tuple[Region, dict, dict]] = {}
    apart = np.inf
    for region in regions:
        key = (region.integer.tobytes(), tuple(id(part) for part in region.distances))
        _, boxes, found = kinds.setdefault(key, (region, {}, {}))
        for clause in clauses(And((region.condition, formula))):
            case = _case(clause, region, name_input)
            if case is None:
                apart = min(apart, max(0.0, _least(clause, region)))
            else:
                lo, hi, terms = case
                box = lo.tobytes() + hi.tobytes()
                boxes[box] = (lo, hi)
                found.setdefault(box, {})[terms] = None
    return Asked([group for kind in kinds.values() for group in _groups(*kind)], apart)


def _groups(region: Region, boxes: dict, found: dict):
    """Boxes with the same clauses go together."""
    alike: dict[tuple, list] = {}
    for box, terms in found.items():
        alike.setdefault(tuple(terms), []).append(boxes[box])
    for terms, ends in alike.items():
        lo, hi = (np.array([end[side] for end in ends]) for side in (0, 1))
        for start in range(0, len(terms), MOST_TOGETHER):
            part = terms[start : start + MOST_TOGETHER]
            # A point on the sphere of a ball has the value 0, whatever the clause.
            strict = np.array([_strict(clause) and not region.distances for clause in part])
            yield Cases(part, strict, Roots(lo, hi, region.integer), region.distances)


def _case(clause: tuple[Formula, ...], region: Region, name_input):
    """`(lo, hi, terms)` of one clause in one region; None if it cannot hold there."""
    lo, hi = region.box.lo.copy(), region.box.hi.copy()
    terms = []
    for part in dict.fromkeys(clause):
        if not (isinstance(part, Atom) and _shrink(part, lo, hi)):
            terms.append(part)
    whole = region.integer
    lo, hi = np.where(whole, np.ceil(lo), lo), np.where(whole, np.floor(hi), hi)
    if np.any(lo > hi):
        return None
    _check_bounded(lo, hi, name_input)
    width = 1 + max((i for part in terms for i in _indices(part)), default=0)
    anywhere = np.full(max(0, width - lo.size), np.inf)
    ends = np.concatenate([lo, -anywhere]), np.concatenate([hi, anywhere])
    kept = []
    for part in terms:
        known = holds(part, *ends)
        if known is False:
            return None
        if known is None:
            kept.append(part)
    return lo, hi, tuple(kept)


def _shrink(atom: Atom, lo: np.ndarray, hi: np.ndarray) -> bool:
    """Shrink the box by a bound of one input; False if more than the box is needed to say it."""
    if len(atom.terms) != 1 or atom.terms[0][0] >= lo.size:
        return False
    i, c = atom.terms[0]
    exact = -Fraction(atom.offset) / Fraction(c)
    bound = -_at_most(-exact) if c > 0 else _at_most(exact)
    same = np.isfinite(bound) and Fraction(bound) == exact
    if c > 0:
        hi[i] = min(hi[i], bound)
    else:
        lo[i] = max(lo[i], bound)
    return same and not atom.strict


def _at_most(exact: Fraction) -> float:
    """The largest float64 that is not above."""
    try:
        near = float(exact)
    except OverflowError:
        return float(np.finfo(np.float64).max) if exact > 0 else -np.inf
    return near if Fraction(near) <= exact else float(np.nextafter(near, -np.inf))


def _least(clause: tuple[Formula, ...], region: Region) -> float:
    """A lower bound of a clause's value anywhere in the region's box, whatever the outputs."""
    size = 1 + max((i for part in clause for i in _indices(part)), default=0)
    anywhere = np.full(max(0, size - region.box.size), np.inf)
    lo = np.concatenate([region.box.lo, -anywhere])
    hi = np.concatenate([region.box.hi, anywhere])
    return max((_value_below(part, lo, hi) for part in clause), default=-np.inf)


def _value_below(formula: Formula, lo: np.ndarray, hi: np.ndarray) -> float:
    if isinstance(formula, Atom):
        total = Fraction(formula.offset)
        for i, c in formula.terms:
            end = lo[i] if c > 0 else hi[i]
            if not np.isfinite(end):
                return -np.inf
            total += Fraction(c) * Fraction(float(end))
        return _at_most(total)
    parts = [_value_below(part, lo, hi) for part in formula.parts]
    if isinstance(formula, And):
        return max(parts, default=-np.inf)
    return min(parts, default=np.inf)


def _indices(formula: Formula):
    if isinstance(formula, Atom):
        return [i for i, _ in formula.terms]
    return [i for part in formula.parts for i in _indices(part)]


def _strict(clause: tuple[Formula, ...]) -> bool:
    """Whether the largest of the values must be below 0: no part may be 0."""
    return bool(clause) and all(_never_zero(part) for part in clause)


def _never_zero(formula: Formula) -> bool:
    if isinstance(formula, Atom):
        return formula.strict
    return bool(formula.parts) and all(_never_zero(part) for part in formula.parts)


def _check_bounded(lo: np.ndarray, hi: np.ndarray, name_input) -> None:
    for side, ends in (("lower", lo), ("upper", hi)):
        bad = np.flatnonzero(~np.isfinite(ends))
        if bad.size:
            others = f" (nor have {bad.size - 1} others)" if bad.size > 1 else ""
            raise InputError(
                f"Every input must be bounded on both sides; {name_input(int(bad[0]))} has no "
                f"{side} bound{others}. Received: [{lo[bad[0]]:g}, {hi[bad[0]]:g}]."
            )
