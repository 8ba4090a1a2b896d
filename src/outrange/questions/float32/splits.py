"""Ends of linear forms in float32 over boxes, by splits where rounding costs most.

On a part of the box values are smaller, more units are stable, and so float32 strays less from the
real network. The part that sets an end, by its own real bound and its own error together, is split
until nothing is gained. Sound: an end is the worst over parts that cover the box. Cost: one pass of
linear bounds and one of errors a part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import Clock, OutOfTime, deadline
from ...domains.float32 import Float32Plan, Strays, stray_over, stray_within
from ...search.input_split.float32_parts import Float32Goal, float32_lower, has_kernel_for


AT_ONCE = 32
"""Parts that are split in one step."""

MOST_PARTS = 1 << 16
"""Parts that are kept."""

PATIENCE = 24
"""Steps in which no end gained a hundredth: what is left is not a matter of splits."""


@dataclass(frozen=True, eq=False)
class Float32Ends:
    """What is proved of forms in float32.

    Args:
        lo: `(k,)` lower ends.
        hi: `(k,)` upper ends.
        causes: Values of the plan's graph at which nothing can be said.
        boxes: Parts bounded.
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
    """`(B, 2 k)`: upper bounds of the forms and of their negatives, in float32."""


def float32_ends(
    plan: Float32Plan,
    boxes: tuple[np.ndarray, np.ndarray],
    known: tuple[np.ndarray, np.ndarray],
    goal: np.ndarray,
    seconds: float,
    points: np.ndarray | None = None,
) -> Float32Ends:
    """Ends of the plan's output in float32 over a union of boxes.

    Args:
        plan: Of the forms.
        boxes: `(B, d)` corners.
        known: `(k,)` proved ends of the real forms over all of them.
        goal: `(k,)` a widening that is small enough.
        seconds: For splits; the boxes themselves are bounded in any case.
        points: `(2 k, d)` where the real forms attain their lower and their upper ends.
    """
    clock, k = Clock(seconds), len(goal)
    if len(boxes[0]) == 1 and has_kernel_for(plan):
        lower = np.concatenate([known[0], -known[1]])
        signs, wide = np.concatenate([np.eye(k), -np.eye(k)]), goal2(goal)
        asked = Float32Goal(signs, lower, lower - wide, wide, points)
        found, bounded = float32_lower(plan, boxes[0][0], boxes[1][0], asked, seconds)
        is_open = np.isinf(found).any()
        causes = stray_within(plan, *boxes, clock.left).causes if is_open else ()
        return Float32Ends(found[:k], -found[k:], causes, bounded)
    real = np.concatenate([known[1], -known[0]])
    wanted = real + np.concatenate([goal, goal])
    first = stray_within(plan, *boxes, seconds)
    parts, causes = _bounded(first, *boxes, real), first.causes
    count, idle = len(parts.lo), 0
    # A part that was split no longer counts, whatever its halves turn out to be.
    best = parts.ends.max(axis=0)
    while (best > wanted).any() and idle < PATIENCE and len(parts.lo) < MOST_PARTS:
        excess = np.where(best > wanted, parts.ends - wanted, -np.inf)
        worst = np.where(np.isnan(excess), np.inf, excess / np.maximum(goal2(goal), 1e-300))
        worst = worst.max(axis=1)
        chosen = np.argsort(-worst, kind="stable")[:AT_ONCE]
        chosen = chosen[worst[chosen] > 0]
        low, high, kept = _halves(parts.lo[chosen], parts.hi[chosen])
        chosen = chosen[kept]
        if not len(chosen):
            break
        try:
            with deadline(max(clock.left, 1e-3)):
                halves = _bounded(stray_over(plan, low, high), low, high, real)
        except OutOfTime:
            break
        whole = parts.ends[np.concatenate([chosen, chosen])]
        halves.ends = np.minimum(halves.ends, whole)
        rest = np.setdiff1d(np.arange(len(parts.lo)), chosen)
        parts = _Parts(
            *(
                np.concatenate([a[rest], b])
                for a, b in (
                    (parts.lo, halves.lo), (parts.hi, halves.hi), (parts.ends, halves.ends),
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
    """The goal of either end."""
    return np.concatenate([goal, goal])


def _bounded(found: Strays, lo: np.ndarray, hi: np.ndarray, real: np.ndarray) -> _Parts:
    """Bounds of the forms on boxes, from how far float32 strays there and the real ends."""
    own = np.concatenate([found.hi, -found.lo], axis=1)
    off = np.concatenate([found.off, found.off], axis=1)
    # Sums of two float64 numbers, rounded up.
    ends = np.nextafter(np.minimum(own, real) + off, np.inf)
    return _Parts(lo, hi, ends)


def _halves(lo: np.ndarray, hi: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both halves of boxes along their longest side, and which boxes can be halved."""
    each = np.arange(len(lo))
    side = np.argmax(hi - lo, axis=1)
    middle = 0.5 * lo[each, side] + 0.5 * hi[each, side]
    kept = (lo[each, side] < middle) & (middle < hi[each, side])
    lo, hi, side, middle = lo[kept], hi[kept], side[kept], middle[kept]
    each = np.arange(len(lo))
    top, bottom = hi.copy(), lo.copy()
    top[each, side], bottom[each, side] = middle, middle
    return np.concatenate([lo, bottom]), np.concatenate([top, hi]), kept


def float32_off(
    plan: Float32Plan, boxes: tuple[np.ndarray, np.ndarray], seconds: float
) -> np.ndarray:
    """How far float32 may stray from forms anywhere in a union of boxes, `(k,)`.

    Args:
        plan: Of the forms.
        boxes: `(B, d)` corners.
        seconds: For splits.
    """
    clock = Clock(seconds)
    lo, hi = boxes
    off = stray_within(plan, lo, hi, seconds).off
    idle = 0
    while idle < PATIENCE and not clock.expired and len(lo) < MOST_PARTS:
        most = off.max(axis=0)
        with np.errstate(invalid="ignore"):
            share = np.where(np.isfinite(off), off / np.maximum(most, 1e-300), np.inf).max(axis=1)
        chosen = np.argsort(-share, kind="stable")[:AT_ONCE]
        low, high, kept = _halves(lo[chosen], hi[chosen])
        chosen = chosen[kept]
        if not len(chosen):
            break
        try:
            with deadline(max(clock.left, 1e-3)):
                found = stray_over(plan, low, high).off
        except OutOfTime:
            break
        found = np.minimum(found, off[np.concatenate([chosen, chosen])])
        rest = np.setdiff1d(np.arange(len(lo)), chosen)
        lo, hi, off = (
            np.concatenate([a[rest], b]) for a, b in ((lo, low), (hi, high), (off, found))
        )
        idle = 0 if (off.max(axis=0) < 0.99 * most).any() else idle + 1
    return off.max(axis=0)
