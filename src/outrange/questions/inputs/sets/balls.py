"""Balls around a point in the 1-norm and the 2-norm (`outrange.ball` is the L-infinity ball)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ....core import Box, Distance, InputError, Region, add_toward
from ....graph.graph import merge_columns
from ..boxes import numbers
from ..columns import in_order, point_by_column, restore_shape
from ..parse_box import input_box
from .base import InputSet, brief


if TYPE_CHECKING:
    from ....graph import Slot


@dataclass(frozen=True, eq=False, repr=False)
class Ball(InputSet):
    """Set of the inputs within a given distance of a point; `order` selects the norm.

    Args:
        center: The point, in the model's input shape (a batch axis of length 1 may precede it), or
            a dict from input name to such points. With a dict, each input has its own ball.
        radius: A number >= 0, or a dict from input name to such a number.
        clip: `(least, most)`, limits on every entry of the inputs, such as `(0, 1)` for pixels.
    """

    center: Any
    radius: Any
    clip: tuple[float, float] | None = None

    order: ClassVar[int]

    def __post_init__(self) -> None:
        radii = self.radius.values() if isinstance(self.radius, Mapping) else [self.radius]
        for radius in radii:
            value = numbers(radius, "`radius`")
            if value.ndim or not 0 <= value < np.inf:
                raise InputError(
                    f"The radius of a ball must be one finite number >= 0. "
                    f"Received: radius={radius!r}."
                )
        if self.clip is not None:
            limits = numbers(self.clip, "`clip`")
            if limits.shape != (2,) or not limits[0] <= limits[1]:
                raise InputError(
                    "`clip` must be a pair of numbers (least, most) with least <= most. "
                    f"Received: clip={self.clip!r}."
                )

    def __repr__(self) -> str:
        clip = "" if self.clip is None else f", clip={self.clip}"
        return f"{type(self).__name__}({brief(self.center)}, {brief(self.radius)}{clip})"

    def regions(self, slots: Sequence[Slot]) -> list[Region]:
        """Return one region: the enclosing box, rounded outward, with one `Distance` per input."""
        center, box_slots = self._centers(slots), slots
        slots = merge_columns(slots)
        lows, highs, distances, start = [], [], [], 0
        for slot in slots:
            index = np.arange(start, start + slot.size)
            radius = self._radius(slot.name)
            lo = add_toward(center[index], -radius, -np.inf)
            hi = add_toward(center[index], radius, np.inf)
            if self.clip is not None:
                lo, hi = np.maximum(lo, self.clip[0]), np.minimum(hi, self.clip[1])
            self._check_reach(slot, center[index], radius, lo, hi)
            lows.append(lo)
            highs.append(hi)
            distances.append(Distance(index, center[index], radius, self.order))
            start += slot.size
        box = input_box(box_slots, Box(np.concatenate(lows), np.concatenate(highs)))
        return [Region(box, distances=tuple(distances))]

    def _centers(self, slots: Sequence[Slot]) -> np.ndarray:
        """Return the center as one flat input, `(inputs,)`."""
        centers = in_order(slots, point_by_column(self.center))
        if not isinstance(centers, Mapping):
            slots = merge_columns(slots)
            if len(slots) > 1 and np.ndim(centers):
                names = ", ".join(f"`{slot.name}`" for slot in slots)
                raise InputError(
                    f"This model has {len(slots)} inputs ({names}): the center must be a dict from "
                    f"input name to point. Received: center={brief(centers)}."
                )
            centers = {slot.name: centers for slot in slots}
        if sorted(map(str, centers)) != sorted(slot.name for slot in slots):
            raise InputError(
                f"A dict of centers must name every input once: {[slot.name for slot in slots]}. "
                f"Received: {[str(name) for name in centers]}."
            )
        return np.concatenate([_center(slot, centers[slot.name]) for slot in slots])

    def _radius(self, name: str) -> float:
        if not isinstance(self.radius, Mapping):
            return float(self.radius)
        if name not in self.radius:
            raise InputError(
                f"A dict of radii must name every input (0 fixes an input); `{name}` is missing. "
                f"Received: {list(self.radius)}."
            )
        return float(self.radius[name])

    def _check_reach(
        self, slot: Slot, center: np.ndarray, radius: float, lo: np.ndarray, hi: np.ndarray
    ) -> None:
        """Raise an error if no point of the ball lies within the limits `clip`."""
        away = np.linalg.norm(np.clip(center, lo, hi) - center, self.order)
        if (lo > hi).any() or away > radius * (1 + 1e-9):
            raise InputError(
                f"The ball around the center of input `{slot.name}` lies outside `clip`: choose a "
                f"center within it, or a larger radius. Received: clip={self.clip!r}, "
                f"radius={radius:g}."
            )


def _center(slot: Slot, value: Any) -> np.ndarray:
    point = restore_shape(numbers(value, f"the center for input `{slot.name}`"), slot.shape)
    if point.shape == (1, *slot.shape):
        point = point[0]
    if (point.ndim and point.shape != slot.shape) or not np.isfinite(point).all():
        raise InputError(
            "The center of a ball must have finite values and the shape of the input, which is "
            f"{slot.shape} for `{slot.name}` (no batch axis). "
            f"Received: shape {point.shape}, {brief(value)}."
        )
    return np.broadcast_to(point, slot.shape).ravel()


class L1Ball(Ball):
    """Set of the inputs whose absolute changes from a point sum to at most `radius`.

    Args:
        center: The point, in the model's input shape (a batch axis of length 1 may precede it), or
            a dict from input name to such points. With a dict, each input has its own ball.
        radius: A number >= 0, or a dict from input name to such a number (0 fixes an input).
        clip: `(least, most)`, limits on every entry of the inputs, such as `(0, 1)` for pixels.

    Raises:
        InputError: `radius` is negative or not a number, or `clip` is not a pair.

    Example:
        >>> L1Ball([0.25, 0.5], 0.5, clip=(0, 1))
        L1Ball([0.25, 0.5], 0.5, clip=(0, 1))
    """

    order = 1


class L2Ball(Ball):
    """Set of the inputs within the Euclidean distance `radius` of a point.

    Args:
        center: The point, in the model's input shape (a batch axis of length 1 may precede it), or
            a dict from input name to such points. With a dict, each input has its own ball.
        radius: A number >= 0, or a dict from input name to such a number (0 fixes an input).
        clip: `(least, most)`, limits on every entry of the inputs, such as `(0, 1)` for pixels.

    Raises:
        InputError: `radius` is negative or not a number, or `clip` is not a pair.

    Example:
        >>> L2Ball({"a": [0.0, 1.0], "b": 3.0}, {"a": 1.5, "b": 0})
        L2Ball({'a': [0.0, 1.0], 'b': 3.0}, {'a': 1.5, 'b': 0})
    """

    order = 2
