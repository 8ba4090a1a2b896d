"""Bounds on linear forms in float32 over boxes, with splits where rounding widens them most.

On a part of a box, values are smaller and more units are stable, so float32 deviates less from the
real-valued network. The parts with the loosest bounds are split until the bounds are tight enough,
or until further splits hardly tighten them.

Sound: each bound is the worst of the bounds on parts that cover the box. Cost: one pass of linear
bounds and one pass of error bounds per part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import Clock, OutOfTime, deadline
from ...domains.float32 import Deviations, Float32Plan, bound_deviations, bound_deviations_within
from ...search.methods.float32_parts.parts import Float32Goal
from ...search.methods.table import FLOAT32_PARTS


AT_ONCE = 32
"""Number of parts that are split in one step."""

MOST_PARTS = 1 << 16
"""Maximum number of parts into which the boxes are split."""

PATIENCE = 24
"""Splitting stops after this many steps in a row, none of which reduces the widening of any bound
by at least one percent."""


@dataclass(frozen=True, eq=False)
class Float32Ends:
    """Proved bounds on linear forms of the outputs computed in float32.

    Args:
        lo: `(k,)` lower bounds on the forms.
        hi: `(k,)` upper bounds on the forms.
        causes: Indices of the values of the plan's graph that have no bound.
        boxes: Number of parts that were bounded.
    """

    lo: np.ndarray
    hi: np.ndarray
    causes: tuple[int, ...]
    boxes: int


@dataclass(eq=False)
class _Parts:
    lo: np.ndarray
    hi: np.ndarray
    ends: np.ndarray
    """`(parts, 2 k)`: upper bounds on the forms and on their negatives, in float32."""


def float32_ends(
    plan: Float32Plan,
    boxes: tuple[np.ndarray, np.ndarray],
    real_ends: tuple[np.ndarray, np.ndarray],
    goal: np.ndarray,
    seconds: float,
    points: np.ndarray | None = None,
) -> Float32Ends:
    """Bound the plan's output in float32 over a union of boxes.

    Args:
        plan: The plan of the forms.
        boxes: Corners `(B, d)` of the boxes.
        real_ends: Proved lower and upper bounds on the real forms over all boxes, `(k,)` each.
        goal: `(k,)` widening of each bound at which splitting stops.
        seconds: Time limit for splits; the boxes themselves are always bounded.
        points: `(2 k, d)` points at which the real forms attain their minima, then their maxima.
    """
    clock, k = Clock(seconds), len(goal)
    if len(boxes[0]) == 1 and FLOAT32_PARTS.suits(plan):
        lower = np.concatenate([real_ends[0], -real_ends[1]])
        signs, wide = np.concatenate([np.eye(k), -np.eye(k)]), goal2(goal)
        goals = Float32Goal(signs, lower, lower - wide, wide, points)
        lowers, bounded = FLOAT32_PARTS.begin(plan, boxes[0][0], boxes[1][0], goals, seconds)
        is_open = np.isinf(lowers).any()
        causes = bound_deviations_within(plan, *boxes, clock.left).causes if is_open else ()
        return Float32Ends(lowers[:k], -lowers[k:], causes, bounded)
    real = np.concatenate([real_ends[1], -real_ends[0]])
    wanted = real + np.concatenate([goal, goal])
    first = bound_deviations_within(plan, *boxes, seconds)
    parts, causes = _bound_parts(first, *boxes, real), first.causes
    count, idle = len(parts.lo), 0
    # After a split, only the bounds of the halves count.
    best = parts.ends.max(axis=0)
    while (best > wanted).any() and idle < PATIENCE and len(parts.lo) < MOST_PARTS:
        excess = np.where(best > wanted, parts.ends - wanted, -np.inf)
        worst = np.where(np.isnan(excess), np.inf, excess / np.maximum(goal2(goal), 1e-300))
        worst = worst.max(axis=1)
        chosen = np.argsort(-worst, kind="stable")[:AT_ONCE]
        chosen = chosen[worst[chosen] > 0]
        low, high, divisible = _bisect(parts.lo[chosen], parts.hi[chosen])
        chosen = chosen[divisible]
        if not len(chosen):
            break
        try:
            with deadline(max(clock.left, 1e-3)):
                pieces = _bound_parts(bound_deviations(plan, low, high), low, high, real)
        except OutOfTime:
            break
        whole = parts.ends[np.concatenate([chosen, chosen])]
        pieces.ends = np.minimum(pieces.ends, whole)
        rest = np.setdiff1d(np.arange(len(parts.lo)), chosen)
        parts = _Parts(
            *(
                np.concatenate([a[rest], b])
                for a, b in (
                    (parts.lo, pieces.lo), (parts.hi, pieces.hi), (parts.ends, pieces.ends),
                )
            )
        )  # fmt: skip
        count += len(low)
        now = parts.ends.max(axis=0)
        with np.errstate(invalid="ignore"):
            gained = (now - real) < 0.99 * (best - real)
        idle = 0 if gained[best > wanted].any() else idle + 1
        best = now
        if clock.expired:
            break
    return Float32Ends(-best[k:], best[:k], causes if np.isinf(best).any() else (), count)


def goal2(goal: np.ndarray) -> np.ndarray:
    """Return two copies of `goal`, `(2 k,)`: for bounds on the forms, and on their negatives."""
    return np.concatenate([goal, goal])


def _bound_parts(
    deviations: Deviations, lo: np.ndarray, hi: np.ndarray, real: np.ndarray
) -> _Parts:
    """Bound the forms in float32 on boxes, from the float32 deviations and the real bounds."""
    real_bounds = np.concatenate([deviations.hi, -deviations.lo], axis=1)
    off = np.concatenate([deviations.off, deviations.off], axis=1)
    # Sums of two float64 numbers, rounded up.
    ends = np.nextafter(np.minimum(real_bounds, real) + off, np.inf)
    return _Parts(lo, hi, ends)


def _bisect(lo: np.ndarray, hi: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bisect boxes along their longest side; also return which boxes can be bisected."""
    each = np.arange(len(lo))
    side = np.argmax(hi - lo, axis=1)
    middle = 0.5 * lo[each, side] + 0.5 * hi[each, side]
    divisible = (lo[each, side] < middle) & (middle < hi[each, side])
    lo, hi, side, middle = lo[divisible], hi[divisible], side[divisible], middle[divisible]
    each = np.arange(len(lo))
    top, bottom = hi.copy(), lo.copy()
    top[each, side], bottom[each, side] = middle, middle
    return np.concatenate([lo, bottom]), np.concatenate([top, hi]), divisible


