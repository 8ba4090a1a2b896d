"""Expansion of a condition over input sets into groups of clauses, each with its boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...core import Atom, Formula, InputError, Region
from ...core.formula import And, different_atoms, holds
from ...search.common.clause_groups import ClauseGroup
from ...search.common.domain_boxes import DomainBoxes
from .divide import Products, divide_by_positive
from .expand import Expansion, PartialClause
from .input_bounds import at_most
from .integer_cases import integer_cases


MOST_TOGETHER = 256
"""Maximum number of clauses in one search."""


@dataclass(frozen=True, eq=False)
class ExpandedClauses:
    """The clauses of an expanded formula that remain to be decided.

    Args:
        groups: Clauses, grouped by their boxes.
        apart: Lower bound, at least 0, on the values of the dropped clauses, which no input
            satisfies. A clause holds where its value is at most 0.
        has_quotients: Whether quotients were added to a clause (see `divide_by_positive`). They
            leave its sign unchanged, but not its value.
    """

    groups: list[ClauseGroup]
    apart: float
    has_quotients: bool = False


def expand_groups(
    formula: Formula, regions: Sequence[Region], name_input: Callable[[int], str]
) -> list[ClauseGroup]:
    """Return only the groups of clauses from the result of `expand_clauses`."""
    return expand_clauses(formula, regions, name_input).groups


def expand_clauses(
    formula: Formula,
    regions: Sequence[Region],
    name_input: Callable[[int], str],
    products: Products | None = None,
) -> ExpandedClauses:
    """Expand a formula over input sets into clauses, grouped by their boxes.

    Bounds on single inputs shrink the boxes. Clauses that bounds prove infeasible in their box are
    dropped.

    Args:
        formula: A condition over `[x, y]`.
        regions: The input set, as a union of regions.
        name_input: Function from the index of a flat input to its name, for messages.
        products: Factors of those variables of the formula that are products.

    Returns:
        The groups of clauses, a lower bound on the values of the dropped clauses, and whether
        quotients were added. There are no groups if nothing remains to be decided.

    Raises:
        InputError: An input is unbounded.
        OutOfTime: The deadline passed before the expansion was complete.
    """
    kinds: dict[tuple, tuple[Region, dict, dict]] = {}
    apart, has_quotients = np.inf, False
    size = 1 + max((i for atom in different_atoms(formula) for i, _ in atom.terms), default=0)
    for region in integer_cases(regions):
        key = (region.integer.tobytes(), tuple(id(part) for part in region.distances))
        _, boxes, clauses = kinds.setdefault(key, (region, {}, {}))
        lo, hi = _around(region, size)
        expansion = Expansion(lo, hi, region.integer, _Below(lo, hi))
        for partial in expansion.of(And((region.condition, formula))):
            case = _case(partial, lo, hi, name_input, products or {})
            if case is None:
                apart = min(apart, max(0.0, partial.floor))
            else:
                ends, terms, quotients = case
                has_quotients = has_quotients or bool(quotients)
                terms = (*terms, *quotients)
                box = b"".join(end.tobytes() for end in ends)
                boxes[box] = ends
                clauses.setdefault(box, {})[terms] = None
        apart = min(apart, expansion.apart)
    groups = [group for kind in kinds.values() for group in _groups(*kind)]
    return ExpandedClauses(groups, apart, has_quotients)


def _around(region: Region, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds of a region's box, padded with infinite bounds to `size` variables.

    The bounds of integer inputs are rounded inward to integers.
    """
    lo, hi, integer = region.box.lo, region.box.hi, region.integer
    anywhere = np.full(max(0, size - lo.size), np.inf)
    lo, hi = np.where(integer, np.ceil(lo), lo), np.where(integer, np.floor(hi), hi)
    return np.concatenate([lo, -anywhere]), np.concatenate([hi, anywhere])


