"""Decide one group of clauses: its search, its proof, and its best point."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..graph import Graph
from ..graph.measure import measure
from .common.clause_groups import ClauseGroup
from .common.incumbent import Incumbent
from .common.problem import Problem
from .common.search import Search
from .common.solution import Progress, Stop
from .halving import open_boxes
from .portfolio import select_search
from .prefilter import METHODS, NothingOpen


TIE = 1e-9
"""A value this close to 0, relative to the range seen, may be 0 up to rounding."""

ABOVE_ZERO = float(np.nextafter(0.0, 1.0))

Accept = Callable[[np.ndarray], bool]
"""Called with a point `(d,)` whose value is low enough in float64; True decides the question."""


class GroupSearch:
    """Branch and bound against a threshold instead of the incumbent.

    Args:
        graph: The network, perhaps with more inputs.
        group: The clauses and their boxes.
        inputs: The number of the network's own inputs, which come first.
        time_limit: Seconds; None for no limit.
        seed: Seed of the samples.
    """

    def __init__(
        self,
        graph: Graph,
        group: ClauseGroup,
        inputs: int,
        time_limit: float | None,
        progress: Progress | None,
        seed: int,
        engine: str,
    ) -> None:
        m = len(group.clauses)
        self.target = np.where(group.strict, 0.0, ABOVE_ZERO)
        self.found = False
        self.incumbent = Incumbent(np.eye(m), 0.0, time_limit, progress)
        self.incumbent.target, self.incumbent.goal = self.target, self.target.copy()
        asked = measure(graph, group.clauses, group.distances)
        self._inputs, clock = inputs, self.incumbent.clock
        late = lambda: clock.expired  # noqa: E731
        roots, self.apart = open_boxes(asked, group.roots, self.target, late, self._met)
        self._filtered = len(roots.lo) < len(group.roots.lo)
        self.search: Search
        if not len(roots.lo):
            self.search = NothingOpen(self.incumbent, asked.size)
            return
        problem = Problem(asked, np.eye(m), np.zeros(m), roots)
        self.search = select_search(problem, self.incumbent, seed=seed, engine=engine)

    def _met(self, x: np.ndarray, y: np.ndarray) -> bool:
        """Keep the lowest of some points; whether one is below its goal."""
        low = np.where(np.isnan(y), np.inf, y)
        most = np.where(np.isnan(y), -np.inf, y).max(axis=0)
        self.incumbent.start(low.min(axis=0), x[low.argmin(axis=0)], most)
        return self.incumbent.met

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that were used."""
        return tuple(dict.fromkeys((*METHODS * self._filtered, *self.search.methods)))

    @property
    def boxes(self) -> int:
        """Sub-problems bounded."""
        return self.incumbent.boxes

    @property
    def lower(self) -> np.ndarray:
        """`(m,)` proved bounds of the clauses' values."""
        return np.minimum(np.fmax(self.search.lower(), self.incumbent.known), self.apart)

    @property
    def refuted(self) -> np.ndarray:
        """`(m,)` the clauses that are proved infeasible."""
        return self.lower >= self.target

    @property
    def proved(self) -> bool:
        """Whether no clause of the group holds anywhere."""
        return bool(np.all(self.refuted))

    @property
    def least(self) -> tuple[float, np.ndarray]:
        """The least value found, and where."""
        k = int(np.argmin(self.incumbent.best))
        return float(self.incumbent.best[k]), self.incumbent.best_at[k, : self._inputs]

    def run(self, seconds: float, accept: Accept) -> Stop:
        """Search until the given time; `Stop.GOAL` if a point was accepted."""
        until = self.incumbent.clock.seconds + seconds
        while (stop := self.search.run(until)) is Stop.GOAL:
            if self.offer_points(accept):
                return Stop.GOAL
        return stop

    def offer_ties(self, accept: Accept) -> bool:
        """Offer the best points of a finished search, also those that rounding puts above 0."""
        incumbent = self.incumbent
        near = incumbent.best <= TIE * incumbent.scale()
        points = incumbent.best_at[near & ~self.refuted, : self._inputs]
        self.found = any(accept(point) for point in points)
        return self.found

    def offer_points(self, accept: Accept) -> bool:
        """Offer the points below their goal; True if one was accepted."""
        incumbent = self.incumbent
        assert incumbent.goal is not None
        for k in np.flatnonzero(incumbent.best < incumbent.goal):
            if accept(incumbent.best_at[k, : self._inputs]):
                self.found = True
                return True
            # Refused (decided by float32 rounding, say): search for a clearly lower value.
            step = max(abs(incumbent.best[k]), 1e-9 * incumbent.scale()[k])
            incumbent.goal[k] = incumbent.best[k] - step
        return False
