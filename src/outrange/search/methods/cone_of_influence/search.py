"""Search over independent parts of a problem."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from ....core import Warrant, no_deadline
from ....core.arrays import linear_forms
from ...common.failures import SearchFailedError, attempt
from ...common.incumbent import Incumbent
from ...common.parts import Part
from ...common.portfolio import Rounds
from ...common.problem import Problem
from ...common.search import Search, pass_on
from ...common.solution import Stop
from ...common.task import Begin
from .canvases import Canvases


FIRST_TURN = 0.05
"""Length of the first turn of each part, in seconds; it doubles with every round. Most parts need
just one turn."""


@dataclass(eq=False)
class _Running:
    """A part, its incumbent, and its search (None before the search has started)."""

    part: Part
    incumbent: Incumbent
    search: Search | None = None


class ConeSearch(Search):
    """Search that alternates among the parts' searches; a part's bounds apply to all its copies.

    Args:
        parts: The problem's parts; every objective belongs to one part.
        incumbent: Incumbent of the whole problem.
        begin: Function that starts the search of a part.
    """

    def __init__(
        self, problem: Problem, parts: list[Part], incumbent: Incumbent, begin: Begin
    ) -> None:
        self.incumbent, self._problem, self._begin = incumbent, problem, begin
        self._lower = np.full(len(problem.rows), -np.inf)
        self._parts = [_Running(part, self._incumbent_of_part(part)) for part in parts]
        self._rounds = Rounds(self._parts, FIRST_TURN)
        self._failed = False
        middle = problem.domain.middle()
        with no_deadline():
            y = linear_forms(problem.rows, problem.graph.run(middle)) + problem.offset
        incumbent.start(y[0], np.tile(middle, (len(y[0]), 1)), y[0])

    def _incumbent_of_part(self, part: Part) -> Incumbent:
        """Create a part's incumbent, with its targets and the time left for the whole problem."""
        whole, first = self.incumbent, part.places[0][0]
        left = whole.clock.left
        incumbent = Incumbent(
            part.rows, whole.convergence.tolerance, None if np.isinf(left) else left, None
        )
        if whole.target is not None:
            incumbent.target = whole.target[first]
        return incumbent

    def lower(self) -> np.ndarray:
        return self._lower

    @property
    def methods(self) -> tuple[str, ...]:
        """The method that divides the problem into parts, and the methods used for the parts."""
        division = "cone of influence reduction (Clarke, Grumberg, Peled 1999)"
        begun = (run.search.methods for run in self._parts if run.search is not None)
        return tuple(dict.fromkeys((division, *(m for methods in begun for m in methods))))

    @property
    def waiting(self) -> int:
        return sum(1 if run.search is None else run.search.waiting for run in self._rounds.going)

    @property
    def warrant(self) -> Warrant:
        begun = [run.search.warrant for run in self._parts if run.search is not None]
        return min(begun, default=Warrant.FLOAT64_ROUNDED)

    @property
    def finished(self) -> bool:
        return not self._rounds.going

    def recover(self) -> None:
        for run in self._parts:
            if run.search is not None:
                run.search.recover()
            self._adopt(run)

    def advance(self) -> bool:
        """Run the next part for one turn, and return whether any part is unfinished.

        Raises:
            SearchFailedError: All parts have ended, and at least one of them failed.
        """
        run = self._rounds.current
        self._share(run)
        stop = None if run.incumbent.decided else self._take_turn(run)
        self._adopt(run)
        self._failed = self._failed or stop is Stop.ERROR
        goes_on = stop not in (None, Stop.FINISHED, Stop.ERROR)
        if goes_on:
            pass_on(stop)
        self._rounds.end_turn(goes_on=goes_on)
        if self._failed and self.finished:
            raise SearchFailedError
        return not self.finished

    def _take_turn(self, run: _Running) -> Stop:
        """Run the search of a part for its turn; start the search first if necessary."""
        if run.search is None:
            part = run.part
            problem = Problem(part.graph, part.rows, part.offset, part.domain)
            begin = partial(self._begin, problem, run.incumbent)
            try:
                run.search = attempt(begin, "the beginning of a search")
            except SearchFailedError:
                return Stop.ERROR
        before = run.incumbent.boxes
        stop = run.search.run(run.incumbent.clock.seconds + self._rounds.turn)
        self.incumbent.boxes += run.incumbent.boxes - before
        return stop

    def _share(self, run: _Running) -> None:
        """Pass goals, dropped objectives and proved bounds from the whole problem to a part."""
        whole, first = self.incumbent, run.part.places[0][0]
        if whole.goal is not None:
            every = np.array([whole.goal[objectives] for objectives, _ in run.part.places])
            run.incumbent.goal = every.max(axis=0)
        if isinstance(whole.dropped, np.ndarray):
            every = np.array([whole.dropped[objectives] for objectives, _ in run.part.places])
            run.incumbent.dropped = np.asarray(every.all(axis=0))
        run.incumbent.prove(whole.known[first])

    def _adopt(self, run: _Running) -> None:
        """Adopt bounds and points of a part for all objectives that the part represents."""
        incumbent, whole = run.incumbent, self.incumbent
        proved = (
            incumbent.known if run.search is None else np.fmax(run.search.lower(), incumbent.known)
        )
        for objectives, _ in run.part.places:
            self._lower[objectives] = np.fmax(self._lower[objectives], proved)
        whole.prove(self._lower)
        if not incumbent.best.size:
            return
        self._raise_floor(run)
        for objectives, _ in run.part.places:
            whole.most[objectives] = np.maximum(whole.most[objectives], incumbent.most)
        self._gather(run)

    def _raise_floor(self, run: _Running) -> None:
        """Set the smallest gaps that rounding allows (`floor`) for a part's objectives."""
        whole = self.incumbent
        floor = np.broadcast_to(whole.floor, self._lower.shape).copy()
        for objectives, _ in run.part.places:
            floor[objectives] = run.incumbent.floor
        whole.floor = floor

    def _gather(self, run: _Running) -> None:
        """Offer points of the whole input that attain the values of a part's points.

        Points of several copies are merged into one point of the whole input if they do not
        conflict. So the answer contains few inputs, each of which is evidence for many objectives.
        """
        whole, incumbent = self.incumbent, run.incumbent
        middle = self._problem.domain.middle()[0]
        canvases = Canvases(middle)
        for k in range(len(incumbent.best)):
            better = [
                (objectives[k], canvases.place(inputs, incumbent.best_at[k]))
                for objectives, inputs in run.part.places
                if incumbent.best[k] < whole.best[objectives[k]]
            ]
            for objective, canvas in better:
                whole.best_at[objective] = canvases.points[canvas]
                whole.best[objective] = incumbent.best[k]
