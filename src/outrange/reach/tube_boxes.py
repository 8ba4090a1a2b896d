"""Parts of an initial set, and what is known of the trajectories that begin there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(eq=False)
class TubeBox:
    """A part of the initial set, and what is known of its trajectories.

    Args:
        lo: `(d,)` of initial states, then of what stays the same.
        hi: `(d,)`.
        share: Of the whole initial set.
        states: `(2, steps + 1, n)` ends of the states; infinite where not known.
        controls: `(2, steps, m)` ends of the controls.
        gains: `(steps + 1, n, d)` how far each state moves as each variable crosses the box.
        reached: The last step up to which nothing was found open.
        margin: The distance that it keeps from breaking the specification.
        blame: `(d,)` how much each variable contributes to it.
    """

    lo: np.ndarray
    hi: np.ndarray
    share: float
    states: np.ndarray
    controls: np.ndarray
    gains: np.ndarray
    reached: int = -1
    margin: float = np.inf
    blame: np.ndarray = field(default_factory=lambda: np.zeros(0))


def pieces(box: TubeBox, scores: np.ndarray, levels: int = 1) -> list[TubeBox]:
    """A box cut in two, again and again, across the variable with the largest score.

    Args:
        box: The box.
        scores: `(d,)`; of what was cut it is half as large.
        levels: How often; up to `2**levels` boxes.
    """
    found = [(box, np.where(np.isfinite(scores), scores, 0.0))]
    for _ in range(levels):
        found = [half for one, worth in found for half in _halves(one, worth)]
    return [one for one, _ in found]


def _halves(box: TubeBox, scores: np.ndarray) -> list[tuple[TubeBox, np.ndarray]]:
    width = box.hi - box.lo
    able = width > 1e-12 * np.maximum(np.abs(box.lo), np.abs(box.hi))
    if not able.any():
        return [(box, scores)]
    score = np.where(able, scores + 1e-9 * width * (scores.max() or 1.0), -1.0)
    i = int(np.argmax(score))
    middle = 0.5 * box.lo[i] + 0.5 * box.hi[i]
    left = scores * np.where(np.arange(scores.size) == i, 0.5, 1.0)
    found = []
    for end in ("lo", "hi"):
        lo, hi = box.lo.copy(), box.hi.copy()
        (hi if end == "lo" else lo)[i] = middle
        half = replace(
            box, lo=lo, hi=hi, share=box.share / 2, states=box.states.copy(),
            controls=box.controls.copy(), gains=0.5 * box.gains,
        )  # fmt: skip
        found.append((half, left))
    return found


def levels_for(count: int, wanted: int) -> int:
    """How often to halve so many boxes, so that a batch is worth its while."""
    return max(1, min(5, (wanted // max(count, 1)).bit_length() - 1))
