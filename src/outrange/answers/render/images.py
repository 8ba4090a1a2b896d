"""Adversarial inputs as pictures: the input, what was added, the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...core import InputError


if TYPE_CHECKING:
    from ..robust_accuracy import RobustAccuracy


def draw(answer: RobustAccuracy, axes, most: int):
    """See `RobustAccuracy.plot`."""
    if isinstance(answer.x, dict):
        raise InputError(
            "Only models with one input are drawn; the adversarial inputs are in `adversarial`. "
            f"Received: inputs {list(answer.x)}."
        )
    shown = list(answer.adversarial.items())[:most]
    if axes is None:
        from .plot import new_axes

        axes = new_axes(len(shown), 3)
    axes = np.atleast_2d(axes)
    for row, (i, found) in zip(axes, shown, strict=False):
        before, after = picture(answer.x[i]), picture(np.asarray(found.x))
        added = after - before
        decided = int(found.flat_y.argmax())
        _show(row[0], before, f"input {i}: {int(answer.labels[i])}", answer.clip)
        reach = max(float(np.abs(added).max()), 1e-12)
        _show(row[1], _gray(added), f"added (up to {reach:.3g})", (-reach, reach), "coolwarm")
        _show(row[2], after, f"becomes {decided}", answer.clip)
    return axes.ravel()[0].figure


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


def _show(ax, x: np.ndarray, title: str, limits, colors: str = "gray") -> None:
    lo, hi = limits if limits is not None else (float(x.min()), float(x.max()))
    scaled = np.clip((x - lo) / (hi - lo if hi > lo else 1.0), 0.0, 1.0)
    ax.imshow(scaled, cmap=colors if x.ndim == 2 else None, vmin=0.0, vmax=1.0)
    ax.set_title(title, fontsize="small")
    ax.set_axis_off()
