"""Input splits on the compiled kernel, with layers of differences between counterparts."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from ....graph import Graph
from ...attack.first_points import First
from ...attack.hill_climb import Elite, hill_climb
from ...attack.pgd import Evaluate, PacedGradient
from ...common.domain_boxes import DomainBoxes
from ...common.incumbent import Incumbent
from ...common.problem import Problem
from ...input_split.attack_open_boxes import OpenBoxAttack
from ...input_split.bisection import BisectionSearch, few_points
from ...input_split.frontier import Frontier
from ...input_split.kernel_search import KernelSearch
from ...kernel.binding import library
from ...kernel.differences import compile_differences
from ...kernel.layer_program import LayerProgram


METHODS = (
    "differential bounds of counterparts (ReluDiff, Paulsen et al. 2020)",
    "slope ascent on the bounds of units (alpha-CROWN, Xu et al. 2021)",
    "input splits by gap attribution",
    "clipping (Zhou et al. 2025)",
)

UNIT_ASCENT = 4
"""Maximum number of ascent steps on the bound of a nearly stable unit."""

FIRST_SHARE, FIRST_SECONDS = 0.01, 1.0
"""Two limits on the duration of hill climbing before any box is bounded: as a fraction of the time
limit, and in seconds. The smaller one applies."""

Offer = Callable[[np.ndarray, np.ndarray], None]
"""Function that is called with values `(m,)` and points `(m, free)`, and offers them to the
incumbent."""


class RidgeAttack(OpenBoxAttack):
    """Hill climbing (`hill_climb`) on the whole box: several rounds first, then one per attempt.

    If two copies of a network differ by more than a tolerance, they often do so only in small
    regions, which the search for bounds reaches late. Descents from open boxes are left to the
    usual search, which alternates with this one.

    Args:
        evaluate: Function that evaluates the objectives, `x (b, d) -> (b, m)`.
    """

    def __init__(
        self,
        gradient: PacedGradient,
        evaluate: Evaluate,
        roots: DomainBoxes,
        rng: np.random.Generator,
    ) -> None:
        super().__init__(gradient, roots, rng)
        self._evaluate = evaluate
        self._elite = Elite()

    def begin(self, incumbent: Incumbent, offer: Offer) -> None:
        """Climb for several rounds, until the goal is met or a time limit is reached.

        `FIRST_SHARE` and `FIRST_SECONDS` determine the time limit. Stop earlier if no objective
        with a goal is open.
        """
        clock = incumbent.clock
        until = clock.seconds + min(FIRST_SECONDS, FIRST_SHARE * clock.limit)
        while self._climb(incumbent, offer) and clock.seconds < until:
            pass

    def attempt(self, frontier: Frontier, incumbent: Incumbent, offer: Offer) -> None:
        """Climb for one round, if boxes are open and `is_due` returns True."""
        if len(frontier) and self.is_due(incumbent):
            self._climb(incumbent, offer)

    def _climb(self, incumbent: Incumbent, offer: Offer) -> bool:
        """Climb for one round, and offer its points.

        Return False if the goal is met, or if there is no open objective with a goal.
        """
        began, goal = incumbent.clock.seconds, incumbent.goal
        if goal is None or incumbent.met:
            return False
        # Objectives without a goal are skipped, and closed ones: no value lies below their bounds.
        open_ = np.flatnonzero(np.isfinite(incumbent.cutoff()) & np.isfinite(goal))
        # A single point has already been evaluated: there is no other point to climb to.
        if not open_.size or not self._roots.lo.size:
            return False
        arguments = (self._gradient, self._evaluate, self._roots, goal, open_, self._rng)
        offer(*hill_climb(*arguments, self._elite)[:2])
        self._spent += incumbent.clock.seconds - began
        return not incumbent.met


class DifferenceSearch(KernelSearch):
    """Search that splits inputs in the C kernel, with layers of differences; see `KernelSearch`."""

    methods = METHODS
    leaves = False  # Leaves would need the phases of both units of a difference.

    def __init__(
        self, program: LayerProgram, domain: DomainBoxes, incumbent: Incumbent, **named: Any
    ) -> None:
        super().__init__(program, domain, incumbent, **named)
        self.kernel.sharpen(UNIT_ASCENT)
        gradient, evaluate = self._gradient, self.kernel.evaluate
        self._attack = self.climbs = RidgeAttack(gradient, evaluate, self.boxes, self._rng)

    def climb(self) -> None:
        """Search for points by hill climbing before any box is bounded."""
        self.climbs.begin(self.incumbent, self.offer)


def difference_search(
    problem: Problem, graph: Graph, curves: Collection[int], incumbent: Incumbent, seed: int
) -> BisectionSearch | None:
    """Create a search with layers of differences over the problem's box.

    Return None if there is no compiled kernel, if the domain is not one box of real inputs, or if
    the graph has no layer program.

    Args:
        problem: Objectives and their boxes.
        graph: The problem's graph, with counterparts.
        curves: Indices of the graph values that are curves of the later copy; see
            `compile_differences`.
        incumbent: Clock, tolerances and the best points.
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

    return BisectionSearch(problem.domain, begin)
