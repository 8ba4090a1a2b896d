"""Checks that boxes stay within the limits of a graph's inputs.

Within these limits, the graph equals the model. Outside them, an integer type may wrap around, or
an index may exceed a table.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core import InputError
from .graph import Slot


def check_within(slots: Sequence[Slot], lo: np.ndarray, hi: np.ndarray) -> None:
    """Reject boxes that exceed the limits of an input.

    Args:
        slots: Inputs with their limits.
        lo: Lower corners, `(..., inputs)`.
        hi: Upper corners, `(..., inputs)`.

    Raises:
        InputError: A box exceeds the limits of an input.
    """
    start = 0
    for slot in slots:
        part = slice(start, start + slot.size)
        start += slot.size
        least, most = slot.limits
        if not np.isfinite(slot.limits).any():
            continue
        outside = (lo[..., part] < least) | (hi[..., part] > most)
        if outside.any():
            at = tuple(np.argwhere(outside)[0])
            low, high = float(lo[..., part][at]), float(hi[..., part][at])
            raise InputError(_message(slot, int(at[-1]), low, high))


def _message(slot: Slot, i: int, lo: float, hi: float) -> str:
    index = [int(k) for k in np.unravel_index(i, slot.shape)] if slot.shape else []
    least, most = slot.limits
    if slot.whole:
        rule = f"takes integers from {least:.0f} to {most:.0f} (the limits of its type and of the"
        rule += " layers that read it)"
    else:
        rule = f"is limited to {least:.6g} to {most:.6g} (beyond these, an integer type may wrap "
        rule += "around in the model, or a table may end)"
    return (
        f"`{slot.name}`{index} {rule}: choose a box within these limits. "
        f"Received: lo={lo:g}, hi={hi:g}."
    )
