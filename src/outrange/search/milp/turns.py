"""Few inputs, few undecided units, and box splits that get nowhere: a solver takes its turn.

The solver's dual bound is not a proof: what it closes carries `Warrant.SOLVER_TOLERANCE`, and is
lowered by its feasibility tolerance. Objectives it does not close keep their proved bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import Box
from ...domains import bounds
from ...graph import Graph
from ...graph.graph import Op
from ...ops import Curve, Product
from ..common.incumbent import State
from .encoding import FEASIBILITY, Encoding


METHOD = "mixed-integer programs with linear bounds (HiGHS; Tjeng et al. 2019)"

MOST_BINARIES = 48
"""Up to this many, a program is worth its turn."""


@dataclass(eq=False)
class Program:
    """The program of one graph over one box, shared by all objectives.

    Args:
        graph: Piecewise linear, without jumps.
        rows: `(m, outputs)`.
        offset: `(m,)`.
        encoding: Its rows and columns.
        lower: `(m,)` the bounds of what it closed, `-inf` elsewhere.
    """

    graph: Graph
    rows: np.ndarray
    offset: np.ndarray
    encoding: Encoding
    lower: np.ndarray

    def close(self, proved: np.ndarray, free: np.ndarray, state: State, each: float) -> str | None:
        """Give every objective that is still open `each` seconds.

        Args:
            proved: `(m,)` bounds known from elsewhere.
            free: `(d,)` which of the graph's inputs the state's points hold.
            state: What is closed is dropped there, and better points are offered.
            each: Seconds.

        Returns:
            None, or why it stopped early.
        """
        waiting = ~np.isfinite(self.lower) & (state.best - proved > state.tolerance())
        for k in np.flatnonzero(waiting):
            left = each
            if state.time_limit is not None:
                left = min(each, state.time_limit - state.seconds)
                if left <= 0:
                    return "time"
            try:
                answer = self.encoding.minimize(self.rows[k], time_limit=left)
            except KeyboardInterrupt:
                return "interrupted"
            if answer.at is not None:
                y = self.graph.run(answer.at[None])[0] @ self.rows.T + self.offset
                state.offer(y, np.tile(answer.at[free], (len(y), 1)))
            if answer.optimal:
                value = answer.lower + self.offset[k]
                slack = 10 * FEASIBILITY * (1.0 + abs(value))
                self.lower[k] = min(value - slack, state.best[k])
                state.dropped = np.isfinite(self.lower)
        return None


def _is_straight(op: Op) -> bool:
    if isinstance(op, Curve):
        return op.is_piecewise_linear
    return not isinstance(op, Product)


def program(graph: Graph, box: Box, rows: np.ndarray, offset: np.ndarray) -> Program | None:
    """The program, or None where there is none or it would be too large to be of use."""
    if not all(_is_straight(node.op) for node in graph.nodes):
        return None
    ends = bounds(graph, box.lo[None], box.hi[None], "linear")
    if not all(np.isfinite(lo).all() and np.isfinite(hi).all() for lo, hi in ends):
        return None
    encoding = Encoding(graph, box, [(lo[0], hi[0]) for lo, hi in ends])
    if encoding.binaries > MOST_BINARIES:
        return None
    return Program(graph, rows, offset, encoding, np.full(len(rows), -np.inf))
