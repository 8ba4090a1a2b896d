"""The inputs for which a graph is known to be the model: a box that leaves them is refused.

A type of whole numbers may wrap around beyond them, and a table may end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core import InputError
from .graph import Slot


def check_within(slots: Sequence[Slot], lo: np.ndarray, hi: np.ndarray) -> None:
    """Refuse boxes that leave the limits of an input.

    Args:
        slots: The inputs.
        lo: `(..., inputs)`.
        hi: `(..., inputs)`.

    Raises:
        InputError: One does.
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
        takes = f"takes whole numbers from {least:.0f} to {most:.0f} (what its type and the layers"
        takes += " that read it are described for)"
    else:
        takes = f"is described from {least:.6g} to {most:.6g} (beyond, a type of whole numbers may"
        takes += " wrap around in the model, or a table end)"
    return f"`{slot.name}`{index} {takes}: choose the box within. Received: lo={lo:g}, hi={hi:g}."
