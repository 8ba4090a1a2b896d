"""Balls around one input in a norm, with regions rounded outward and distances rounded up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import Box, InputError, Region, add_toward, up
from ...graph.graph import merge_columns
from .boxes import axis_hint, describe_value, numbers
from .columns import in_order, point_by_column, restore_shape
from .parse_box import input_box
from .perturbation import clip_limits, norm_name
from .sets import L1Ball, L2Ball


if TYPE_CHECKING:
    from ...graph import Slot


@dataclass(frozen=True, eq=False)
class Neighborhood:
    """The balls of all radii around one input.

    Args:
        slots: The model's inputs; each input has its own ball, and all balls have the same radius.
        center: `(d,)`, the flat input.
        norm: `"inf"`, `"1"` or `"2"`.
        clip: `(least, most)`, limits on every entry, or None.
        scale: `(d,)`, maximum change of each entry at radius 1; None if it is 1 for all entries.
    """

    slots: Sequence[Slot]
    center: np.ndarray
    norm: str
    clip: tuple[float, float] | None
    scale: np.ndarray | None = None

    @classmethod
    def of(
        cls, slots: Sequence[Slot], x: Any, norm: Any, clip: Any, scale: np.ndarray | None = None
    ) -> Neighborhood:
        """Build a neighborhood from user arguments.

        Raises:
            InputError: `x` does not fit the model or lies outside `clip`, another argument is
                invalid, or some inputs are integers.
        """
        name = norm_name(norm, scale)
        center = flat_point(slots, x)
        integer_inputs = [slot.name for slot in slots if slot.whole]
        if integer_inputs:
            raise InputError(
                "A radius needs inputs that vary continuously; this model takes integers. "
                "Use `outrange.verify` or `outrange.output_range` around `x` instead. "
                f"Received: integers for `{integer_inputs[0]}`."
            )
        limits = clip_limits(clip)
        if limits is not None:
            outside = (center < limits[0]) | (center > limits[1])
            if outside.any():
                i = int(np.flatnonzero(outside)[0])
                raise InputError(
                    "The input must lie within `clip`. "
                    f"Received: {center[i]:g} at flat index {i}, clip={clip!r}."
                )
        return cls(tuple(slots), center, name, limits, scale)

    def region(self, radius: float) -> Region:
        """Return the ball of the given radius as a region, rounded outward."""
        if self.norm == "inf":
            by = np.asarray(radius, np.float64)
            if self.scale is not None:
                by = np.where(self.scale > 0, up(by * self.scale), 0.0)
            lo = add_toward(self.center, -by, -np.inf)
            hi = add_toward(self.center, by, np.inf)
            if self.clip is not None:
                lo, hi = np.maximum(lo, self.clip[0]), np.minimum(hi, self.clip[1])
            return Region(Box(lo, hi))
        kind = L1Ball if self.norm == "1" else L2Ball
        center, start = {}, 0
        for slot in merge_columns(self.slots):
            center[slot.name] = self.center[start : start + slot.size].reshape(slot.shape)
            start += slot.size
        (region,) = kind(center, radius, self.clip).regions(merge_columns(self.slots))
        return region

    def distance(self, x: np.ndarray) -> float:
        """Return the smallest radius whose ball contains the flat input `x`, rounded up."""
        moved = np.abs(x - self.center)
        if self.scale is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                moved = np.where(moved == 0, 0.0, moved / self.scale)
        parts, start = [], 0
        for slot in merge_columns(self.slots):
            part = moved[start : start + slot.size]
            order = np.inf if self.norm == "inf" else int(self.norm)
            parts.append(float(np.linalg.norm(part, order)) if part.size else 0.0)
            start += slot.size
        # A subtraction, a product, a sum and a root each round once per entry.
        return max(parts) * (1.0 + (moved.size + 8) * 2.0**-52)

    def farthest(self) -> float:
        """Return the largest distance from the center within `clip`; infinite without `clip`."""
        if self.clip is None:
            return np.inf
        least, most = (np.full(self.center.size, end) for end in self.clip)
        far = np.where(most - self.center > self.center - least, most, least)
        moves = self.center == self.center if self.scale is None else self.scale > 0
        return self.distance(np.where(moves, far, self.center))

    @property
    def size(self) -> float:
        """Largest absolute entry of the center (at least 1), divided by the largest scale."""
        unit = 1.0 if self.scale is None else float(self.scale.max())
        return max(1.0, float(np.abs(self.center).max(initial=0.0))) / unit


def flat_point(slots: Sequence[Slot], x: Any) -> np.ndarray:
    """Flatten one input, given in the model's input shape or with a batch axis of length 1.

    Raises:
        InputError: `x` does not fit the model's inputs.
    """
    x = in_order(slots, point_by_column(x))
    if isinstance(x, Mapping):
        return input_box(slots, {name: (part, part) for name, part in x.items()}).lo
    if len(merge_columns(slots)) > 1:
        raise InputError(
            f"This model has the inputs {[slot.name for slot in slots]}: `x` must be a dict from "
            f"each name to one input. Received: {describe_value(x)}."
        )
    (slot,) = merge_columns(slots)
    array = restore_shape(numbers(x, "the point"), slot.shape)
    if array.ndim and array.shape not in (slot.shape, (1, *slot.shape)):
        several = array.shape[1:] == slot.shape
        advice = " Select one of several rows: `x[0]`." if several else ""
        raise InputError(
            f"The point must have the shape {slot.shape} of the input `{slot.name}`; a batch axis "
            f"of length 1 may precede it.{advice}{axis_hint(array.shape, slot.shape)} "
            f"Received: {describe_value(x)}."
        )
    return input_box(slots, (x, x)).lo
