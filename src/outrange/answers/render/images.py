"""Figures of inputs as images: an input, its perturbation, and the perturbed input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import InputError


SHORTEST_SIDE = 5
"""Minimum number of pixels per side; smaller images are not recognizable."""


@dataclass(frozen=True, eq=False)
class Triple:
    """An input before and after a perturbation, in the model's input shape, and two titles.

    `limits` are the values drawn as black and as white; None selects the extreme values.
    """

    before: np.ndarray
    after: np.ndarray
    title: str
    then: str
    limits: tuple[float, float] | None

    def draw(self, axes: Any) -> None:
        """Draw the input, the perturbation and the result on three matplotlib axes."""
        before, after = to_image(self.before), to_image(self.after)
        added = after - before
        reach = max(float(np.abs(added).max()), 1e-12)
        _show(axes[0], before, self.title, self.limits)
        _show(axes[1], _gray(added), f"added (up to {reach:.3g})", (-reach, reach), "coolwarm")
        _show(axes[2], after, self.then, self.limits)

    def draw_beside(self, ax: Any, top: float = 0.0) -> float:
        """Draw the three images side by side on the same axes.

        The images extend downward from the vertical position `top`. The result is the position
        below them.
        """
        before, after = to_image(self.before), to_image(self.after)
        added = _gray(after - before)
        reach = max(float(np.abs(added).max()), 1e-12)
        limits = self.limits or (
            float(min(before.min(), after.min())), float(max(before.max(), after.max())),
        )  # fmt: skip
        shown = [
            (before, self.title, limits, "gray"),
            (added, f"added (up to {reach:.3g})", (-reach, reach), "coolwarm"),
            (after, self.then, limits, "gray"),
        ]
        return _draw_beside(ax, shown, top)


def draw_bounds(ax: Any, lo: np.ndarray, hi: np.ndarray) -> None:
    """Draw lower bounds, upper bounds and their distances as three images on the same axes."""
    low, high = to_image(lo), to_image(hi)
    width = _gray(high - low)
    ends, widest = (float(low.min()), float(high.max())), float(width.max())
    shown = [
        (low, "never below", ends, "gray"),
        (high, "never above", ends, "gray"),
        (width, f"difference (up to {widest:.3g})", (0.0, widest), "viridis"),
    ]
    bottom = _draw_beside(ax, shown, 0.0)
    ax.set_xlim(0.0, 3.24 * low.shape[1])
    ax.set_ylim(bottom - 0.25 * low.shape[0], -0.12 * low.shape[0])
    ax.set_axis_off()


def _draw_beside(
    ax: Any, shown: list[tuple[np.ndarray, str, tuple[float, float], str]], top: float
) -> float:
    """Draw images side by side, each with a title, the values of its ends and its colors.

    Return the vertical position below them; see `Triple.draw_beside`.
    """
    high, wide = shown[0][0].shape[:2]
    for k, (pixels, title, ends, colors) in enumerate(shown):
        left = 1.12 * k * wide
        image = ax.imshow(
            to_unit_interval(pixels, ends), cmap=colors, vmin=0.0, vmax=1.0,
            interpolation="nearest", extent=(left, left + wide, top + high, top),
        )  # fmt: skip
        image.set_clip_on(False)
        ax.text(left + wide / 2, top - 0.03 * high, title, ha="center", va="bottom",
                fontsize="small")  # fmt: skip
    return top + 1.25 * high


def is_image(x: np.ndarray) -> bool:
    """Return whether an input is drawn as an image.

    The input must have two or three axes, `to_image` must accept its shape, and each side of the
    image must have at least `SHORTEST_SIDE` pixels.
    """
    if np.ndim(x) not in (2, 3):
        return False
    try:
        return min(to_image(x).shape[:2]) >= SHORTEST_SIDE
    except InputError:
        return False


def to_image(x: np.ndarray) -> np.ndarray:
    """Convert an input to an image `(height, width)` or `(height, width, 3)`.

    A vector becomes a square if its length is the square of a number above 3, otherwise a strip. A
    leading channel axis is moved to the end, and a fourth channel is dropped.

    Raises:
        InputError: The shape is not that of an image.
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
        "Only a vector, a matrix, or an image with 1, 3 or 4 channels can be drawn. "
        f"Received: shape {x.shape}."
    )


def _gray(x: np.ndarray) -> np.ndarray:
    """Return, for each pixel, the channel value of largest magnitude, with its sign."""
    if x.ndim == 2:
        return x
    return np.take_along_axis(x, np.abs(x).argmax(axis=-1)[..., None], axis=-1)[..., 0]


def to_unit_interval(x: np.ndarray, ends: tuple[float, float]) -> np.ndarray:
    """Scale values linearly so that `ends` become 0 and 1, and clip them to [0, 1]."""
    lo, hi = ends
    return np.clip((x - lo) / (hi - lo if hi > lo else 1.0), 0.0, 1.0)


def _show(
    ax: Any, x: np.ndarray, title: str, limits: tuple[float, float] | None, colors: str = "gray"
) -> None:
    ends = limits if limits is not None else (float(x.min()), float(x.max()))
    pixels = to_unit_interval(x, ends)
    ax.imshow(pixels, cmap=colors if x.ndim == 2 else None, vmin=0.0, vmax=1.0)
    ax.set_title(title, fontsize="small")
    ax.set_axis_off()