def float32_off(
    plan: Float32Plan, boxes: tuple[np.ndarray, np.ndarray], seconds: float
) -> np.ndarray:
    """Bound the deviation of forms in float32 from their real values over boxes, `(k,)`.

    Args:
        plan: The plan of the forms.
        boxes: Corners `(B, d)` of the boxes.
        seconds: Time limit for the splits.
    """
    clock = Clock(seconds)
    lo, hi = boxes
    off = bound_deviations_within(plan, lo, hi, seconds).off
    idle = 0
    while idle < PATIENCE and not clock.expired and len(lo) < MOST_PARTS:
        most = off.max(axis=0)
        with np.errstate(invalid="ignore"):
            share = np.where(np.isfinite(off), off / np.maximum(most, 1e-300), np.inf).max(axis=1)
        chosen = np.argsort(-share, kind="stable")[:AT_ONCE]
        low, high, divisible = _bisect(lo[chosen], hi[chosen])
        chosen = chosen[divisible]
        if not len(chosen):
            break
        try:
            with deadline(max(clock.left, 1e-3)):
                errors = bound_deviations(plan, low, high).off
        except OutOfTime:
            break
        errors = np.minimum(errors, off[np.concatenate([chosen, chosen])])
        rest = np.setdiff1d(np.arange(len(lo)), chosen)
        lo, hi, off = (
            np.concatenate([a[rest], b]) for a, b in ((lo, low), (hi, high), (off, errors))
        )
        idle = 0 if (off.max(axis=0) < 0.99 * most).any() else idle + 1
    return off.max(axis=0)
