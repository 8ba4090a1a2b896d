"""Input splits on layers of differences of counterparts, on the compiled kernel."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from ...graph import Graph
from ..attack.first_points import First
from ..common.domain_boxes import DomainBoxes
from ..common.incumbent import Incumbent
from ..common.problem import Problem
from ..kernel.binding import library
from ..kernel.differences import compile_differences
from ..kernel.layer_program import LayerProgram
from .attack_open_boxes import OpenBoxAttack
from .halves import Halves, few_points
from .kernel_search import KernelSearch


METHODS = (
    "differential bounds of counterparts (ReluDiff, Paulsen et al. 2020)",
    "slope ascent on the bounds of units (alpha-CROWN, Xu et al. 2021)",
    "input splits by gap attribution",
    "clipping (Zhou et al. 2025)",
)

UNIT_ASCENT = 4
"""Steps of ascent on the bound of a unit that seems to be settled."""


class RareAttack(OpenBoxAttack):
    """Few descents from open boxes: the usual search, in turns with this one, has many."""

    share = 0.05


class DifferenceSearch(KernelSearch):
    """Input splits in C on a program with layers of differences; see `KernelSearch`."""

    methods = METHODS
    attack = RareAttack
    leaves = False  # The phases of two units that differ are not those of one.

    def __init__(
        self, program: LayerProgram, domain: DomainBoxes, incumbent: Incumbent, **named: Any
    ) -> None:
        super().__init__(program, domain, incumbent, **named)
        self.kernel.sharpen(UNIT_ASCENT)


def difference_search(
    problem: Problem, graph: Graph, curves: Collection[int], incumbent: Incumbent, seed: int
) -> Halves | None:
    """The search, begun; None where the kernel or its kind of layers is missing.

    Args:
        problem: Objectives and their boxes.
        graph: Its graph, with counterparts.
        curves: See `compile_differences`.
        incumbent: The clock and the tolerances; it keeps the points found.
        seed: Seed of the samples.
    """
    if library() is None or not problem.is_one_box or problem.domain.whole.any():
        return None
    hull = problem.domain.hull
    fixed = np.where(hull.lo < hull.hi, np.nan, hull.lo)
    program = compile_differences(graph, curves, problem.rows, problem.offset, fixed)
    if program is None:
        return None

    def begin(domain: DomainBoxes, _: First | None) -> Any:
        return DifferenceSearch(program, domain, incumbent, seed=seed, first=few_points)

    return Halves(problem.domain, begin)
