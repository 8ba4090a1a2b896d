"""Branch and bound over unions of boxes and over integer inputs, by searches of single boxes.

Each case is a box whose integers are relaxed to reals, so any search of one box bounds it. The case
with the worst bound is searched next. A case whose relaxation has a point below the cutoff may be
split at an integer (Land, Doig 1960). A case whose bounds no longer rise is halved along the input
whose halves have the best bounds.

Sound: yes, if the searches of the cases are sound. Complete: yes, if those searches are complete.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from ..core import Warrant, no_deadline
from ..core.arrays import linear_forms
from ..domains import bounds
from .common.domain_boxes import DomainBoxes
from .common.failures import SearchFailedError, attempt
from .common.incumbent import Incumbent
from .common.problem import Problem
from .common.search import Search, pass_on
from .common.solution import Stop
from .common.task import Begin


FIRST_TURN = 0.1
"""Length of a case's first turn, in seconds; it doubles with each turn of the same case."""

SETTLED = 0.3
"""Limit, in seconds: a case has had its first turns if its next turn is longer than this."""

WORTH = 0.05
"""Fraction of a gap that a turn should close; a case may be split after a turn that closes less."""

NO_GAIN = 1e-9
"""Largest gain that is attributed to rounding, as a fraction of an objective's range."""

MOST_SEARCHES = 64
"""Maximum number of searches in memory: each stores the bounds of all units."""

TOGETHER = 256
"""Maximum number of cases whose first bounds are computed in one pass."""

METHOD = "branch and bound over integers and unions (Land, Doig 1960)"


class _CaseIncumbent(Incumbent):
    """Incumbent of one relaxed case, which closes the case at the cutoffs of the whole domain."""

    def __init__(self, whole: Incumbent, rows: np.ndarray) -> None:
        left = whole.clock.left
        limit = None if np.isinf(left) else left
        super().__init__(rows, whole.convergence.tolerance, limit, None)
        self._whole, self.target = whole, whole.target

    def aim(self) -> np.ndarray:
        return np.maximum(super().aim(), self.best - self._whole.cutoff())


@dataclass(eq=False)
class _SearchedBox:
    """A box of the search tree, with the state of its search.

    Args:
        lo: Lower bounds of the inputs, shape `(d,)`.
        hi: Upper bounds of the inputs, shape `(d,)`.
        turn: Length of the box's next turn, in seconds.
        search: The box's search, or None before the first turn and after the search was discarded.
    """

    lo: np.ndarray
    hi: np.ndarray
    turn: float = FIRST_TURN
    search: Search | None = None


