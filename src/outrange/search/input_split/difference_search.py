"""Input splits on layers of differences of counterparts, on the compiled kernel."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from ...graph import Graph
from ..attack.first_points import First
from ..attack.hill_climb import hill_climb
from ..common.domain_boxes import DomainBoxes
from ..common.incumbent import Incumbent
from ..common.problem import Problem
from ..kernel.binding import library
from ..kernel.differences import compile_differences
from ..kernel.layer_program import LayerProgram
from .attack_open_boxes import OpenBoxAttack
from .frontier import Frontier
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


class RidgeAttack(OpenBoxAttack):
    """Rounds of hill climbing on the whole box, objective by objective, see `hill_climb`.

    Descents from open boxes are left to the usual search, in turns with this one. Copies that are
    not the same to a tolerance differ by more in small places alone, and a proof is not to be had.
    """

    _next = 0

    def attempt(
        self,
        frontier: Frontier,
        incumbent: Incumbent,
        offer: Callable[[np.ndarray, np.ndarray], None],
    ) -> None:
        """See `OpenBoxAttack.attempt`."""
        began = incumbent.clock.seconds
        if incumbent.target is None or not len(frontier) or not self.is_due(began):
            return
        evaluate, rng = self._evaluate, self._rng
        k, self._next = self._next, self._next + 1
        values, at = hill_climb(self._gradient, evaluate, self._roots, k % incumbent.best.size, rng)
        best = values.argmin(axis=0)
        offer(values[best, np.arange(best.size)], at[best])
        self._spent += incumbent.clock.seconds - began

    def _evaluate(self, x: np.ndarray) -> np.ndarray:
        return self._gradient(x, np.zeros(len(x), int))[0]


class DifferenceSearch(KernelSearch):
    """Input splits in C on a program with layers of differences; see `KernelSearch`."""

    methods = METHODS
    attack = RidgeAttack
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
