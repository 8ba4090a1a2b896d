"""Lets a box search alternate with a MILP solver if the network has few unstable neurons.

The solver's dual bound is not a proof. So its bounds carry `Warrant.SOLVER_TOLERANCE`, and are
lowered by a multiple of its feasibility tolerance. If the solver does not finish an objective, the
proved bound of this objective is kept.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from ...core import Box, Warrant
from ...domains import bounds
from ...graph import Graph
from ..common.failures import SearchFailedError, attempt
from ..common.search import Search
from .encoding import FEASIBILITY, Encoding, has_encoding


METHOD = "mixed-integer programs with linear bounds (HiGHS; Tjeng et al. 2019)"

MOST_BINARIES = 48
"""Maximum number of binary variables for which the solver is used."""

PATIENCE = 3.0
"""Duration of the box search before the first run of the solver, in seconds. The duration doubles
after each run. It also limits the time of each minimization by the solver."""


class MilpTurns(Search):
    """A search that alternates between splitting boxes and running a MILP solver.

    Args:
        graph: The network, over all inputs.
        rows: `(m, outputs)` coefficients of the objectives.
        offset: `(m,)` constants of the objectives.
    """

    def __init__(
        self, boxes: Search, graph: Graph, box: Box, rows: np.ndarray, offset: np.ndarray
    ) -> None:
        self.incumbent, self._boxes = boxes.incumbent, boxes
        self.graph, self.box, self.rows, self.offset = graph, box, rows, offset
        self._encoding: Encoding | None = None
        self._tried = False
        self._closed = np.full(len(rows), -np.inf)
        """`(m,)` the solver's bounds on the objectives it has closed; `-inf` for the others."""
        self._patience = PATIENCE
        self._turn_ends = self.incumbent.clock.seconds + PATIENCE

    def lower(self) -> np.ndarray:
        return np.maximum(self._boxes.lower(), self._closed)

    @property
    def waiting(self) -> int:
        return self._boxes.waiting

    @property
    def finished(self) -> bool:
        return self._boxes.finished

    @property
    def _counts(self) -> bool:
        """Whether the solver has a better bound than the proved one for some objective."""
        proved = np.maximum(self._boxes.lower(), self.incumbent.known)
        return bool(np.any(self._closed > proved))

    @property
    def methods(self) -> tuple[str, ...]:
        return (*self._boxes.methods, METHOD) if self._counts else self._boxes.methods

    @property
    def warrant(self) -> Warrant:
        return Warrant.SOLVER_TOLERANCE if self._counts else Warrant.FLOAT64_ROUNDED

    def recover(self) -> None:
        self._boxes.recover()

    def advance(self) -> bool:
        """Advance the box search, after a run of the solver if one is due."""
        clock = self.incumbent.clock
        if clock.seconds > self._turn_ends:
            self._turn_ends = np.inf
            with suppress(SearchFailedError):
                attempt(self._take_turn, "the mixed-integer solver")
        return self._boxes.advance()

    def _take_turn(self) -> None:
        """Run the solver, and schedule its next turn; encode the problem first if necessary."""
        if not self._tried:
            self._tried = True
            self._encoding = _encoding(self.graph, self.box)
        if self._encoding is not None:
            self._solve(self._encoding)
            self._patience *= 2
            self._turn_ends = self.incumbent.clock.seconds + self._patience

    def _solve(self, encoding: Encoding) -> None:
        """Use the MILP solver to minimize every objective that is still open."""
        incumbent = self.incumbent
        proved = np.maximum(self._boxes.lower(), incumbent.known)
        gap = incumbent.best - proved
        for k in np.flatnonzero(~np.isfinite(self._closed) & (gap > incumbent.tolerance())):
            left = min(self._patience, incumbent.clock.left)
            if left <= 0:
                return
            answer = encoding.minimize(self.rows[k], time_limit=left)
            if answer.at is not None:
                y = self.graph.run(answer.at[None])[0] @ self.rows.T + self.offset
                incumbent.offer(y, np.tile(answer.at, (len(y), 1)))
            if answer.optimal:
                value = answer.lower + self.offset[k]
                slack = 10 * FEASIBILITY * (1.0 + abs(value))
                self._closed[k] = min(value - slack, incumbent.best[k])
                incumbent.dropped = np.isfinite(self._closed)


def _encoding(graph: Graph, box: Box) -> Encoding | None:
    """Encode a graph as a MILP; return None if that is impossible or needs too many binaries."""
    if not all(has_encoding(node.op) for node in graph.nodes):
        return None
    ends = bounds(graph, box.lo[None], box.hi[None], "linear")
    if not all(np.isfinite(lo).all() and np.isfinite(hi).all() for lo, hi in ends):
        return None
    encoding = Encoding(graph, box, [(lo[0], hi[0]) for lo, hi in ends])
    return encoding if encoding.binaries <= MOST_BINARIES else None
