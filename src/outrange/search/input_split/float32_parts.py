"""What piecewise-linear forms can be in float32, by the box kernel on parts of a box.

The kernel pays for the error of each unit's own definition in every row (`ProgramLayer.error`).
Told what float32 may round at a unit, its bounds hold for every float32 run: back-substitution
never reads a unit's real value, only that it lies within its error of its definition. So the search
that finds a range closes the gap to the float32 range too, with the range less a widening as its
mark. An input that is no normal number may be read as zero: the box holds that, too.

What units may round is sized on a part of the box; on a large one, where unstable units amplify
each other, by many orders of magnitude more than at any of its points. So the worst parts are
halved until they are good enough. The mark is no higher than what is proved near points that attain
the real ends (`float32_points`): no part is so small that more is proved. At the edge of a region
where an output is constant, the bounds of leaves with errors as variables (`_signed.h`) are near
what runs come to; forms that are each off by themselves would leave it open to the end. Where
errors of a part's size keep even single points of it below the mark, it is halved without a search;
else the kernel bounds it, and searches it if that is not enough.

A part takes over the sizes of layers' values, for float64's own rounding, from the part it is half
of: a float32 run within the half is one within the whole.

Sound: as the kernel's bounds, and the parts cover the box. Complete: no. Cost: a few milliseconds a
part, and a search of some.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...core import Box, Clock, OutOfTime, deadline
from ...domains.float32 import Float32Plan, Strays, flushed, stray_over, stray_within
from ...ops import Curve
from ..kernel.binding import CompiledProgram, heights_of, library, root_magnitudes
from ..kernel.compile import LayerProgram, compile_layers
from .float32_boxes import STEPS, Float32Goal as Float32Goal, explored
from .float32_points import amounts, points_in, provable_near, run_off, sized_at
from .kernel_search import KernelSearch


PATIENCE = 512
"""Parts that are halved while the worst end does not move by a hundredth of what it is off."""

IMPATIENCE = 24
"""The same while nothing is proved at all."""

AT_ONCE = 8
"""Parts that are halved in one step."""

LEAST = 0.05
"""Seconds that the search of a part may take at least."""

WITHIN = 1.02
"""The goal is no nearer than what is proved at a point that attains an end, and a share of it."""


AIMING = 0.2
"""Of the time may go to what the points say."""

FEW = 14
"""Units open in a part whose bounds are worth many steps of ascent."""

MOST_ASKED = 16
"""Objectives of which it is asked whether the goal is within reach."""


@dataclass(frozen=True, eq=False)
class _SizedPart:
    lo: np.ndarray
    hi: np.ndarray
    lower: np.ndarray
    cut: int = 0
    """The input to halve it along."""
    heights: list[np.ndarray] | None = None
    """How large the values of the program's layers are in it; None if that is not known."""


def has_kernel_for(plan: Float32Plan) -> bool:
    """Whether the kernel can search the forms of a plan."""
    return library() is not None and all(
        node.op.is_piecewise_linear if isinstance(node.op, Curve) else hasattr(node.op, "adjoint")
        for node in plan.graph.nodes
    )


