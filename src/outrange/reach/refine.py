"""Further splits of closed boxes to increase the margin or to narrow the pipe."""

from __future__ import annotations

import numpy as np

from .tube_boxes import TubeBox, branches, cut_box, levels_for
from .tubes import AT_ONCE, Tubes


LOOSE = 0.005
"""Tolerated excess of the pipe over the simulated range, relative to the simulated width."""


def sharpen(tubes: Tubes, nearest: float, near: float = LOOSE) -> bool:
    """Cut the closed boxes with the smallest margins, so that the least margin increases.

    A box is closed if the specification is proved for its trajectories. A margin is the proved
    distance of these trajectories from a violation.

    Args:
        tubes: The search whose boxes are cut.
        nearest: Least robustness of a trajectory, which no margin can exceed.
        near: Tolerated distance of a margin from `nearest`, relative to `nearest`.

    Returns:
        Whether boxes were replaced by their parts. False if no box needs a cut, if sides are too
        thin to bisect, or if a part is not closed.
    """
    wanted = nearest - near * abs(nearest)
    low = sorted((box for box in tubes.done if box.margin < wanted), key=lambda b: b.margin)
    low = [box for box in low[: AT_ONCE // 2] if (box.lo < box.hi).any()]
    levels = levels_for(len(low), AT_ONCE // 4)
    cut = [half for box in low for half in cut_box(box, box.blame, levels)]
    if len(cut) < 2 * len(low) or not cut:
        return False
    closed, blame, margin = tubes.run(cut)
    tubes.boxes += len(cut)
    if not all(is_closed or box.empty for is_closed, box in zip(closed, cut, strict=True)):
        return False  # A half is looser than the whole: only rounding is left.
    for box, scores, least in zip(cut, blame, margin, strict=True):
        box.margin, box.blame = float(least), scores
    cut_ids = {id(box) for box in low}
    tubes.done = [box for box in tubes.done if id(box) not in cut_ids]
    tubes.add(cut)
    return True


def refine(tubes: Tubes, seen_lo: np.ndarray, seen_hi: np.ndarray, near: float = LOOSE) -> bool:
    """Cut the boxes in `tubes.done` that make the pipe wider than the simulated range.

    Args:
        tubes: The search whose boxes are cut.
        seen_lo: `(k, n)`: least simulated states after 0 to `k - 1` steps.
        seen_hi: `(k, n)`: largest simulated states.
        near: Tolerated excess over the simulated range, relative to its width.

    Returns:
        Whether boxes were replaced by their parts. False if no box needs a cut, or if sides are too
        thin to bisect.
    """
    over = _over(tubes, seen_lo, seen_hi)
    worst = over.max(axis=0)
    chosen: dict[int, np.ndarray] = {}
    for entry in np.argsort(-worst, kind="stable"):
        if worst[entry] < near or len(chosen) >= AT_ONCE // 2:
            break
        i = int(np.argmax(over[:, entry]))
        gains = tubes.done[i].gains.reshape(-1, tubes.done[i].lo.size)[entry]
        chosen.setdefault(i, gains)
    levels = levels_for(len(chosen), AT_ONCE // 4)
    cut: list[TubeBox] = []
    for i, scores in chosen.items():
        cut += branches(tubes.done[i]) or cut_box(tubes.done[i], scores, levels)
    if len(cut) < 2 * len(chosen) or not cut:
        return False
    tubes.run(cut)
    tubes.boxes += len(cut)
    tubes.done = [box for i, box in enumerate(tubes.done) if i not in chosen]
    tubes.add(cut)
    return True


def _over(tubes: Tubes, seen_lo: np.ndarray, seen_hi: np.ndarray) -> np.ndarray:
    """Return each box's relative excess over the simulated range, `(boxes, k * n)`."""
    steps = len(seen_lo)
    lo, hi = (np.stack([box.states[end, :steps] for box in tubes.done]) for end in (0, 1))
    width = np.maximum(seen_hi - seen_lo, 1e-9 * np.maximum(np.abs(seen_hi), 1e-9))
    with np.errstate(invalid="ignore", over="ignore"):
        over = np.maximum((seen_lo - lo) / width, (hi - seen_hi) / width)
    return np.where(np.isnan(over), np.inf, over).reshape(len(tubes.done), -1)


def looseness(tubes: Tubes, seen_lo: np.ndarray, seen_hi: np.ndarray) -> float:
    """Return the largest relative excess of the pipe over the simulated range.

    The result is infinite while any box is open, or if there is no box.
    """
    if tubes.waiting or not tubes.done:
        return np.inf
    return float(_over(tubes, seen_lo, seen_hi).max())
