"""Float32 ranges of piecewise-linear forms, by the box kernel on parts of a box.

The kernel charges the error of each unit's own definition to every row (`ProgramLayer.error`). If
these errors include the float32 rounding error of each unit, the kernel's bounds hold for every
float32 run. The reason is that back-substitution never reads a unit's real value. It uses only that
the value deviates from the unit's definition by at most the error. So this search also bounds
float32 ranges; its target is the real range, slightly widened. A float32 run may read a subnormal
input as zero, so the box is first widened by the resulting error.

The errors are computed separately for each part of the box. On a large part, where unstable units
amplify each other, the errors may exceed those at any single point by many orders of magnitude. So
the worst parts are halved until their bounds reach the target. The target is lowered to bounds that
can be proved near the points that nearly attain the real bounds (`points`), because no larger bound
can be proved, however small the parts are. Near the edge of a region where an output is constant,
the kernel's exact leaves count the error of each unit only once (`_signed.h`). So their bounds are
close to the values of actual runs. Bounds that treat the errors of different forms as independent
would not close a part at such an edge.

Each part is first bounded by the real bounds minus the deviations. If these bounds miss the target,
the kernel bounds the part as a single box, and then searches it if that bound also misses. But if a
run with worst-case errors at some point of the part lies below the target, the part is halved
without a search.

The kernel derives float64's own rounding errors from the magnitudes of layer values. A half
inherits the magnitudes of the whole part, because a float32 run on the half is also a run on the
whole part.

Sound: yes, because the kernel's bounds are sound and the parts cover the box. Complete: no. Cost: a
few milliseconds per part, plus a search of some parts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ....core import Box, Clock, OutOfTime, deadline
from ....domains.float32 import (
    Deviations,
    Float32Plan,
    bound_deviations,
    bound_deviations_within,
    flush_error,
)
from ....ops import Curve
from ...input_split.kernel_search import KernelSearch
from ...kernel.binding import CompiledProgram, heights_of, library, root_magnitudes
from ...kernel.compile import LayerProgram, compile_layers
from .boxes import STEPS, Float32Goal as Float32Goal, explore_box
from .points import amounts, points_in, programs_with_errors, provable_near, run_with_errors


PATIENCE = 512
"""The search ends after more than this number of halved parts in a row that did not improve the
worst gap by 1%."""

IMPATIENCE = 24
"""As long as the worst gap is infinite, the search ends after more than this number of halved
parts in a row that did not improve it."""

AT_ONCE = 8
"""Maximum number of parts halved in one step."""

LEAST = 0.05
"""Minimum time limit for the search of a part, in seconds."""

WITHIN = 1.02
"""Distance from the real bound to the target, as a multiple of the distance from the real bound to
the bound that is provable near a point."""


AIMING = 0.2
"""Maximum fraction of the remaining time that one call of `_lower_target` may take."""

FEW = 14
"""Maximum number of unstable units of a part for which its search takes `STEPS` ascent steps."""

MOST_ASKED = 16
"""Maximum number of objectives per part for which runs with worst-case errors are checked. Such a
run below the target shows that the target cannot be proved on the part."""


@dataclass(frozen=True, eq=False)
class _SizedPart:
    """A part of the box, with proved bounds and the magnitudes of the layers' values on it.

    Args:
        lo: Array of shape `(d,)`.
        hi: Array of shape `(d,)`.
        lower: `(m,)` proved bounds on the objectives.
        cut: Index of the input to halve.
        heights: Per layer of the program, `(n,)` bounds on the absolute values of its units; None
            if unknown.
    """

    lo: np.ndarray
    hi: np.ndarray
    lower: np.ndarray
    cut: int = 0
    heights: list[np.ndarray] | None = None


def has_kernel_for(plan: Float32Plan) -> bool:
    """Return whether the kernel is available and supports the ops of a plan's graph."""
    return library() is not None and all(
        node.op.is_piecewise_linear if isinstance(node.op, Curve) else hasattr(node.op, "adjoint")
        for node in plan.graph.nodes
    )


