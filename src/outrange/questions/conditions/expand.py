"""Expansion of a condition into conjunctions with boxes; contradictions are pruned early."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ...core import And, Atom, Formula, Or, check_deadline
from ...core.formula import MOST_CLAUSES, holds
from .input_bounds import Bound, InputBounds, bound_of


BETWEEN_CHECKS = 1 << 10
"""Number of formula parts processed between two checks of the deadline."""


@dataclass
class PartialClause:
    """A conjunction that is built step by step while a formula is expanded.

    Args:
        lo: Lower bounds of the inputs, then of the outputs.
        hi: Upper bounds, in the same order.
        inputs: Number of flat inputs, which come first in `lo` and `hi`.
        terms: Constraints that the bounds of the inputs do not imply.
        pending: Disjunctions that are not expanded yet.
        floor: Lower bound on the conjunction's value, proved from the parts added so far. A
            formula's value is at most 0 where the formula holds.
    """

    lo: np.ndarray
    hi: np.ndarray
    inputs: int
    terms: list[Formula]
    pending: list[Or]
    floor: float = -np.inf

    def copy(self) -> PartialClause:
        terms, pending = list(self.terms), list(self.pending)
        return PartialClause(
            self.lo.copy(), self.hi.copy(), self.inputs, terms, pending, self.floor
        )


class Expansion:
    """Expansion of a formula into a disjunction of conjunctions without evident contradictions.

    Disjunctions are expanded one by one. Before each expansion, alternatives that the current box
    refutes are removed, and disjunctions with a single alternative are applied (unit propagation).
    So the work grows with the remaining cases, not with the product of all choices.

    Args:
        lo: Lower bounds, `(inputs + outputs,)`.
        hi: Upper bounds, in the same order.
        whole: `(inputs,)` bool: whether each input is an integer.
        value_below: Function that bounds a formula's value from below; the value is at most 0 where
            the formula holds.
        most: Limit on the number of conjunctions, beyond which disjunctions stay nested. The first
            disjunction is always expanded.
    """

    def __init__(
        self,
        lo: np.ndarray,
        hi: np.ndarray,
        whole: np.ndarray,
        value_below: Callable[[Formula], float],
        most: int = MOST_CLAUSES,
    ) -> None:
        self._lo, self._hi, self._whole, self._most = lo, hi, whole, most
        self._value_below = value_below
        self._bounds = InputBounds(whole.size, value_below)
        self._seen = 0
        self.apart = np.inf
        """Lower bound, at least 0, on the values of all refuted alternatives; infinite if none are
        refuted."""

    def of(self, formula: Formula) -> Iterator[PartialClause]:
        """Yield the conjunctions into which a formula expands, one by one.

        Raises:
            OutOfTime: The deadline passed during the expansion.
        """
        first = PartialClause(self._lo.copy(), self._hi.copy(), self._whole.size, [], [])
        empty = bool(np.any(first.lo > first.hi))
        stack = [] if empty or not self._add(first, formula) else [(first, 1)]
        while stack:
            check_deadline()
            case, width = stack.pop()
            if not self._propagate(case):
                continue
            case.pending.sort(key=lambda part: len(part.parts))
            if not case.pending:
                yield case
                continue
            choice = case.pending[0]
            wider = width * len(choice.parts)
            if width > 1 and wider > self._most:
                case.terms += case.pending
                case.pending = []
                yield case
                continue
            del case.pending[0]
            for part in reversed(choice.parts):
                branch = case.copy()
                if self._add(branch, part):
                    stack.append((branch, wider))

    def _add(self, case: PartialClause, formula: Formula) -> bool:
        """Add a formula to a partial conjunction; return False if bounds then refute it."""
        waiting = [formula]
        while waiting:
            part = waiting.pop()
            if self._seen % BETWEEN_CHECKS == 0:
                check_deadline()
            self._seen += 1
            if isinstance(part, And):
                split = self._bounds.split(part)
                if split is None:
                    waiting += reversed(part.parts)
                    continue
                case.floor = max(case.floor, split.floor)
                if not split.shrink(case.lo, case.hi, self._whole):
                    self._lose(case, part)
                    return False
                waiting += reversed(split.rest)
            elif isinstance(part, Or):
                case.pending.append(part)
            elif not self._atom(case, part):
                self._lose(case, part)
                return False
        return True

    def _atom(self, case: PartialClause, atom: Atom) -> bool:
        below = self._value_below(atom)
        case.floor = max(case.floor, below)
        if len(atom.terms) != 1:
            truth = holds(atom, case.lo, case.hi)
            if truth is None:
                case.terms.append(atom)
            return truth is not False
        bound = bound_of(atom)
        truth = _known_bound(case, atom, bound)
        if truth is not None:
            return truth
        i, inputs = bound.variable, self._whole.size
        end = bound.end
        if i < inputs and self._whole[i]:
            end = float(np.floor(end) if bound.upper else np.ceil(end))
        if bound.upper:
            case.hi[i] = min(case.hi[i], end)
        else:
            case.lo[i] = max(case.lo[i], end)
        if i >= inputs or not bound.exact:
            case.terms.append(atom)
        return bool(case.lo[i] <= case.hi[i])

    def _propagate(self, case: PartialClause) -> bool:
        """Remove refuted alternatives from the pending disjunctions, until nothing changes.

        An alternative is refuted if it holds nowhere in the box of `case`. Return False if all
        alternatives of a disjunction are refuted, or if bounds refute `case` together with the only
        alternative left.
        """
        changed = True
        while changed:
            changed = False
            pending, case.pending = case.pending, []
            for choice in pending:
                left = []
                for part in choice.parts:
                    truth = self._truth_on(case, part)
                    if truth is True:
                        break
                    if truth is None:
                        left.append(part)
                    else:
                        self._lose(case, part)
                else:
                    if not left:
                        self._lose(case, choice)
                        return False
                    if len(left) == 1:
                        if not self._add(case, left[0]):
                            return False
                        changed = True
                    elif len(left) < len(choice.parts):
                        case.pending.append(Or(tuple(left)))
                    else:
                        case.pending.append(choice)
        return True

    def _truth_on(self, case: PartialClause, formula: Formula) -> bool | None:
        """Return whether a formula holds throughout the box of a partial conjunction.

        The result is True or False only if bounds prove that the formula holds everywhere or
        nowhere in the box; otherwise it is None.
        """
        if isinstance(formula, Atom):
            if len(formula.terms) != 1:
                return holds(formula, case.lo, case.hi)
            return _known_bound(case, formula, bound_of(formula))
        decided, unknown, parts = isinstance(formula, Or), False, formula.parts
        split = self._bounds.split(formula)
        if split is not None:
            truth = split.truth_on(case.lo, case.hi)
            if truth is False:
                return False
            unknown, parts = truth is None, split.rest
        for part in parts:
            truth = self._truth_on(case, part)
            if truth is decided:
                return decided
            unknown = unknown or truth is None
        return None if unknown else not decided

    def _lose(self, case: PartialClause, part: Formula) -> None:
        self.apart = min(self.apart, max(0.0, case.floor, self._value_below(part)))


def _known_bound(case: PartialClause, atom: Atom, bound: Bound) -> bool | None:
    lo, hi = case.lo[bound.variable], case.hi[bound.variable]
    if not bound.upper:
        lo, hi = -hi, -lo
    end = bound.end if bound.upper else -bound.end
    if lo > end:
        return False
    # An inequality need not hold at its bound if the bound was rounded outward.
    return True if hi < end or (hi == end and _is_equivalent(atom, bound)) else None


def _is_equivalent(atom: Atom, bound: Bound) -> bool:
    return bound.exact and not atom.strict