def float32_lower(
    plan: Float32Plan, lo: np.ndarray, hi: np.ndarray, goal: Float32Goal, seconds: float
) -> tuple[np.ndarray, int]:
    """Lower bounds of objectives over one box, in float32; and how many boxes were bounded.

    Args:
        plan: Of `k` forms; the kernel can search it.
        lo: Array of shape `(d,)`.
        hi: Array of shape `(d,)`.
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
        """Halve the worst parts until every part is good enough, or the time is over."""
        self.target = self.goal.target.copy()
        signs, fixed = self.goal.signs, np.where(self.free, np.nan, lo)
        self.program = compile_layers(self.plan.graph, signs, np.zeros(len(signs)), fixed)
        self.reach = np.maximum(np.abs(lo), np.abs(hi))[self.free]
        start = np.full(self.target.size, -np.inf)
        first = stray_within(self.plan, lo[None], hi[None], self.clock.left)
        open_ = self._bound_parts([_SizedPart(lo, hi, start)], first)
        closed, least, idle = np.full(start.size, np.inf), np.inf, 0
        self._come_nearer(open_[0])
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

    @cached_property
    def _scale(self) -> np.ndarray:
        return np.maximum(self.goal.scale, 1e-300)

    def _come_nearer(self, part: _SizedPart) -> None:
        """Ask for no more than can be proved near the points where the real ends are attained."""
        missed = self._miss(part.lower) > 0
        if self.goal.points is None or self.program is None or not missed.any():
            return
        points = np.clip(np.where(missed[:, None], self.goal.points, np.nan), part.lo, part.hi)
        lo, hi = part.lo[self.free], part.hi[self.free]
        with deadline(max(AIMING * self.clock.left, 1e-3)):
            for k, sized in sized_at(self.plan, self.program, points):
                near = provable_near(sized, k, points[k][self.free], (lo, hi), self.goal)
                goal = self.goal.real[k] - WITHIN * (self.goal.real[k] - near)
                self.target[k] = min(self.target[k], goal)

    def _miss(self, lower: np.ndarray) -> np.ndarray:
        """By how much bounds miss the goal."""
        miss = (self.target - lower) / self._scale
        return np.where(np.isnan(miss), np.inf, miss)

    def _off(self, lower: np.ndarray) -> float:
        """How far the bound that misses the goal most is from the real one, or from the goal."""
        k = int(self._miss(lower).argmax())
        wide = max(0.0, (self.goal.real[k] - self.target[k]) / self._scale[k])
        return float(self._miss(lower)[k]) + (wide if np.isfinite(wide) else 0.0)

    def _halved(self, parts: list[_SizedPart]) -> tuple[list[_SizedPart] | None, list[_SizedPart]]:
        """Halves of parts, and the parts that have none; None if the time is over."""
        halves, stuck = [], []
        for part in parts:
            middle = 0.5 * part.lo[part.cut] + 0.5 * part.hi[part.cut]
            if not part.lo[part.cut] < middle < part.hi[part.cut]:
                stuck.append(part)
                continue
            upper, lower = part.lo.copy(), part.hi.copy()
            upper[part.cut] = lower[part.cut] = middle
            halves += [replace(part, hi=lower), replace(part, lo=upper)]
        if not halves:
            return [], stuck
        try:
            with deadline(max(self.clock.left, 1e-3)):
                return self._parts(halves), stuck
        except OutOfTime:
            return None, []

    def _parts(self, parts: list[_SizedPart]) -> list[_SizedPart]:
        """Bound the forms over parts."""
        lo, hi = np.stack([p.lo for p in parts]), np.stack([p.hi for p in parts])
        return self._bound_parts(parts, stray_over(self.plan, lo, hi))

    def _bound_parts(self, parts: list[_SizedPart], found: Strays) -> list[_SizedPart]:
        """Bound the forms by differences, and where that is not enough by search."""
        rising, falling = np.maximum(self.goal.signs, 0.0), np.minimum(self.goal.signs, 0.0)
        # Rows of one entry, 1 or -1: nothing is rounded.
        own = found.lo @ rising.T + found.hi @ falling.T
        off = found.off @ np.abs(self.goal.signs).T
        lower = np.nextafter(np.fmax(own, self.goal.real) - off, -np.inf)
        self.boxes += len(parts)
        out = []
        for i, part in enumerate(parts):
            wide = (part.hi - part.lo) * self.free
            part = replace(part, lower=np.fmax(part.lower, lower[i]), cut=int(wide.argmax()))
            unproved = (self._miss(part.lower) > 0).any() and np.isfinite(found.off[i]).all()
            if unproved and self.program is not None:
                part = self._searched(
                    part, self.program.off_by(amounts(self.plan, found.roundings, i))
                )
            out.append(part)
        return out

    def _searched(self, part: _SizedPart, program: LayerProgram) -> _SizedPart:
        """What the kernel proves of a part, and which input is to blame for what it does not."""
        lo, hi = part.lo[self.free], part.hi[self.free]
        if part.heights is None:
            kernel = root_magnitudes(program, Box(lo, hi))
        else:
            kernel = CompiledProgram(program, self.reach, part.heights)
        nothing = np.zeros(program.states, np.int8)
        least, _, _, scores, status, *sums = kernel.bound(lo, hi, nothing, 1)
        heights = heights_of(program, *sums)
        if part.heights is not None:
            heights = [np.minimum(a, b) for a, b in zip(heights, part.heights, strict=True)]
        part = replace(part, lower=np.fmax(part.lower, least), heights=heights)
        if (self._miss(part.lower) > 0).any() and not self._is_hopeless(program, part):
            steps = STEPS if np.count_nonzero(status == 0) <= FEW else KernelSearch.ascent
            found = explored(
                program, kernel, Box(part.lo, part.hi), self.goal.signs, self.target, part.lower,
                seconds=max(LEAST, self.clock.left), steps=steps,
            )  # fmt: skip
            self.boxes += found.boxes
            part = replace(part, lower=np.fmax(part.lower, found.lower))
        missed, blame = self._miss(part.lower) > 0, np.zeros(part.lo.size)
        blame[self.free] = np.nan_to_num(scores[missed] / self._scale[missed, None]).sum(axis=0)
        cut = int(np.argmax(np.where(self.free, blame + 1e-12 * (part.hi - part.lo), -1.0)))
        return replace(part, cut=cut)

    def _is_hopeless(self, program: LayerProgram, part: _SizedPart) -> bool:
        """Whether errors as large as the part's keep the goal out of reach at some point of it."""
        lo, hi = part.lo[self.free], part.hi[self.free]
        asked = np.argsort(-self._miss(part.lower), kind="stable")[:MOST_ASKED]
        asked = asked[self._miss(part.lower)[asked] > 0]
        x = points_in(lo, hi)
        if self.goal.points is not None:
            near = np.clip(self.goal.points[asked][:, self.free], lo, hi)
            x = np.concatenate([x, near[np.isfinite(near).all(axis=1)]])
        k = np.tile(asked, len(x))
        return bool((run_off(program, np.repeat(x, asked.size, axis=0), k) < self.target[k]).any())
