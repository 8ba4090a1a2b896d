"""What piecewise-linear forms can be in float32, by the box kernel on parts of a box.

The kernel pays for the error of each unit's own definition in every row (`ProgramLayer.error`).
Told what float32 may round at a unit, its bounds hold for every float32 run: back-substitution
never reads a unit's real value, only that it lies within its error of its definition. So the search
that finds a range closes the gap to the float32 range too, with the range less a widening as its
mark. What units may round is sized on the box that is searched; where too much is left, on its
halves. An input that is no normal number may be read as zero: the box holds that, too.

Sound: as the kernel's bounds, and the parts cover the box. Complete: no. Cost: a search a part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import Box, Clock, OutOfTime, deadline
from ...domains.float32 import Float32Plan, flushed, stray_over
from ...ops import Curve, Rearrange
from ..common.domain_boxes import DomainBoxes
from ..common.incumbent import Incumbent
from ..kernel.binding import library
from ..kernel.layer_program import compile_layers
from .halves import few_points
from .kernel_search import KernelSearch


PATIENCE = 256
"""Parts that are halved while what is missing does not shrink by a hundredth."""

IMPATIENCE = 24
"""The same while nothing is proved at all."""

LEAST = 0.05
"""Seconds that the search of a part may take at least."""


@dataclass(frozen=True, eq=False)
class _SizedPart:
    lo: np.ndarray
    hi: np.ndarray
    lower: np.ndarray
    cut: int
    """The input to halve it along."""


def has_kernel_for(plan: Float32Plan) -> bool:
    """Whether the kernel can search the forms of a plan."""
    return library() is not None and all(
        node.op.is_piecewise_linear if isinstance(node.op, Curve) else hasattr(node.op, "adjoint")
        for node in plan.graph.nodes
    )


@dataclass(frozen=True, eq=False)
class Float32Goal:
    """What is to be proved of objectives in float32.

    Args:
        signs: `(m, k)`: the objectives as rows of the plan's forms.
        real: `(m,)` lower bounds proved in real arithmetic; `-inf` where nothing is.
        target: `(m,)` lower bounds that are good enough.
        scale: `(m,)` positive: what a miss is measured by.
    """

    signs: np.ndarray
    real: np.ndarray
    target: np.ndarray
    scale: np.ndarray


def float32_lower(
    plan: Float32Plan, lo: np.ndarray, hi: np.ndarray, goal: Float32Goal, seconds: float
) -> tuple[np.ndarray, int]:
    """Lower bounds of objectives over one box, in float32; and how many boxes were bounded.

    Args:
        plan: Of `k` forms; the kernel can search it.
        lo: `(d,)`.
        hi: `(d,)`.
        goal: The objectives.
        seconds: How long at most.
    """
    near = flushed(lo, hi)
    lo, hi = lo - near, hi + near
    search = _PartSearch(plan, goal, Clock(seconds), lo < hi)
    with np.errstate(all="ignore"):
        return search.run(lo, hi), search.boxes


@dataclass(eq=False)
class _PartSearch:
    plan: Float32Plan
    goal: Float32Goal
    clock: Clock
    free: np.ndarray
    boxes: int = 0

    def run(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Halve the worst part until every part is good enough, or the time is over."""
        open_ = [self._part(lo, hi, np.full(self.goal.target.size, -np.inf))]
        least, idle = np.inf, 0
        while True:
            misses = [float(np.max(self._miss(part.lower))) for part in open_]
            worst = int(np.argmax(misses))
            gained = misses[worst] < 0.99 * least
            least, idle = (misses[worst], 0) if gained else (least, idle + 1)
            done = misses[worst] <= 0 or self.clock.expired
            tired = idle > (PATIENCE if np.isfinite(least) else IMPATIENCE)
            halves = [] if done or tired else self._halved(open_[worst])
            if not halves:
                return np.minimum.reduce([part.lower for part in open_])
            open_ = [*open_[:worst], *open_[worst + 1 :], *halves]

    def _miss(self, lower: np.ndarray) -> np.ndarray:
        """By how much bounds miss the goal."""
        miss = (self.goal.target - lower) / np.maximum(self.goal.scale, 1e-300)
        return np.where(np.isnan(miss), np.inf, miss)

    def _halved(self, part: _SizedPart) -> list[_SizedPart]:
        middle = 0.5 * part.lo[part.cut] + 0.5 * part.hi[part.cut]
        if not part.lo[part.cut] < middle < part.hi[part.cut]:
            return []
        found = []
        for low, high in ((part.lo[part.cut], middle), (middle, part.hi[part.cut])):
            lo, hi = part.lo.copy(), part.hi.copy()
            lo[part.cut], hi[part.cut] = low, high
            try:
                found.append(self._part(lo, hi, part.lower))
            except OutOfTime:
                return []
        return found

    def _part(self, lo: np.ndarray, hi: np.ndarray, before: np.ndarray) -> _SizedPart:
        """Bound the forms over a part: by differences, and where that is not enough by search."""
        found = stray_over(self.plan, lo[None], hi[None])
        rising, falling = np.maximum(self.goal.signs, 0.0), np.minimum(self.goal.signs, 0.0)
        # Rows of one entry, 1 or -1: nothing is rounded.
        own = rising @ found.lo[0] + falling @ found.hi[0]
        off = np.abs(self.goal.signs) @ found.off[0]
        differences = np.nextafter(np.fmax(own, self.goal.real) - off, -np.inf)
        lower = np.fmax(before, differences)
        cut = int(np.argmax(np.where(self.free, hi - lo, -1.0)))
        self.boxes += 1
        if (self._miss(lower) <= 0).all() or not np.isfinite(found.off).all():
            return _SizedPart(lo, hi, lower, cut)
        lower, scores = self._searched(lo, hi, found.roundings, lower)
        blame = np.zeros(lo.size)
        blame[self.free] = np.nan_to_num(scores[self._miss(lower) > 0]).sum(axis=0)
        cut = int(np.argmax(np.where(self.free, blame + 1e-12 * (hi - lo), -1.0)))
        return _SizedPart(lo, hi, lower, cut)

    def _searched(
        self, lo: np.ndarray, hi: np.ndarray, roundings: dict, lower: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """What the kernel proves of a part, and which input is to blame for what it does not."""
        graph, rows = self.plan.graph, self.goal.signs
        errors = {
            v: amount[0]
            for v, amount in roundings.items()
            if not isinstance(graph.nodes[v - 1].op, Rearrange)
        }
        fixed = np.where(self.free, np.nan, lo)
        program = compile_layers(graph, rows, np.zeros(len(rows)), fixed, errors)
        nothing = np.zeros((len(rows), int(self.free.sum())))
        if program is None:
            return lower, nothing
        seconds = max(LEAST, self.clock.left)
        incumbent = Incumbent(rows, 0.0, seconds, None)
        incumbent.prove(lower)
        incumbent.target, incumbent.goal = self.goal.target, np.full(len(rows), -np.inf)
        try:
            with deadline(seconds):
                search = KernelSearch(
                    program, DomainBoxes.of(Box(lo, hi)), incumbent, first=few_points
                )
                search.run()
        except OutOfTime:
            return lower, nothing
        self.boxes += incumbent.boxes
        status = np.zeros(program.states, np.int8)
        scores = search.kernel.bound(lo[self.free], hi[self.free], status, 1)[3]
        return np.fmax(lower, np.fmax(search.lower(), incumbent.known)), scores
