"""Minimizes linear forms of a network's outputs over a norm ball."""

from __future__ import annotations

import numpy as np

from ..core import Box, Distance, OutOfTime, Region, deadline
from ..core.formula import TRUE
from ..graph import Graph
from .common.incumbent import Incumbent
from .common.problem import Problem
from .common.search import ended_by
from .common.solution import Progress, Solution, Status
from .common.tolerance import Tolerance, is_curved
from .methods.norm_ball.boxes import BallBoxes
from .methods.table import NORM_BALL
from .select_search import select_search


def lone_ball(region: Region) -> Distance | None:
    """Return the ball of a region that is the intersection of a ball and a box, otherwise None.

    Also return None if the ball's radius is not positive, if its center lies outside the box, if
    some input is an integer, or if the method for norm balls is disabled.
    """
    if len(region.distances) != 1 or region.integer.any() or region.condition != TRUE:
        return None
    ball, box = region.distances[0], region.box
    inside = (box.lo[ball.index] <= ball.center) & (ball.center <= box.hi[ball.index])
    is_lone = inside.all() and ball.radius > 0 and NORM_BALL.is_enabled
    return ball if is_lone else None


def solve_in_ball(
    graph: Graph,
    box: Box,
    ball: Distance,
    rows: np.ndarray,
    *,
    tol: float | None = None,
    time_limit: float | None = None,
    progress: Progress | None = None,
    seed: int = 0,
) -> Solution:
    """Bracket `min rows[k] @ output(x)` over the part of a box that lies in a ball.

    Args:
        box: Finite box around the ball, or around a part of it.
        ball: Norm ball whose center lies in the box.
        rows: Array of shape `(m, outputs)`.
        time_limit: Seconds, or None for no limit.
        progress: Called at most about twice a second with a `SearchProgress`.
        seed: Seed for the samples.

    Sound: yes, float64 rounding accounted for. Complete: convergent. Cost: as for `solve` with
    input splits on the array engine.
    """
    rows = np.atleast_2d(np.asarray(rows, np.float64))
    with deadline(time_limit), np.errstate(all="ignore"):
        incumbent = Incumbent(rows, Tolerance.of(tol, is_curved(graph)), time_limit, progress)
        domain = BallBoxes(box.lo[None], box.hi[None], np.zeros(box.size, bool), ball)
        problem = Problem(graph, rows, np.zeros(len(rows)), domain)
        try:
            search = select_search(problem, incumbent, seed=seed)
        except (OutOfTime, MemoryError, KeyboardInterrupt) as early:
            return _only_intervals(ended_by(early), incumbent, box.size, len(rows))
        return search.solution(search.run())


def _only_intervals(status: Status, incumbent: Incumbent, inputs: int, count: int) -> Solution:
    """Return a solution with interval bounds, and without points."""
    return Solution(
        status,
        incumbent.known,
        np.full(count, np.inf),
        np.full((count, inputs), np.nan),
        np.zeros(count),
        seconds=incumbent.clock.seconds,
        methods=("interval arithmetic",),
    )
