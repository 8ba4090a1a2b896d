"""The search over independent parts of a problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ...core import Warrant, no_deadline
from ...core.arrays import linear_forms
from ..common.failures import SearchFailedError, attempt
from ..common.incumbent import Incumbent
from ..common.parts import Part
from ..common.problem import Problem
from ..common.search import Search, pass_on
from ..common.solution import Stop
from .canvases import Canvases


FIRST_TURN = 0.05
"""Seconds of the first turn of each part; every later round doubles it. Most end in the first."""

Begin = Callable[[Problem, Incumbent], Search]
"""Begins the search that suits a problem."""


@dataclass(eq=False)
class _Running:
    """A part, its own incumbent, and its search once it has begun."""

    part: Part
    incumbent: Incumbent
    search: Search | None = None


class ConeSearch(Search):
    """Searches each part on its own, in turns; what one proves holds for all copies of it.

    Args:
        parts: Its parts, every objective in one of them.
        begin: Begins the search of a part.
    """

    def __init__(
        self, problem: Problem, parts: list[Part], incumbent: Incumbent, begin: Begin
    ) -> None:
        self.incumbent, self._problem, self._begin = incumbent, problem, begin
        self._lower = np.full(len(problem.rows), -np.inf)
        self._parts = [_Running(part, self._own_incumbent(part)) for part in parts]
        self._going = list(self._parts)
        self._turn, self._at = FIRST_TURN, 0
        self._failed = False
        middle = problem.domain.middle()
        with no_deadline():
            y = linear_forms(problem.rows, problem.graph.run(middle)) + problem.offset
        incumbent.start(y[0], np.tile(middle, (len(y[0]), 1)), y[0])

    def _own_incumbent(self, part: Part) -> Incumbent:
        """Of a part's own points; it has the threshold of the whole, and the clock's limit."""
        whole, first = self.incumbent, part.places[0][0]
        left = whole.clock.left
        own = Incumbent(
            part.rows, whole.convergence.tolerance, None if np.isinf(left) else left, None
        )
        if whole.target is not None:
            own.target = whole.target[first]
        return own

    def lower(self) -> np.ndarray:
        return self._lower

    @property
    def methods(self) -> tuple[str, ...]:
        """Those of the parts, and the division into them."""
        own = "cone of influence reduction (Clarke, Grumberg, Peled 1999)"
        begun = (run.search.methods for run in self._parts if run.search is not None)
        return tuple(dict.fromkeys((own, *(m for methods in begun for m in methods))))

    @property
    def waiting(self) -> int:
        return sum(1 if run.search is None else run.search.waiting for run in self._going)

    @property
    def warrant(self) -> Warrant:
        begun = [run.search.warrant for run in self._parts if run.search is not None]
        return min(begun, default=Warrant.FLOAT64_ROUNDED)

    @property
    def finished(self) -> bool:
        return not self._going

    def recover(self) -> None:
        for run in self._parts:
            if run.search is not None:
                run.search.recover()
            self._adopt(run)

    def advance(self) -> bool:
        """Give the part whose turn it is its time."""
        run = self._going[self._at]
        self._share(run)
        stop = None if run.incumbent.decided else self._take_turn(run)
        self._adopt(run)
        self._failed = self._failed or stop is Stop.ERROR
        if stop in (None, Stop.FINISHED, Stop.ERROR):
            self._going.pop(self._at)
        else:
            pass_on(stop)
            self._at += 1
        if self._at >= len(self._going):
            self._at, self._turn = 0, 2 * self._turn
        if self._failed and not self._going:
            raise SearchFailedError
        return bool(self._going)

    def _take_turn(self, run: _Running) -> Stop:
        """Begin the search of a part if need be, and run it for its turn."""
        if run.search is None:
            part = run.part
            own = Problem(part.graph, part.rows, part.offset, part.domain)
            begin = partial(self._begin, own, run.incumbent)
            try:
                run.search = attempt(begin, "the beginning of a search")
            except SearchFailedError:
                return Stop.ERROR
        before = run.incumbent.boxes
        stop = run.search.run(run.incumbent.clock.seconds + self._turn)
        self.incumbent.boxes += run.incumbent.boxes - before
        return stop

    def _share(self, run: _Running) -> None:
        """Hand on what the caller has changed of the objectives."""
        whole, first = self.incumbent, run.part.places[0][0]
        if whole.goal is not None:
            every = np.array([whole.goal[objectives] for objectives, _ in run.part.places])
            run.incumbent.goal = every.max(axis=0)
        if isinstance(whole.dropped, np.ndarray):
            every = np.array([whole.dropped[objectives] for objectives, _ in run.part.places])
            run.incumbent.dropped = np.asarray(every.all(axis=0))
        run.incumbent.prove(whole.known[first])

    def _adopt(self, run: _Running) -> None:
        """Bounds and points of a part, for all objectives it stands for."""
        own, whole = run.incumbent, self.incumbent
        proved = own.known if run.search is None else np.fmax(run.search.lower(), own.known)
        for objectives, _ in run.part.places:
            self._lower[objectives] = np.fmax(self._lower[objectives], proved)
        whole.prove(self._lower)
        if not own.best.size:
            return
        self._raise_floor(run)
        for objectives, _ in run.part.places:
            whole.most[objectives] = np.maximum(whole.most[objectives], own.most)
        self._gather(run)

    def _raise_floor(self, run: _Running) -> None:
        whole = self.incumbent
        floor = np.broadcast_to(whole.floor, self._lower.shape).copy()
        for objectives, _ in run.part.places:
            floor[objectives] = run.incumbent.floor
        whole.floor = floor

    def _gather(self, run: _Running) -> None:
        """Offer points of the whole that attain what a part has found.

        Points of several copies and parts share one of the whole where they do not meet: the
        answer then names few inputs, each the evidence of many objectives.
        """
        whole, own = self.incumbent, run.incumbent
        middle = self._problem.domain.middle()[0]
        canvases = Canvases(middle)
        for k in range(len(own.best)):
            better = [
                (objectives[k], canvases.place(inputs, own.best_at[k]))
                for objectives, inputs in run.part.places
                if own.best[k] < whole.best[objectives[k]]
            ]
            for objective, canvas in better:
                whole.best_at[objective] = canvases.points[canvas]
                whole.best[objective] = own.best[k]
