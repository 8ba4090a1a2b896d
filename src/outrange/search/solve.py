"""Minimizes linear forms of a network's outputs over a box."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..core import Box, OutOfTime, deadline, no_deadline
from ..core.arrays import linear_forms
from ..core.clock import ends_stalled
from ..graph import Graph
from .common.domain_boxes import DomainBoxes
from .common.failures import SearchFailedError, attempt
from .common.incumbent import Incumbent
from .common.problem import Problem
from .common.search import ended_by
from .common.solution import Progress, Solution, Status
from .common.tolerance import Tolerance, is_curved
from .select_search import select_search


def solve(
    graph: Graph,
    box: Box | DomainBoxes,
    rows: np.ndarray,
    offset: np.ndarray | None = None,
    *,
    tol: float | None = None,
    time_limit: float | None = None,
    progress: Progress | None = None,
    seed: int = 0,
    engine: str = "auto",
    solver: bool = True,
) -> Solution:
    """Bracket `min over the box of rows[k] @ output(x) + offset[k]` for every `k`.

    Args:
        box: Box of the flat inputs, or a union of boxes, perhaps with integer inputs.
        rows: `(m, outputs)`; a row and its negative together give a range.
        offset: `(m,)`, zeros by default.
        tol: Gap to reach, relative to the range that each form attains. The default is 1e-6. If the
            network is not piecewise linear, the search may stop at a gap of 1e-4. It does so if
            more than two further seconds, and as many further sub-problems as it took to reach this
            gap, have not sufficed for 1e-6.
        time_limit: Wall-clock seconds, or None for no limit.
        progress: Called at most about twice a second with a `SearchProgress`.
        seed: Seed for the samples that start the search.
        engine: `"auto"` uses the compiled kernel if the graph allows it; `"array"` never does.
        solver: Whether a mixed-integer solver may close objectives that box splits leave open; its
            bounds carry `Warrant.SOLVER_TOLERANCE`.

    Returns:
        A `Solution`, which is valid regardless of why the search stopped.

    Sound: yes, float64 rounding errors accounted for. Complete: yes for piecewise-linear graphs (up
    to float64 resolution), convergent for smooth ones. Very wide graphs get an incomplete search
    (`methods.incomplete`). Cost: exponential in the number of inputs at worst.
    """
    rows = np.atleast_2d(np.asarray(rows, np.float64))
    offset = np.zeros(len(rows)) if offset is None else np.asarray(offset, np.float64)
    with deadline(time_limit), np.errstate(all="ignore"):
        wanted = Tolerance.of(tol, is_curved(graph))
        incumbent = Incumbent(rows, wanted, time_limit, progress)
        incumbent.ends_stalled = ends_stalled()
        domain = DomainBoxes.of(box) if isinstance(box, Box) else box
        problem = Problem(graph, rows, offset, domain)
        try:
            begin = partial(select_search, seed=seed, engine=engine, solver=solver)
            search = attempt(lambda: begin(problem, incumbent), "the choice of a search")
        except (OutOfTime, MemoryError, KeyboardInterrupt, SearchFailedError) as early:
            status = ended_by(early)
        else:
            return search.solution(search.run())
        # Not in the handler: the exception still holds references to the full memory there.
        return _before_any_search(problem, incumbent, status)


def _before_any_search(problem: Problem, incumbent: Incumbent, status: Status) -> Solution:
    """Return a solution for a search that could not start.

    It contains the bounds proved so far, or interval bounds if there are none, and the values at
    the middle of a box.
    """
    middle = problem.domain.middle()
    with no_deadline():
        if np.isneginf(incumbent.known).all():
            incumbent.prove(problem.by_intervals(problem.graph))
        y = linear_forms(problem.rows, problem.graph.run(middle)) + problem.offset
    return Solution(
        status,
        incumbent.known,
        y[0],
        np.tile(middle, (len(problem.rows), 1)),
        np.zeros(len(problem.rows)),
        boxes=1,
        seconds=incumbent.clock.seconds,
        methods=("interval arithmetic",),
        tol=incumbent.convergence.tolerance.fine,
    )
