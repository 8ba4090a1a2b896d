"""The search that decides one group of clauses, with its bounds and its best point."""

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
from .methods.pooled_clauses.subdivide import open_boxes
from .methods.table import POOLED_CLAUSES
from .prefilter import METHODS, NothingOpen
from .select_search import select_search


TIE = 1e-9
"""Largest value that is treated as 0 because of rounding, as a fraction of the observed range."""

ABOVE_ZERO = float(np.nextafter(0.0, 1.0))

Accept = Callable[[np.ndarray], bool]
"""Callback with a point `(d,)` whose value is low enough in float64; True accepts the point as a
witness."""


class GroupSearch:
    """Search that decides one group of clauses by comparing bounds with fixed targets.

    Args:
        graph: The network, perhaps with extra inputs.
        group: The clauses and their boxes.
        inputs: The number of the network's own inputs, which come first.
        time_limit: Seconds, or None for no limit.
        seed: Seed for the samples.
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
        self.accepted = False
        self.incumbent = Incumbent(np.eye(m), 0.0, time_limit, progress)
        self.incumbent.target, self.incumbent.goal = self.target, self.target.copy()
        values = measure(graph, group.clauses, group.distances)
        self._inputs, clock = inputs, self.incumbent.clock
        late = lambda: clock.expired  # noqa: E731
        roots, self.apart = group.roots, np.full(m, np.inf)
        if POOLED_CLAUSES.suits(graph, [group]):
            roots, self.apart = open_boxes(values, roots, self.target, late, self._keep_lowest)
        self._filtered = len(roots.lo) < len(group.roots.lo)
        self.search: Search
        if not len(roots.lo):
            self.search = NothingOpen(self.incumbent, values.size)
            return
        problem = Problem(values, np.eye(m), np.zeros(m), roots)
        self.search = select_search(problem, self.incumbent, seed=seed, engine=engine)

    def _keep_lowest(self, x: np.ndarray, y: np.ndarray) -> bool:
        """Keep the point of lowest value for each clause; return whether one is below its goal."""
        low = np.where(np.isnan(y), np.inf, y)
        most = np.where(np.isnan(y), -np.inf, y).max(axis=0)
        self.incumbent.start(low.min(axis=0), x[low.argmin(axis=0)], most)
        return self.incumbent.met

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods used so far, without repetition."""
        return tuple(dict.fromkeys((*METHODS * self._filtered, *self.search.methods)))

    @property
    def boxes(self) -> int:
        """Number of sub-problems bounded."""
        return self.incumbent.boxes

    @property
    def lower(self) -> np.ndarray:
        """`(m,)` proved lower bounds on the clauses' values over the whole domain."""
        return np.minimum(np.fmax(self.search.lower(), self.incumbent.known), self.apart)

    @property
    def refuted(self) -> np.ndarray:
        """`(m,)` whether each clause is proved infeasible."""
        return self.lower >= self.target

    @property
    def proved(self) -> bool:
        """Whether every clause of the group is proved infeasible."""
        return bool(np.all(self.refuted))

    @property
    def least(self) -> tuple[float, np.ndarray]:
        """The lowest clause value found, and the input at which it is attained."""
        k = int(np.argmin(self.incumbent.best))
        return float(self.incumbent.best[k]), self.incumbent.best_at[k, : self._inputs]

    def run(self, seconds: float, accept: Accept) -> Stop:
        """Search for `seconds`, or until a point is accepted; return the reason for the stop.

        The reason is `Stop.GOAL` if a point was accepted.
        """
        until = self.incumbent.clock.seconds + seconds
        while (stop := self.search.run(until)) is Stop.GOAL:
            if self.offer_points(accept):
                return Stop.GOAL
        return stop

    def offer_ties(self, accept: Accept) -> bool:
        """Offer the best points of open clauses after the search, also if their values are about 0.

        Returns:
            Whether a point was accepted.
        """
        incumbent = self.incumbent
        near = incumbent.best <= TIE * incumbent.scale()
        points = incumbent.best_at[near & ~self.refuted, : self._inputs]
        self.accepted = any(accept(point) for point in points)
        return self.accepted

    def offer_points(self, accept: Accept) -> bool:
        """Offer the points whose values are below their goals; return whether one was accepted."""
        incumbent = self.incumbent
        assert incumbent.goal is not None
        for k in np.flatnonzero(incumbent.best < incumbent.goal):
            if accept(incumbent.best_at[k, : self._inputs]):
                self.accepted = True
                return True
            # Rejected (by float32 rounding, for instance): aim for a clearly lower value.
            step = max(abs(incumbent.best[k]), 1e-9 * incumbent.scale()[k])
            incumbent.goal[k] = incumbent.best[k] - step
        return False
