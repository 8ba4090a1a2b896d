"""The points at which a graph is compared with its model."""

import numpy as np

from ..core import Box, InputError
from ..graph import Graph, Slot
from ..graph.float32 import LARGEST32


SCALES = (0.1, 1.0, 10.0, 1e3)
"""Standard deviations of the random points. Only the largest reveals a wrong clip at 50."""

_COUNTS = (2.0, 20.0, 200.0)
"""Standard deviations of the random integers and half-integers."""

_NORMALS = 12
_CORNERS = 4

_LONG = 2**20
"""Number of inputs above which few points are drawn: each point takes over eight megabytes."""


def points(graph: Graph, box: Box | None, seed: int, few: bool = False) -> np.ndarray:
    """Draw points for a comparison, `(count, size)`; about a third as many if `few`.

    If the graph has so many inputs that these points would fill the memory, far fewer are drawn.
    All points satisfy the limits of the inputs, as in `legal`. Where the limits allow it, integers
    and half-integers are among them, since they reveal errors in operations that count or round.

    Args:
        graph: The graph that needs the points.
        box: Box in which some more points are drawn; None for no such points.
        seed: Seed of the random points.
        few: Whether to draw fewer points.

    Raises:
        InputError: `box` does not have one entry per input.
    """
    rng, size = np.random.default_rng(seed), graph.size
    normals, corners = (_NORMALS // 3, _CORNERS // 4) if few else (_NORMALS, _CORNERS)
    scales, counts = SCALES, _COUNTS
    if size > _LONG:
        normals, corners, scales, counts = 1, 1, SCALES[1::2], _COUNTS[1:2]
    rows = [np.zeros((1, size)), np.ones((1, size)), -np.ones((1, size))]
    for scale in scales:
        normal = scale * rng.standard_normal((normals, size))
        normal[: normals // 4] = np.abs(normal[: normals // 4])
        rows += [normal, scale * rng.choice([-1.0, 1.0], (corners, size))]
    for scale in counts:
        count = scale * rng.standard_normal((2, 1 if few else _CORNERS, size))
        rows += [np.rint(count[0]), np.rint(count[1]) + 0.5]
    if box is not None:
        if box.size != size:
            raise InputError(
                f"`box` must have one coordinate per entry of the model's input, {size} in "
                f"total. Received: {box.size} coordinates."
            )
        lo, hi = (np.clip(end, -LARGEST32, LARGEST32) for end in (box.lo, box.hi))
        corner = rng.integers(0, 2, (corners, size)).astype(bool)
        rows += [Box(lo, hi).sample(rng, 2 + normals)]
        rows += [np.where(corner, lo, hi), 0.5 * lo[None] + 0.5 * hi[None]]
    return legal(graph, np.concatenate(rows), rng)


def legal(graph: Graph, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Round points to float32, then make them satisfy the limits of the inputs.

    The entries of integer inputs are rounded to integers.
    """
    x = x.astype(np.float32).astype(np.float64)
    start = 0
    for slot in graph.inputs:
        part = x[:, start : start + slot.size]
        part[:] = _whole(part, slot, rng) if slot.whole else _within(part, slot, rng)
        start += slot.size
    return x


def _within(part: np.ndarray, slot: Slot, rng: np.random.Generator) -> np.ndarray:
    """Replace the entries outside the limits of an input by entries inside."""
    least, most = slot.limits
    outside = (part < least) | (part > most)
    if not outside.any():
        return part
    low, high = max(least, -SCALES[-1]), min(most, SCALES[-1])
    drawn = rng.uniform(low, high, part.shape) if low < high else np.full(part.shape, least)
    drawn = np.clip(drawn.astype(np.float32).astype(np.float64), least, most)
    return np.where(outside, drawn, part)


def _whole(part: np.ndarray, slot: Slot, rng: np.random.Generator) -> np.ndarray:
    """Round and clip points to integers within an input's limits.

    In every second row, random integers replace the entries that rounding or clipping would change.
    """
    least, most = slot.limits
    drawn = rng.integers(int(least), int(most), part.shape, endpoint=True)
    near = np.clip(np.rint(part), least, most)
    # Every other row has integers from the whole range; zeros, ones and the caller's box stay.
    return np.where((np.arange(len(part)) % 2 == 1)[:, None] & (near != part), drawn, near)