def _groups(region: Region, boxes: dict, clauses_of: dict) -> Iterator[ClauseGroup]:
    """Yield groups of at most `MOST_TOGETHER` clauses, each with all boxes of its clauses."""
    boxes_of: dict[tuple, list] = {}
    for box, terms in clauses_of.items():
        boxes_of.setdefault(tuple(terms), []).append(boxes[box])
    for terms, ends in boxes_of.items():
        lo, hi = (np.array([end[side] for end in ends]) for side in (0, 1))
        for start in range(0, len(terms), MOST_TOGETHER):
            part = terms[start : start + MOST_TOGETHER]
            # A point on the boundary of a ball has the value 0 for every clause.
            strict = np.array([_strict(clause) and not region.distances for clause in part])
            yield ClauseGroup(part, strict, DomainBoxes(lo, hi, region.integer), region.distances)


def _case(
    case: PartialClause,
    lo: np.ndarray,
    hi: np.ndarray,
    name_input: Callable[[int], str],
    products: Products,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[Formula, ...], list[Atom]] | None:
    """Return the input box `(lo, hi)` of a partial clause, its undecided parts, and quotients.

    A part is undecided if bounds over the box neither prove nor refute it. The quotients are those
    of `divide_by_positive`. The result is None if the clause is infeasible.
    """
    inputs = case.inputs
    lo, hi = lo.copy(), hi.copy()
    lo[:inputs], hi[:inputs] = case.lo[:inputs], case.hi[:inputs]
    if np.any(lo > hi):
        return None
    _check_bounded(lo[:inputs], hi[:inputs], name_input)
    open_terms = []
    for part in dict.fromkeys(case.terms):
        truth = holds(part, lo, hi)
        if truth is False:
            return None
        if truth is None:
            open_terms.append(part)
    lo, hi = lo[:inputs], hi[:inputs]
    quotients = divide_by_positive(open_terms, lo, hi, products) if products else []
    if _contradicts_itself([*open_terms, *quotients]):
        return None
    return (lo, hi), tuple(open_terms), quotients


def _contradicts_itself(parts: Sequence[Formula]) -> bool:
    """Return whether two inequalities on the same linear form contradict each other.

    Bounds cannot refute such a pair: `y < 0` and `y >= 0` are both possible if the bounds of `y`
    contain 0, however tight they are.
    """
    offsets: dict[tuple, tuple[float, bool]] = {}
    for part in parts:
        if not isinstance(part, Atom):
            continue
        least, strict = offsets.get(part.terms, (-np.inf, False))
        if (part.offset, part.strict) > (least, strict):
            offsets[part.terms] = least, strict = part.offset, part.strict
        opposite = offsets.get(tuple((i, -c) for i, c in part.terms))
        if opposite is not None:
            # The form is at most `-least`, and at least the other offset.
            other, other_strict = opposite
            if other > -least or (other == -least and (strict or other_strict)):
                return True
    return False


class _Below:
    """Function that bounds a formula's value from below over a box of `[x, y]`."""

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
    """Return whether all parts of a clause are strict, so that its value must be below 0."""
    return bool(clause) and all(_never_zero(part) for part in clause)


def _never_zero(formula: Formula) -> bool:
    if isinstance(formula, Atom):
        return formula.strict
    return bool(formula.parts) and all(_never_zero(part) for part in formula.parts)


def _check_bounded(lo: np.ndarray, hi: np.ndarray, name_input: Callable[[int], str]) -> None:
    for side, ends in (("lower", lo), ("upper", hi)):
        bad = np.flatnonzero(~np.isfinite(ends))
        if bad.size:
            others = f" (and {bad.size - 1} others lack one too)" if bad.size > 1 else ""
            raise InputError(
                f"Every input must be bounded on both sides; {name_input(int(bad[0]))} has no "
                f"{side} bound{others}. Received: [{lo[bad[0]]:g}, {hi[bad[0]]:g}]."
            )
