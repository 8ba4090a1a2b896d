"""Distributes an input-splitting search over the workers, if there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...executors.ambient_pool import ambient_workers
from ..common.incumbent import Incumbent
from ..common.problem import Problem
from ..kernel.layer_program import LayerProgram


if TYPE_CHECKING:
    from ..engines.array_engine import Refine


def over_workers(
    problem: Problem,
    incumbent: Incumbent,
    local: Any,
    program: LayerProgram | None,
    seed: int,
    refine: Refine | None = None,
) -> Any:
    """Return the search over the workers, or the local search if there are none.

    Args:
        problem: Objectives and their boxes.
        incumbent: Clock, tolerances and the best points.
        local: The search in this process, on the kernel or the array engine.
        program: The layers for the kernel; None for the array engine.
        seed: Seed of the random points.
        refine: Creates the refinement of the workers' array engines; None for no refinement.
    """
    ambient = ambient_workers()
    if ambient is None:
        return local
    from .search import SpreadSearch

    return SpreadSearch(problem, incumbent, local, program, ambient, seed, refine)
