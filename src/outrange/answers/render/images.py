"""Inputs as pictures: one, what was added to it, the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import InputError


@dataclass(frozen=True, eq=False)
class Triple:
    """An input before and after a change, in the model's own shape, each with its title.

    `limits` are black and white; of each picture by itself if None.
    """

    before: np.ndarray
    after: np.ndarray
    title: str
    then: str
    limits: tuple[float, float] | None

    def draw(self, axes: Any) -> None:
        """The input, the difference and the result on three axes of matplotlib."""
        before, after = picture(self.before), picture(self.after)
        added = after - before
        reach = max(float(np.abs(added).max()), 1e-12)
        _show(axes[0], before, self.title, self.limits)
        _show(axes[1], _gray(added), f"added (up to {reach:.3g})", (-reach, reach), "coolwarm")
        _show(axes[2], after, self.then, self.limits)


def is_picture(x: np.ndarray) -> bool:
    """Whether `picture` draws an input."""
    try:
        picture(x)
    except InputError:
        return False
    return True


def picture(x: np.ndarray) -> np.ndarray:
    """`(height, width)` or `(height, width, 3)`; a vector becomes a strip, or a square.

    Raises:
        InputError: It is neither.
    """
    x = np.asarray(x, np.float64)
    if x.ndim == 1:
        side = round(np.sqrt(x.size))
        return x.reshape(side, side) if side * side == x.size and side > 3 else x[None]
    if x.ndim == 3 and x.shape[-1] in (1, 3, 4):
        return x[..., 0] if x.shape[-1] == 1 else x[..., :3]
    if x.ndim == 3 and x.shape[0] in (1, 3):
        return x[0] if x.shape[0] == 1 else np.moveaxis(x, 0, -1)
    if x.ndim == 2:
        return x
    raise InputError(
        "Only inputs of one or two axes, and of one or three channels, are drawn. "
        f"Received: shape {x.shape}."
    )


def _gray(x: np.ndarray) -> np.ndarray:
    """The largest change among the channels, with its sign."""
    if x.ndim == 2:
        return x
    return np.take_along_axis(x, np.abs(x).argmax(axis=-1)[..., None], axis=-1)[..., 0]


def _show(
    ax: Any, x: np.ndarray, title: str, limits: tuple[float, float] | None, colors: str = "gray"
) -> None:
    lo, hi = limits if limits is not None else (float(x.min()), float(x.max()))
    scaled = np.clip((x - lo) / (hi - lo if hi > lo else 1.0), 0.0, 1.0)
    ax.imshow(scaled, cmap=colors if x.ndim == 2 else None, vmin=0.0, vmax=1.0)
    ax.set_title(title, fontsize="small")
    ax.set_axis_off()
