"""Input splits on layers of differences of counterparts, on the compiled kernel."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from ...graph import Graph
from ..attack.first_points import First
from ..attack.hill_climb import hill_climb
from ..attack.pgd import Evaluate, PacedGradient
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

FIRST_SHARE, FIRST_SECONDS = 0.01, 1.0
"""Of the time limit, and seconds at most: how long is climbed before any box is bounded."""

Offer = Callable[[np.ndarray, np.ndarray], None]
"""Called with values `(m,)` and points `(m, free)`."""


class RidgeAttack(OpenBoxAttack):
    """Rounds of hill climbing on the whole box, see `hill_climb`: some at first, then few.

    Copies that are not the same to a tolerance differ by more in small places alone, and bounds
    take long to lead there. Descents from open boxes are left to the usual search, in turns with
    this one.

    Args:
        evaluate: `x (b, d) -> (b, m)`.
    """

    share = 0.1

    def __init__(
        self,
        gradient: PacedGradient,
        evaluate: Evaluate,
        roots: DomainBoxes,
        rng: np.random.Generator,
    ) -> None:
        super().__init__(gradient, roots, rng)
        self._evaluate = evaluate

    def begin(self, incumbent: Incumbent, offer: Offer) -> None:
        """Climb before any box is bounded: for `FIRST_SHARE` of the time, and once at least."""
        clock = incumbent.clock
        until = clock.seconds + min(FIRST_SECONDS, FIRST_SHARE * clock.limit)
        while self._climb(incumbent, offer) and clock.seconds < until:
            pass

    def attempt(self, frontier: Frontier, incumbent: Incumbent, offer: Offer) -> None:
        """See `OpenBoxAttack.attempt`."""
        if len(frontier) and self.is_due(incumbent.clock.seconds):
            self._climb(incumbent, offer)

    def _climb(self, incumbent: Incumbent, offer: Offer) -> bool:
        """Offer the points of a round; return whether another round is worthwhile."""
        began, goal = incumbent.clock.seconds, incumbent.goal
        if goal is None or incumbent.met:
            return False
        # A goal of minus infinity is none, and nothing lies below what is proved.
        open_ = np.flatnonzero(np.isfinite(incumbent.cutoff()) & np.isfinite(goal))
        # A single point has been evaluated, and there is nowhere else to climb.
        if not open_.size or not self._roots.lo.size:
            return False
        offer(*hill_climb(self._gradient, self._evaluate, self._roots, goal, open_, self._rng)[:2])
        self._spent += incumbent.clock.seconds - began
        return not incumbent.met


class DifferenceSearch(KernelSearch):
    """Input splits in C on a program with layers of differences; see `KernelSearch`."""

    methods = METHODS
    leaves = False  # The phases of two units that differ are not those of one.

    def __init__(
        self, program: LayerProgram, domain: DomainBoxes, incumbent: Incumbent, **named: Any
    ) -> None:
        super().__init__(program, domain, incumbent, **named)
        self.kernel.sharpen(UNIT_ASCENT)
        gradient, evaluate = self._gradient, self.kernel.evaluate
        self._attack = self.climbs = RidgeAttack(gradient, evaluate, self.boxes, self._rng)

    def climb(self) -> None:
        """Look for points before any box is bounded."""
        self.climbs.begin(self.incumbent, self.offer)


def difference_search(
    problem: Problem, graph: Graph, curves: Collection[int], incumbent: Incumbent, seed: int
) -> Halves | None:
    """The search, begun; None where the kernel or its kind of layers is missing.

    Args:
        problem: Objectives and their boxes.
        graph: Its graph, with counterparts.
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

    def begin(domain: DomainBoxes, points: First | None) -> Any:
        search = DifferenceSearch(program, domain, incumbent, seed=seed, first=few_points)
        if points is None:
            search.climb()
        return search

    return Halves(problem.domain, begin)
