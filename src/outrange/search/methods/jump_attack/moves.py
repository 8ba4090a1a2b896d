"""Random moves of points within a box.

A move sets a block of inputs, or the inputs with large derivatives, to bounds of their ranges.
Another kind of move copies a block of inputs from another point.

A network with jumps is often constant almost everywhere. Changing a single input then has no
effect, or causes a jump. Changing a block of neighboring inputs often has a larger effect than the
sum of the single changes.

Reference: M. Andriushchenko et al., *Square Attack: a query-efficient black-box adversarial attack
via random search*, ECCV 2020 (blocks at the bounds of their ranges); M. Alzantot et al.,
*GenAttack*, GECCO 2019 (blocks copied from other points).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....graph import Slot


class Blocks:
    """Generator of random blocks of neighboring inputs within one input tensor.

    Args:
        slots: The input tensors with their shapes.
    """

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
        """Draw a mask `(d,)` of one block; small and large blocks are about equally likely."""
        start, shape = self._slots[rng.choice(len(self._slots), p=self._chance)]
        size = int(np.prod(shape))
        side = (0.5 * float(size) ** -rng.random()) ** (1.0 / len(shape))
        inside = np.zeros(shape, bool)
        place = []
        for n in shape:
            # A block covers all of a short axis (channels), or one entry of it.
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
    """Return a randomly changed copy of each point of `x`, `(b, d)`.

    Args:
        x: Points, shape `(b, d)`.
        slope: `(b, d)` gradients of a smoothed network. A move that uses them sets an input to its
            lower bound if its derivative is positive, and to its upper bound otherwise.
        lo: `(b, d)` lower bounds of each point's box.
        hi: `(b, d)` upper bounds of each point's box.
        blocks: Blocks of the inputs.
        rng: Random generator for the moves.
    """
    out = x.copy()
    ends = np.where(slope > 0, lo, hi)
    for i in range(len(x)):
        kind = rng.integers(5)
        if kind <= 1:  # the most promising entries, with some randomness
            gain = np.abs(slope[i]) * np.abs(ends[i] - x[i])
            gain = gain * rng.exponential(size=gain.size)
            count = max(1, int(0.5 * gain.size ** rng.random()))
            most = np.argpartition(-gain, count - 1)[:count]
            out[i, most] = ends[i, most]
            continue
        block = blocks.draw(rng)
        if kind == 2:  # a block, moved to one side
            out[i, block] = (lo if rng.random() < 0.5 else hi)[i, block]
        elif kind == 3:  # a block, moved along the slopes
            out[i, block] = ends[i, block]
        else:  # a block copied from another point
            other = x[rng.integers(len(x)), block]
            out[i, block] = np.clip(other, lo[i, block], hi[i, block])
    return out
