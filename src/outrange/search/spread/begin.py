"""Where a search of input splits becomes one over workers, if there are any."""

from __future__ import annotations

from typing import Any

from ...executors.seam import workers
from ..common.incumbent import Incumbent
from ..common.problem import Problem
from ..kernel.layer_program import LayerProgram


def over_workers(
    problem: Problem, incumbent: Incumbent, local: Any, program: LayerProgram | None, seed: int
) -> Any:
    """The search over the workers that there are; as it is if there are none.

    Args:
        problem: What it is about.
        incumbent: The clock, the tolerances, the points found.
        local: The search in this process, on the kernel or the array engine.
        program: The layers on the kernel; None on the array engine.
        seed: Of the random points.
    """
    found = workers()
    if found is None:
        return local
    from .search import SpreadSearch

    return SpreadSearch(problem, incumbent, local, program, found, seed)
