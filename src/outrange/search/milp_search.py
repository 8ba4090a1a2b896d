"""Many inputs, few undecided units: what the box search leaves open goes to a MILP solver.

The solver's dual bound is not a proof: what it closes carries `Warrant.SOLVER_TOLERANCE`, and is
lowered by its feasibility tolerance. Objectives it does not close keep their proved bound.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..core import Box, Warrant
from ..domains import bounds
from ..graph import Graph
from .milp import FEASIBILITY, Encoding
from .solution import Solution
from .state import State


METHOD = "mixed-integer programs with linear bounds (HiGHS; Tjeng et al. 2019)"

MOST_BINARIES = 2000
"""Beyond this a program is not even tried."""


def finish(
    graph: Graph, box: Box, rows: np.ndarray, offset: np.ndarray, state: State, found: Solution
) -> Solution:
    """Close what `found` leaves open, as far as time allows.

    Args:
        graph: Piecewise linear, without jumps.
        box: Its flat inputs.
        rows: `(m, outputs)`.
        offset: `(m,)`.
        state: The clock, and the points that count as seen.
        found: The box search's result, its points already in the graph's inputs.
    """
    ends = bounds(graph, box.lo[None], box.hi[None], "linear")
    if not all(np.isfinite(lo).all() and np.isfinite(hi).all() for lo, hi in ends):
        return found
    encoding = Encoding(graph, box, [(lo[0], hi[0]) for lo, hi in ends])
    if encoding.binaries > MOST_BINARIES:
        return found
    lower, seen, at = found.lower.copy(), found.seen.copy(), found.at.copy()
    still = np.flatnonzero(seen - lower > found.tolerance)
    stopped = None
    for position, k in enumerate(still):
        left = np.inf
        if state.time_limit is not None:
            left = (state.time_limit - state.seconds) / (still.size - position)
            if left <= 0:
                stopped = "time"
                break
        try:
            answer = encoding.minimize(rows[k], time_limit=left)
        except KeyboardInterrupt:
            stopped = "interrupted"
            break
        if answer.at is not None:
            y = graph.run(answer.at[None])[0] @ rows.T + offset
            better = y < seen
            seen[better], at[better] = y[better], answer.at
        slack = 10 * FEASIBILITY * (1.0 + abs(answer.lower + offset[k]))
        lower[k] = max(lower[k], min(answer.lower + offset[k] - slack, seen[k]))
        state.best, state.best_at = seen, at
        state.report(lower, int(still.size - position - 1), force=True)
        if not answer.optimal:
            stopped = "time"
    state.best, state.best_at = seen, at
    result = state.solution(lower, stopped, (*found.methods, METHOD))
    return replace(result, warrant=Warrant.SOLVER_TOLERANCE)