def float32_lower(
    plan: Float32Plan, lo: np.ndarray, hi: np.ndarray, goal: Float32Goal, seconds: float
) -> tuple[np.ndarray, int]:
    """Return lower bounds `(m,)` of float32 objectives over a box, and the number of boxes bounded.

    Args:
        plan: A plan of `k` forms; see `has_kernel_for`.
        lo: Array of shape `(d,)`.
        hi: Array of shape `(d,)`.
        seconds: Time limit in seconds.
    """
    near = flush_error(lo, hi)
    lo, hi = lo - near, hi + near
    search = _PartSearch(plan, goal, Clock(seconds), lo < hi)
    with np.errstate(all="ignore"):
        return search.run(lo, hi), search.boxes


@dataclass(eq=False)
class _PartSearch:
    """State of the search over parts of one box."""

    plan: Float32Plan
    goal: Float32Goal
    clock: Clock
    free: np.ndarray
    boxes: int = 0

    def run(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Halve the worst parts until all reach the target; return lower bounds `(m,)`.

        The search ends early if time runs out, or if the worst gap has not improved for a while
        (`PATIENCE`).
        """
        self.target = self.goal.target.copy()
        signs, fixed = self.goal.signs, np.where(self.free, np.nan, lo)
        self.program = compile_layers(self.plan.graph, signs, np.zeros(len(signs)), fixed)
        self.reach = np.maximum(np.abs(lo), np.abs(hi))[self.free]
        start = np.full(self.target.size, -np.inf)
        first = bound_deviations_within(self.plan, lo[None], hi[None], self.clock.left)
        open_ = self._bound_parts([_SizedPart(lo, hi, start)], first)
        closed, least, idle = np.full(start.size, np.inf), np.inf, 0
        self._lower_target(open_[0])
        while open_:
            misses = np.array([self._miss(part.lower).max() for part in open_])
            worst = float(misses.max())
            off = self._distance(open_[int(misses.argmax())].lower)
            least, idle = (off, 0) if off < 0.99 * least else (least, idle + AT_ONCE)
            tired = idle > (PATIENCE if np.isfinite(least) else IMPATIENCE)
            if worst <= 0 or tired or self.clock.expired:
                break
            chosen = np.argsort(-misses, kind="stable")[:AT_ONCE]
            chosen = chosen[misses[chosen] > 0]
            halves, stuck = self._halve([open_[i] for i in chosen])
            if halves is None:
                break
            done = set(chosen.tolist())
            remaining = [part for i, part in enumerate(open_) if i not in done]
            for part in [*stuck, *(h for h in halves if self._miss(h.lower).max() <= 0)]:
                closed = np.minimum(closed, part.lower)
            open_ = remaining + [h for h in halves if self._miss(h.lower).max() > 0]
        return np.minimum.reduce([closed, *(part.lower for part in open_)])

    @cached_property
    def _scale(self) -> np.ndarray:
        return np.maximum(self.goal.scale, 1e-300)

    def _lower_target(self, part: _SizedPart) -> None:
        """Lower the target to bounds provable near points that nearly attain the real bounds.

        This concerns only objectives whose bounds on `part` miss the target.
        """
        missed = self._miss(part.lower) > 0
        if self.goal.points is None or self.program is None or not missed.any():
            return
        points = np.clip(np.where(missed[:, None], self.goal.points, np.nan), part.lo, part.hi)
        lo, hi = part.lo[self.free], part.hi[self.free]
        with deadline(max(AIMING * self.clock.left, 1e-3)):
            for k, sized in programs_with_errors(self.plan, self.program, points):
                near = provable_near(sized, k, points[k][self.free], (lo, hi), self.goal)
                goal = self.goal.real[k] - WITHIN * (self.goal.real[k] - near)
                self.target[k] = min(self.target[k], goal)

    def _miss(self, lower: np.ndarray) -> np.ndarray:
        """Return how far each bound lies below its target, in units of `scale`.

        The result is negative where a bound exceeds its target, and infinite where the difference
        is NaN.
        """
        miss = (self.target - lower) / self._scale
        return np.where(np.isnan(miss), np.inf, miss)

    def _distance(self, lower: np.ndarray) -> float:
        """Return the distance of the worst bound from the real bound, in units of `scale`.

        The worst bound is the one that lies furthest below its target. If no real bound is known,
        return its distance from the target.
        """
        k = int(self._miss(lower).argmax())
        wide = max(0.0, (self.goal.real[k] - self.target[k]) / self._scale[k])
        return float(self._miss(lower)[k]) + (wide if np.isfinite(wide) else 0.0)

    def _halve(self, parts: list[_SizedPart]) -> tuple[list[_SizedPart] | None, list[_SizedPart]]:
        """Return bounded halves of parts (None after a timeout), and parts too thin to halve."""
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
                return self._bound_halves(halves), stuck
        except OutOfTime:
            return None, []

    def _bound_halves(self, parts: list[_SizedPart]) -> list[_SizedPart]:
        """Return the parts with new bounds, whose float32 deviations are computed together."""
        lo, hi = np.stack([p.lo for p in parts]), np.stack([p.hi for p in parts])
        return self._bound_parts(parts, bound_deviations(self.plan, lo, hi))

    def _bound_parts(self, parts: list[_SizedPart], strays: Deviations) -> list[_SizedPart]:
        """Bound each part by its real bounds minus its deviations.

        If these bounds miss the target, the kernel searches the part.

        Args:
            strays: The float32 deviations on all parts.
        """
        rising, falling = np.maximum(self.goal.signs, 0.0), np.minimum(self.goal.signs, 0.0)
        # The rows have one entry, 1 or -1, so these products are exact.
        real = strays.lo @ rising.T + strays.hi @ falling.T
        off = strays.off @ np.abs(self.goal.signs).T
        lower = np.nextafter(np.fmax(real, self.goal.real) - off, -np.inf)
        self.boxes += len(parts)
        out = []
        for i, part in enumerate(parts):
            wide = (part.hi - part.lo) * self.free
            part = replace(part, lower=np.fmax(part.lower, lower[i]), cut=int(wide.argmax()))
            unproved = (self._miss(part.lower) > 0).any() and np.isfinite(strays.off[i]).all()
            if unproved and self.program is not None:
                part = self._search_part(
                    part, self.program.off_by(amounts(self.plan, strays.roundings, i))
                )
            out.append(part)
        return out

    def _search_part(self, part: _SizedPart, program: LayerProgram) -> _SizedPart:
        """Return a part with bounds from the kernel, and with the input along which to halve it.

        Args:
            program: Program whose layers' errors cover the float32 errors on the part.
        """
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
            result = explore_box(
                program, kernel, Box(part.lo, part.hi), self.goal.signs, self.target, part.lower,
                seconds=max(LEAST, self.clock.left), steps=steps,
            )  # fmt: skip
            self.boxes += result.boxes
            part = replace(part, lower=np.fmax(part.lower, result.lower))
        missed, blame = self._miss(part.lower) > 0, np.zeros(part.lo.size)
        blame[self.free] = np.nan_to_num(scores[missed] / self._scale[missed, None]).sum(axis=0)
        cut = int(np.argmax(np.where(self.free, blame + 1e-12 * (part.hi - part.lo), -1.0)))
        return replace(part, cut=cut)

    def _is_hopeless(self, program: LayerProgram, part: _SizedPart) -> bool:
        """Return whether a run with the part's worst-case errors lies below the target.

        In that case, no search can close the part. Only the center, a few random points and the
        points that nearly attain the real bounds are checked.
        """
        lo, hi = part.lo[self.free], part.hi[self.free]
        objectives = np.argsort(-self._miss(part.lower), kind="stable")[:MOST_ASKED]
        objectives = objectives[self._miss(part.lower)[objectives] > 0]
        x = points_in(lo, hi)
        if self.goal.points is not None:
            near = np.clip(self.goal.points[objectives][:, self.free], lo, hi)
            x = np.concatenate([x, near[np.isfinite(near).all(axis=1)]])
        k = np.tile(objectives, len(x))
        return bool(
            (
                run_with_errors(program, np.repeat(x, objectives.size, axis=0), k) < self.target[k]
            ).any()
        )
