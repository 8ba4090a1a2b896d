"""Minimizes linear forms of a network's outputs over a norm ball."""

from __future__ import annotations

from functools import partial

import numpy as np

from ...core import Box, Distance, OutOfTime, Region, deadline
from ...core.formula import TRUE
from ...graph import Graph
from ..attack.first_points import first_points
from ..common.incumbent import Incumbent
from ..common.problem import Problem
from ..common.search import ended_by
from ..common.solution import Progress, Solution, Status
from ..common.tolerance import Tolerance, is_curved
from ..engines.array_engine import ArrayEngine
from ..input_split.array_search import METHODS, ArraySearch
from .engine import BallBoxes, BallEngine


IN_BALL = "linear forms over a box and a norm ball by duality (Boyd, Vandenberghe 2004)"


def lone_ball(region: Region) -> Distance | None:
    """Return the ball of a region, or None if the region is not a ball cut by a box.

    The ball's radius must be positive, and the box must contain the ball's center. The region must
    have no integer inputs and no other condition.
    """
    if len(region.distances) != 1 or region.integer.any() or region.condition != TRUE:
        return None
    ball, box = region.distances[0], region.box
    inside = (box.lo[ball.index] <= ball.center) & (ball.center <= box.hi[ball.index])
    return ball if inside.all() and ball.radius > 0 else None


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
        incumbent.prove(problem.by_intervals(graph))
        try:
            engine = BallEngine(ArrayEngine(problem.small, rows, problem.offset, box), ball)
            first = partial(first_points, late=lambda: incumbent.clock.expired)
            search = ArraySearch(engine, domain, incumbent, seed=seed, first=first)
        except (OutOfTime, MemoryError, KeyboardInterrupt) as early:
            return _only_intervals(ended_by(early), incumbent, box.size, len(rows))
        search.methods = (*METHODS, IN_BALL)
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
