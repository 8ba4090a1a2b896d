"""From a condition and input sets to groups of clauses and their boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...core import Atom, Formula, InputError, Region
from ...core.formula import And, different_atoms, holds
from ...search.common.clause_groups import ClauseGroup
from ...search.common.domain_boxes import DomainBoxes
from .expand import Expansion, PartialClause
from .input_bounds import at_most
from .integer_cases import integer_cases


MOST_TOGETHER = 256
"""At most this many clauses share one search."""


@dataclass(frozen=True, eq=False)
class Asked:
    """The clauses that are left to decide.

    Args:
        groups: Clauses, grouped by the boxes they are asked about.
        apart: Proved of all clauses that were dropped: no input brings their value below this
            (and none brings it to where they hold).
    """

    groups: list[ClauseGroup]
    apart: float


def cases(
    formula: Formula, regions: Sequence[Region], name_input: Callable[[int], str]
) -> list[ClauseGroup]:
    """The groups of `asked`."""
    return asked(formula, regions, name_input).groups


def asked(
    formula: Formula,
    regions: Sequence[Region],
    name_input: Callable[[int], str],
) -> Asked:
    """Expand a formula to clauses, grouped by the boxes they are asked about.

    Bounds on single inputs shrink the boxes; clauses infeasible in their box are dropped.

    Args:
        formula: Over `[x, y]`.
        regions: The input sets; a union.
        name_input: What to call a flat input in a message.

    Returns:
        Groups of clauses, none if nothing is left to decide; and a bound on the dropped ones.

    Raises:
        InputError: An input is unbounded.
        OutOfTime: The deadline passed before all clauses were known.
    """
    kinds: dict[tuple, tuple[Region, dict, dict]] = {}
    apart = np.inf
    size = 1 + max((i for atom in different_atoms(formula) for i, _ in atom.terms), default=0)
    for region in integer_cases(regions):
        key = (region.integer.tobytes(), tuple(id(part) for part in region.distances))
        _, boxes, found = kinds.setdefault(key, (region, {}, {}))
        lo, hi = _around(region, size)
        expansion = Expansion(lo, hi, region.integer, _Below(lo, hi))
        for one in expansion.of(And((region.condition, formula))):
            case = _case(one, lo, hi, name_input)
            if case is None:
                apart = min(apart, max(0.0, one.floor))
            else:
                ends, terms = case
                box = b"".join(end.tobytes() for end in ends)
                boxes[box] = ends
                found.setdefault(box, {})[terms] = None
        apart = min(apart, expansion.apart)
    groups = [group for kind in kinds.values() for group in _groups(*kind)]
    return Asked(groups, apart)


def _around(region: Region, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The box of a region, then `size` ends in all that are not bounded; whole inputs at whole."""
    lo, hi, whole = region.box.lo, region.box.hi, region.integer
    anywhere = np.full(max(0, size - lo.size), np.inf)
    lo, hi = np.where(whole, np.ceil(lo), lo), np.where(whole, np.floor(hi), hi)
    return np.concatenate([lo, -anywhere]), np.concatenate([hi, anywhere])


def _groups(region: Region, boxes: dict, found: dict) -> Iterator[ClauseGroup]:
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
            yield ClauseGroup(part, strict, DomainBoxes(lo, hi, region.integer), region.distances)


def _case(
    case: PartialClause, lo: np.ndarray, hi: np.ndarray, name_input: Callable[[int], str]
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[Formula, ...]] | None:
    """`((lo, hi), terms)` of one case over the inputs; None if it cannot hold there."""
    inputs = case.inputs
    lo, hi = lo.copy(), hi.copy()
    lo[:inputs], hi[:inputs] = case.lo[:inputs], case.hi[:inputs]
    if np.any(lo > hi):
        return None
    _check_bounded(lo[:inputs], hi[:inputs], name_input)
    kept = []
    for part in dict.fromkeys(case.terms):
        known = holds(part, lo, hi)
        if known is False:
            return None
        if known is None:
            kept.append(part)
    return (lo[:inputs], hi[:inputs]), tuple(kept)


class _Below:
    """A lower bound of a formula's value anywhere in a box of `[x, y]`."""

    def __init__(self, lo: np.ndarray, hi: np.ndarray) -> None:
        self._lo, self._hi = lo.tolist(), hi.tolist()
        self._known: dict[Atom, float] = {}

    def __call__(self, formula: Formula) -> float:
        if isinstance(formula, Atom):
            if len(formula.terms) == 1:
                ((i, c),) = formula.terms
                if abs((self._lo if c > 0 else self._hi)[i]) == np.inf:
                    return -np.inf
            if formula not in self._known:
                self._known[formula] = self._atom(formula)
            return self._known[formula]
        parts = [self(part) for part in formula.parts]
        if isinstance(formula, And):
            return max(parts, default=-np.inf)
        return min(parts, default=np.inf)

    def _atom(self, atom: Atom) -> float:
        ends = [(self._lo if c > 0 else self._hi)[i] for i, c in atom.terms]
        if not np.isfinite(ends).all():
            return -np.inf
        total = Fraction(atom.offset)
        for (_, c), end in zip(atom.terms, ends, strict=True):
            total += Fraction(c) * Fraction(float(end))
        return at_most(total)


def _strict(clause: tuple[Formula, ...]) -> bool:
    """Whether the largest of the values must be below 0: no part may be 0."""
    return bool(clause) and all(_never_zero(part) for part in clause)


def _never_zero(formula: Formula) -> bool:
    if isinstance(formula, Atom):
        return formula.strict
    return bool(formula.parts) and all(_never_zero(part) for part in formula.parts)


def _check_bounded(lo: np.ndarray, hi: np.ndarray, name_input: Callable[[int], str]) -> None:
    for side, ends in (("lower", lo), ("upper", hi)):
        bad = np.flatnonzero(~np.isfinite(ends))
        if bad.size:
            others = f" (nor have {bad.size - 1} others)" if bad.size > 1 else ""
            raise InputError(
                f"Every input must be bounded on both sides; {name_input(int(bad[0]))} has no "
                f"{side} bound{others}. Received: [{lo[bad[0]]:g}, {hi[bad[0]]:g}]."
            )
