"""Moves of points within a box that need no gradient: blocks, the entries that matter, crossings.

A network with jumps is level almost everywhere. What a single input does to it is nothing, or a
jump; what a block of neighboring inputs does together is often more than the sum.

Reference: M. Andriushchenko et al., *Square Attack: a query-efficient black-box adversarial attack
via random search*, ECCV 2020 (blocks at the ends of their ranges); M. Alzantot et al.,
*GenAttack*, GECCO 2019 (crossings).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...graph import Slot


class Blocks:
    """Random blocks of neighboring inputs, in the shapes that the user knows."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        ends = np.cumsum([slot.size for slot in slots])
        self._slots = [
            (int(end) - slot.size, slot.shape or (1,))
            for end, slot in zip(ends, slots, strict=True)
            if slot.size
        ]
        sizes = np.array([np.prod(shape) for _, shape in self._slots], np.float64)
        self._chance = sizes / sizes.sum()
        self.size = int(sizes.sum())

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """`(d,)` bool: one block; blocks of all sizes are about as likely."""
        start, shape = self._slots[rng.choice(len(self._slots), p=self._chance)]
        size = int(np.prod(shape))
        side = (0.5 * float(size) ** -rng.random()) ** (1.0 / len(shape))
        inside = np.zeros(shape, bool)
        place = []
        for n in shape:
            # A short axis (channels) is taken whole, or one entry of it.
            long = max(1, int(np.ceil(n * side)))
            long = (n if rng.random() < 0.5 else 1) if n <= 4 else long
            first = int(rng.integers(n - long + 1))
            place.append(slice(first, first + long))
        inside[tuple(place)] = True
        out = np.zeros(self.size, bool)
        out[start : start + size] = inside.ravel()
        return out


def neighbors(
    x: np.ndarray,
    slope: np.ndarray,
    lo: np.ndarray,
    hi: np.ndarray,
    blocks: Blocks,
    rng: np.random.Generator,
) -> np.ndarray:
    """One point near each of `x`.

    Args:
        x: Array of shape `(b, d)`.
        slope: `(b, d)`: of a smoothed network; where it is 0, a side is drawn.
        lo: `(b, d)`: the box of each.
        hi: Array of shape `(b, d)`.
    """
    out = x.copy()
    ends = np.where(slope > 0, lo, hi)
    for i in range(len(x)):
        kind = rng.integers(5)
        if kind <= 1:  # the entries that promise most, with some luck
            gain = np.abs(slope[i]) * np.abs(ends[i] - x[i])
            gain = gain * rng.exponential(size=gain.size)
            count = max(1, int(0.5 * gain.size ** rng.random()))
            most = np.argpartition(-gain, count - 1)[:count]
            out[i, most] = ends[i, most]
            continue
        block = blocks.draw(rng)
        if kind == 2:  # a block, one side
            out[i, block] = (lo if rng.random() < 0.5 else hi)[i, block]
        elif kind == 3:  # a block, as the slopes say
            out[i, block] = ends[i, block]
        else:  # a block of another point
            other = x[rng.integers(len(x)), block]
            out[i, block] = np.clip(other, lo[i, block], hi[i, block])
    return out
