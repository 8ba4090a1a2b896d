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

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...core import Box, Clock, OutOfTime, deadline
from ...domains.float32 import Float32Plan, flushed, stray_over
from ...ops import Curve
from ..common.domain_boxes import DomainBoxes
from ..common.incumbent import Incumbent
from ..kernel.binding import library, root_magnitudes
from ..kernel.layer_program import LayerProgram
from .float32_points import points_in, reachable, rounded_program, strays_at
from .halves import few_points
from .kernel_search import KernelSearch


PATIENCE = 512
"""Parts that are halved while the worst end does not move by a hundredth of what it is off."""

IMPATIENCE = 24
"""The same while nothing is proved at all."""

AT_ONCE = 8
"""Parts that are halved in one step."""

MOST_BOXES = 4096
"""Boxes that the search of a part may bound; a part that needs more is halved."""

LEAST = 0.05
"""Seconds that the search of a part may take at least."""

WITHIN = 1.1
"""The goal is no nearer than what is proved at a point that attains an end, and a share of it."""


@dataclass(frozen=True, eq=False)
class _Part:
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
        points: `(m, d)` where the real objectives are that low; NaN where that is not known.
    """

    signs: np.ndarray
    real: np.ndarray
    target: np.ndarray
    scale: np.ndarray
    points: np.ndarray | None = None


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


class _Bounding(KernelSearch):
    """The search of a part: nobody asks it for points."""

    def advance(self) -> bool:
        """Explore some boxes."""
        self._explore()
        self.frontier.settle()
        return True


@dataclass(eq=False)
class _PartSearch:
    plan: Float32Plan
    goal: Float32Goal
    clock: Clock
    free: np.ndarray
    boxes: int = 0

    def run(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Halve the worst parts until every part is good enough, or the time is over."""
        self.target, self.root = self.goal.target.copy(), hi - lo
        start = np.full(self.goal.target.size, -np.inf)
        open_ = self._parts(lo[None], hi[None], [start])
        closed, least, idle = np.full(start.size, np.inf), np.inf, 0
        if self._miss(open_[0].lower).max() > 0:
            self._come_nearer(lo, hi)
        while open_:
            misses = np.array([self._miss(part.lower).max() for part in open_])
            worst = float(misses.max())
            off = self._off(open_[int(misses.argmax())].lower)
            least, idle = (off, 0) if off < 0.99 * least else (least, idle + AT_ONCE)
            tired = idle > (PATIENCE if np.isfinite(least) else IMPATIENCE)
            if worst <= 0 or tired or self.clock.expired:
                break
            chosen = np.argsort(-misses, kind="stable")[:AT_ONCE]
            chosen = chosen[misses[chosen] > 0]
            halves, stuck = self._halved([open_[i] for i in chosen])
            if halves is None:
                break
            done = set(chosen.tolist())
            kept = [part for i, part in enumerate(open_) if i not in done]
            for part in [*stuck, *(h for h in halves if self._miss(h.lower).max() <= 0)]:
                closed = np.minimum(closed, part.lower)
            open_ = kept + [h for h in halves if self._miss(h.lower).max() > 0]
        return np.minimum.reduce([closed, *(part.lower for part in open_)])

    def _come_nearer(self, lo: np.ndarray, hi: np.ndarray) -> None:
        """Ask for no more than can be proved near the points where the real ends are attained."""
        if self.goal.points is not None:
            points = np.clip(self.goal.points, lo, hi)
            near = reachable(self.plan, self.goal.signs, points, (lo, hi), WITHIN)
            self.target = np.fmin(self.target, near)

    def _miss(self, lower: np.ndarray) -> np.ndarray:
        """By how much bounds miss the goal."""
        miss = (self.target - lower) / np.maximum(self.goal.scale, 1e-300)
        return np.where(np.isnan(miss), np.inf, miss)

    def _off(self, lower: np.ndarray) -> float:
        """How far the bound that misses the goal most is from the real one, or from the goal."""
        k = int(self._miss(lower).argmax())
        wide = max(0.0, (self.goal.real[k] - self.target[k]) / max(self.goal.scale[k], 1e-300))
        return float(self._miss(lower)[k]) + (wide if np.isfinite(wide) else 0.0)

    def _halved(self, parts: list[_Part]) -> tuple[list[_Part] | None, list[_Part]]:
        """Halves of parts, and the parts that have none; None if the time is over."""
        lows, highs, before, stuck = [], [], [], []
        for part in parts:
            middle = 0.5 * part.lo[part.cut] + 0.5 * part.hi[part.cut]
            if not part.lo[part.cut] < middle < part.hi[part.cut]:
                stuck.append(part)
                continue
            for low, high in ((part.lo[part.cut], middle), (middle, part.hi[part.cut])):
                lo, hi = part.lo.copy(), part.hi.copy()
                lo[part.cut], hi[part.cut] = low, high
                lows.append(lo)
                highs.append(hi)
                before.append(part.lower)
        if not lows:
            return [], stuck
        try:
            with deadline(max(self.clock.left, 1e-3)):
                return self._parts(np.stack(lows), np.stack(highs), before), stuck
        except OutOfTime:
            return None, []

    def _parts(self, lo: np.ndarray, hi: np.ndarray, before: list[np.ndarray]) -> list[_Part]:
        """Bound the forms over parts: by differences, and where that is not enough by search."""
        found = stray_over(self.plan, lo, hi)
        rising, falling = np.maximum(self.goal.signs, 0.0), np.minimum(self.goal.signs, 0.0)
        # Rows of one entry, 1 or -1: nothing is rounded.
        own = found.lo @ rising.T + found.hi @ falling.T
        off = found.off @ np.abs(self.goal.signs).T
        lower = np.nextafter(np.fmax(own, self.goal.real) - off, -np.inf)
        self.boxes += len(lo)
        parts = []
        for i, known in enumerate(before):
            proved = np.fmax(known, lower[i])
            part = _Part(lo[i], hi[i], proved, int(np.argmax((hi[i] - lo[i]) * self.free)))
            if (self._miss(proved) > 0).any() and np.isfinite(found.off[i]).all():
                part = self._searched(part, found.roundings, i)
            parts.append(part)
        return parts

    def _searched(self, part: _Part, roundings: Mapping[int, np.ndarray], box: int) -> _Part:
        """What the kernel proves of a part, and which input is to blame for what it does not."""
        fixed = np.where(self.free, np.nan, part.lo)
        program = rounded_program(self.plan, self.goal.signs, fixed, roundings, box)
        if program is None:
            return part
        lo, hi, lower = part.lo[self.free], part.hi[self.free], part.lower
        if not self._is_hopeless(program, part):
            seconds = max(LEAST, self.clock.left)
            rows = self.goal.signs
            incumbent = Incumbent(rows, 0.0, seconds, None)
            incumbent.prove(lower)
            incumbent.target, incumbent.goal = self.target, np.full(len(rows), -np.inf)
            domain = DomainBoxes.of(Box(part.lo, part.hi))
            try:
                with deadline(seconds):
                    search = _Bounding(program, domain, incumbent, first=few_points)
                    while not search.finished and incumbent.boxes < MOST_BOXES:
                        search.advance()
                        if incumbent.clock.expired:
                            break
            except OutOfTime:
                return part
            self.boxes += incumbent.boxes
            lower = np.fmax(lower, np.fmax(search.lower(), incumbent.known))
            kernel = search.kernel
        else:
            kernel = root_magnitudes(program, Box(lo, hi))
        if (self._miss(lower) <= 0).all():
            return _Part(part.lo, part.hi, lower, part.cut)
        scores = kernel.bound(lo, hi, np.zeros(program.states, np.int8), 1)[3]
        weighed = scores[self._miss(lower) > 0] / self.goal.scale[self._miss(lower) > 0, None]
        blame = np.zeros(part.lo.size)
        blame[self.free] = np.nan_to_num(weighed).sum(axis=0)
        cut = int(np.argmax(np.where(self.free, blame + 1e-12 * (part.hi - part.lo), -1.0)))
        return _Part(part.lo, part.hi, lower, cut)

    def _is_hopeless(self, program: LayerProgram, part: _Part) -> bool:
        """Whether errors as large as the part's keep the goal out of reach at some point of it."""
        lo, hi = part.lo[self.free], part.hi[self.free]
        wanted = np.flatnonzero(self._miss(part.lower) > 0)
        x = points_in(lo, hi)
        if self.goal.points is not None:
            near = np.clip(self.goal.points[wanted][:, self.free], lo, hi)
            x = np.concatenate([x, near[np.isfinite(near).all(axis=1)]])
        values, off = strays_at(program, np.repeat(x, wanted.size, axis=0), np.tile(wanted, len(x)))
        k = np.tile(wanted, len(x))
        return bool((values - off < self.target[k]).any())
