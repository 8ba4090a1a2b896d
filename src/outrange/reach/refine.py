"""Further splits of boxes that are closed: for a larger margin, and for a narrower pipe."""

from __future__ import annotations

import numpy as np

from .tube_boxes import TubeBox, branches, levels_for, pieces
from .tubes import AT_ONCE, Tubes


LOOSE = 0.005
"""An end of the pipe this near to what was seen, relative to the width seen, is near enough."""


def sharpen(tubes: Tubes, nearest: float, near: float = LOOSE) -> bool:
    """Cut those of the closed boxes that come nearest to breaking the specification.

    Args:
        tubes: The boxes.
        nearest: The distance of a trajectory: no margin is larger.
        near: What is near enough to that, relative to it.

    Returns:
        Whether there was something to cut.
    """
    wanted = nearest - near * abs(nearest)
    low = sorted((box for box in tubes.done if box.margin < wanted), key=lambda b: b.margin)
    low = [box for box in low[: AT_ONCE // 2] if (box.lo < box.hi).any()]
    levels = levels_for(len(low), AT_ONCE // 4)
    cut = [half for box in low for half in pieces(box, box.blame, levels)]
    if len(cut) < 2 * len(low) or not cut:
        return False
    closed, blame, margin = tubes.run(cut)
    tubes.boxes += len(cut)
    if not all(shut or box.empty for shut, box in zip(closed, cut, strict=True)):
        return False  # A half that is looser than the whole: rounding is all that is left.
    for box, scores, least in zip(cut, blame, margin, strict=True):
        box.margin, box.blame = float(least), scores
    kept = {id(box) for box in low}
    tubes.done = [box for box in tubes.done if id(box) not in kept]
    tubes.add(cut)
    return True


def refine(tubes: Tubes, seen_lo: np.ndarray, seen_hi: np.ndarray, near: float = LOOSE) -> bool:
    """Cut those of the closed boxes that make the pipe wider than what was seen.

    Args:
        tubes: The boxes.
        seen_lo: `(k, n)` least values of trajectories, of all `steps + 1` states or the first `k`.
        seen_hi: `(k, n)` largest.
        near: What is near enough, relative to the width seen.

    Returns:
        Whether there was something to cut.
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
        cut += branches(tubes.done[i]) or pieces(tubes.done[i], scores, levels)
    if len(cut) < 2 * len(chosen) or not cut:
        return False
    tubes.run(cut)
    tubes.boxes += len(cut)
    tubes.done = [box for i, box in enumerate(tubes.done) if i not in chosen]
    tubes.add(cut)
    return True


def _over(tubes: Tubes, seen_lo: np.ndarray, seen_hi: np.ndarray) -> np.ndarray:
    """How far each box goes beyond what was seen, relative to that: `(boxes, entries)`."""
    steps = len(seen_lo)
    lo, hi = (np.stack([box.states[end, :steps] for box in tubes.done]) for end in (0, 1))
    width = np.maximum(seen_hi - seen_lo, 1e-9 * np.maximum(np.abs(seen_hi), 1e-9))
    with np.errstate(invalid="ignore", over="ignore"):
        over = np.maximum((seen_lo - lo) / width, (hi - seen_hi) / width)
    return np.where(np.isnan(over), np.inf, over).reshape(len(tubes.done), -1)


def looseness(tubes: Tubes, seen_lo: np.ndarray, seen_hi: np.ndarray) -> float:
    """How far the pipe goes beyond what was seen, at most; infinite with boxes waiting."""
    if tubes.waiting or not tubes.done:
        return np.inf
    return float(_over(tubes, seen_lo, seen_hi).max())