class CaseSearch(Search):
    """Best-first search: continue the search of the box with the worst bound, or split this box.

    Args:
        problem: Objectives over a union of boxes, perhaps with integer inputs.
        incumbent: Shared with the other searches of the problem.
        begin: Function that starts the search of a single box of real inputs.
        hull: Whether to search the hull of the boxes as a single case that is never split, instead
            of each box.
    """

    def __init__(
        self, problem: Problem, incumbent: Incumbent, begin: Begin, *, hull: bool = False
    ) -> None:
        self.incumbent, self._problem, self._begin = incumbent, problem, begin
        self._splits = not hull
        domain = problem.domain
        box = domain.hull
        lo, hi = (box.lo[None], box.hi[None]) if hull else (domain.lo, domain.hi)
        if not incumbent.best.size:
            self._start()
        self._cases = [_SearchedBox(*ends) for ends in zip(lo, hi, strict=True)]
        self._lower = self._first_bounds(lo, hi)
        """`(cases, m)` proved bounds; a split case is replaced by its parts."""
        self._stuck = np.zeros(len(lo), bool)
        """`(cases,)` whether the search of a case has ended without closing it."""
        self._methods: dict[str, None] = {}
        self._warrant = Warrant.FLOAT64_ROUNDED
        self._failed = self._is_stalled = False
        self._begun: list[_SearchedBox] = []

    def _start(self) -> None:
        """Offer the middle of the first box to the incumbent as the first point."""
        problem, middle = self._problem, self._problem.domain.middle()
        with no_deadline():
            y = linear_forms(problem.rows, problem.graph.run(middle)) + problem.offset
        self.incumbent.start(y[0], np.tile(middle, (y.shape[1], 1)), y[0])

    def _first_bounds(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Return lower bounds `(boxes, m)` of the objectives by back-substitution."""
        problem, parts = self._problem, []
        graph = problem.of_outputs(problem.small)
        for start in range(0, len(lo), TOGETHER):
            part = slice(start, start + TOGETHER)
            parts.append(bounds(graph, lo[part], hi[part], "linear")[graph.output][0])
        lower = np.concatenate(parts)
        return np.where(np.isnan(lower), -np.inf, lower)

    def lower(self) -> np.ndarray:
        return self._lower.min(axis=0)

    @property
    def methods(self) -> tuple[str, ...]:
        """The branching method, and the methods of the cases' searches that improved bounds."""
        return (METHOD, *self._methods)

    @property
    def settled(self) -> bool:
        """Whether every open case has had its first turns, or a search of the hull has stalled."""
        if not self._splits:
            return self._is_stalled
        open_ = (self._lower < self.incumbent.cutoff()).any(axis=1) & ~self._stuck
        return all(self._cases[i].turn > SETTLED for i in np.flatnonzero(open_))

    @property
    def waiting(self) -> int:
        return int((self._lower < self.incumbent.cutoff()).any(axis=1).sum())

    @property
    def warrant(self) -> Warrant:
        return self._warrant

    def recover(self) -> None:
        for i, case in enumerate(self._cases):
            if case.search is not None:
                case.search.recover()
                self._adopt(i, case.search)

    def advance(self) -> bool:
        """Give the worst case a turn, then split it if further turns would gain little.

        Return False if no open case can be searched further.

        Raises:
            SearchFailedError: No open case can be searched further, and the search of some case
                failed.
        """
        i = self._worst()
        if i is None:
            if self._failed:
                raise SearchFailedError
            return False
        case, before = self._cases[i], self._lower[i].copy()
        stop = self._take_turn(case)
        if case.search is not None:
            self._adopt(i, case.search)
            self._offer(case, case.search.incumbent)
        if stop not in (Stop.PAUSED, Stop.GOAL, Stop.TIME):
            pass_on(stop if stop is not Stop.ERROR else None)
        self._failed = self._failed or stop is Stop.ERROR
        ended = stop in (Stop.FINISHED, Stop.ERROR)
        settled = case.turn > SETTLED and (case.search is None or case.search.settled)
        stalled = ended or (settled and not self._has_gained(i, before))
        self._is_stalled = stalled
        if self._splits and (at := self._branching_input(i, case, stalled, ended)) is not None:
            self._split_case(i, *at)
        elif ended or not (self._splits or self._can_gain(i, case)):
            self._stuck[i] = True
        return True

    def _has_gained(self, i: int, before: np.ndarray) -> bool:
        """Return whether the last turn closed at least the fraction `WORTH` of some gap.

        Args:
            i: Index of the case.
            before: `(m,)` lower bounds before the turn.
        """
        gap, left = (self.incumbent.cutoff() - lower for lower in (before, self._lower[i]))
        return bool(((gap > 0) & ~(left > (1.0 - WORTH) * gap)).any())

    def _can_gain(self, i: int, case: _SearchedBox) -> bool:
        """Return whether a case's search can still close over half of some objective's gap.

        The gap is the distance from the case's bound to the cutoff. The search can raise the bound
        at most to the least known value of the relaxation.
        """
        if case.search is None or not case.search.incumbent.best.size:
            return False
        cutoff, best = self.incumbent.cutoff(), case.search.incumbent.best
        return bool(((self._lower[i] < cutoff) & (best - self._lower[i] > cutoff - best)).any())

    def _worst(self) -> int | None:
        """Return the index of the open case whose bound is furthest below a cutoff, or None."""
        missing = (self.incumbent.cutoff() - self._lower) / self.incumbent.scale()
        missing = np.where(np.isnan(missing), 0.0, missing).max(axis=1)
        missing[self._stuck] = 0.0
        i = int(missing.argmax())
        return i if missing[i] > 0 else None

    def _take_turn(self, case: _SearchedBox) -> Stop:
        """Run the search of a case for its turn, and start it first if necessary.

        Return why the search stopped.
        """
        if case.search is None:
            whole = self._problem
            real = DomainBoxes(case.lo[None], case.hi[None], np.zeros(case.lo.size, bool))
            problem = Problem(whole.graph, whole.rows, whole.offset, real)
            incumbent = _CaseIncumbent(self.incumbent, whole.rows)
            try:
                case.search = attempt(
                    partial(self._begin, problem, incumbent), "the search of a case"
                )
            except SearchFailedError:
                return Stop.ERROR
            self._begun.append(case)
            if len(self._begun) > MOST_SEARCHES:
                self._begun.pop(0).search = None  # Its bounds are kept; its search may restart.
        incumbent, before = case.search.incumbent, case.search.incumbent.boxes
        stop = case.search.run(incumbent.clock.seconds + case.turn)
        self.incumbent.boxes += incumbent.boxes - before
        case.turn *= 2
        return stop

    def _adopt(self, i: int, search: Search) -> None:
        """Adopt the bounds that the search of case `i` has proved."""
        proved = np.fmax(search.lower(), search.incumbent.known)
        better = proved > self._lower[i]
        if better.any():
            self._lower[i] = np.where(better, proved, self._lower[i])
            self._warrant = min(self._warrant, search.warrant)
            self._methods |= dict.fromkeys(search.methods)

    def _offer(self, case: _SearchedBox, incumbent: Incumbent) -> None:
        """Offer the best points of a case, with integers rounded, to the shared incumbent."""
        problem, domain = self._problem, self._problem.domain
        better = incumbent.best < self.incumbent.best
        if not incumbent.best.size or not better.any():
            return
        x = np.clip(domain.snap(incumbent.best_at[better]), case.lo, case.hi)
        if not self._splits:
            inside = (domain.lo <= x[:, None]) & (x[:, None] <= domain.hi)
            x = x[np.any(inside.all(axis=2), axis=1)]
            if not len(x):
                return
        y = linear_forms(problem.rows, problem.graph.run(x)) + problem.offset
        y = np.where(np.isnan(y), np.inf, y)
        least = y.argmin(axis=0)
        self.incumbent.offer(y[least, np.arange(y.shape[1])], x[least])

    def _branching_input(
        self, i: int, case: _SearchedBox, stalled: bool, ended: bool
    ) -> tuple[int, float] | None:
        """Return the input along which to split a case, and the split value, or None.

        None means that the case is not split now. If the relaxation has a point below the cutoff,
        its search cannot close the case. A search for ranges nevertheless continues while it makes
        progress, and the gap between the bound and the relaxation's best value is wider than the
        gap between this value and the cutoff. If the search of a case has ended, only rounding
        errors are left, so the case is not split along real inputs.
        """
        whole = self._problem.domain.whole & (case.lo < case.hi)
        if case.search is not None and case.search.incumbent.best.size and whole.any():
            incumbent, cutoff = case.search.incumbent, self.incumbent.cutoff()
            lost = (cutoff - incumbent.best) / self.incumbent.scale()
            k = int(np.nan_to_num(lost, nan=-np.inf).argmax())
            rest = (incumbent.best[k] - self._lower[i, k]) / self.incumbent.scale()[k]
            decides = self.incumbent.target is not None
            at = np.clip(incumbent.best_at[k], case.lo, case.hi)
            apart = np.where(whole, np.abs(at - np.rint(at)), -1.0)
            j = int(apart.argmax())
            if lost[k] > 0 and apart[j] > 0 and (stalled or decides or lost[k] >= rest):
                return j, float(np.floor(at[j]))
        free = whole if ended else case.lo < case.hi
        return self._best_split(i, case, np.flatnonzero(free)) if stalled else None

    def _best_split(self, i: int, case: _SearchedBox, free: np.ndarray) -> tuple[int, float] | None:
        """Return the input in `free` whose halves have the best bounds, and the split value.

        The bounds are by back-substitution. Return None if no split improves them, for example if
        all units are stable.
        """
        whole = self._problem.domain.whole
        middle = 0.5 * case.lo + 0.5 * case.hi
        free = free[(case.lo < middle)[free] & (middle < case.hi)[free] | whole[free]]
        below = np.where(whole, np.floor(middle), middle)
        above = np.where(whole, below + 1.0, middle)
        n, rows = free.size, np.arange(free.size)
        lo, hi = (np.tile(end, (2 * n + 1, 1)) for end in (case.lo, case.hi))
        hi[rows, free], lo[rows + n, free] = below[free], above[free]
        lower = self._first_bounds(lo, hi)
        halves = np.minimum(lower[:n], lower[n : 2 * n])
        scale = self.incumbent.scale()
        missing = (self.incumbent.cutoff() - self._lower[i]) / scale
        k = int(np.nan_to_num(missing, nan=0.0).argmax())
        gain = (halves[:, k] - lower[-1, k]) / scale[k]
        if not gain.max(initial=0.0) > NO_GAIN:
            return None
        j = int(free[gain.argmax()])
        return j, float(below[j])

    def _split_case(self, i: int, j: int, below: float) -> None:
        """Split case `i` along input `j`: one part ends at `below`, the other part starts there.

        For an integer input, the other part starts at the next integer.
        """
        case = self._cases[i]
        lo, hi = np.stack([case.lo, case.lo]), np.stack([case.hi, case.hi])
        hi[0, j], lo[1, j] = below, below + self._problem.domain.whole[j]
        lower = np.maximum(self._first_bounds(lo, hi), self._lower[i])
        self._cases[i] = _SearchedBox(lo[0], hi[0])
        self._lower[i] = lower[0]
        self._cases.append(_SearchedBox(lo[1], hi[1]))
        self._lower = np.concatenate([self._lower, lower[1:]])
        self._stuck = np.append(self._stuck, False)
