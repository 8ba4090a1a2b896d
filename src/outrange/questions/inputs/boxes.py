"""Conversion of numbers to arrays, and boxes from plain arrays: around data or around a point."""

import inspect
import os
from typing import Any

import numpy as np

from ...core import InputError


def numbers(value: Any, what: str) -> np.ndarray:
    """Convert `value` to a float64 array.

    Raises:
        InputError: `value` does not consist of real numbers.
    """
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        array = np.empty(0, object)
    if array.dtype.kind not in "biuf":
        is_file = isinstance(value, str | os.PathLike)
        advice = " Read a table first, for example with `pandas.read_csv`." if is_file else ""
        raise InputError(
            f"The value for {what} must contain real numbers.{advice} Received: "
            f"{describe_value(value)}."
        )
    return array.astype(np.float64)


def axis_hint(shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """Return advice if an array lacks the input's last axis of length 1, or an empty string.

    Args:
        shape: The shape of the array.
        wanted: The shape of the input; the array may have a batch axis in front.
    """
    lacks = wanted[-1:] == (1,) and len(wanted) > 1 and shape[-len(wanted) + 1 :] == wanted[:-1]
    return " The last axis is missing: pass `array[..., None]`." if lacks else ""


def rows_shape(shape: tuple[int, ...]) -> str:
    """Return the shape of n rows of an input as text, as in `(n, 3)`."""
    return f"(n, {', '.join(map(str, shape))})" if shape else "(n,)"


def describe_value(value: Any) -> str:
    """Describe a received value in a few words."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return f"{type(value).__name__} of shape {tuple(shape)}"
    if inspect.isroutine(value):
        return f"{type(value).__name__} `{getattr(value, '__name__', '')}`"
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"


def array_box(x: Any, margin: Any = 0.0, *, relative: bool = False) -> Any:
    """Compute the range of each feature over the rows of an array; see `outrange.data_box`."""
    array = numbers(x, "the data")
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim == 0 or array.size == 0:
        raise InputError(
            "Data needs at least one row: an array of shape (n, *input_shape) with n >= 1. "
            f"Received: {describe_value(x)}."
        )
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        first = tuple(int(k) for k in bad[0])
        raise InputError(
            f"Data must be finite; {len(bad)} entries are not, the first at index {first}. Drop or "
            f"fill them. Received: {array[first]}."
        )
    widen = numbers(margin, "`margin`")
    if widen.ndim or not 0 <= widen < np.inf:
        raise InputError(f"`margin` must be a number >= 0. Received: margin={margin!r}.")
    lo, hi = array.min(axis=0), array.max(axis=0)
    by = widen * (hi - lo) if relative else widen
    return lo - by, hi + by


def array_ball(x: Any, radius: Any, clip: tuple | None = None) -> Any:
    """Compute the L-infinity ball around a point in an array; see `outrange.ball`."""
    center, by = numbers(x, "the center"), numbers(radius, "`radius`")
    if not np.all(np.isfinite(center)):
        raise InputError(
            "The center of a ball must consist of finite numbers. Received: a center with NaN "
            "or infinity."
        )
    if not np.all((by >= 0) & np.isfinite(by)):
        raise InputError(f"`radius` must be finite and >= 0. Received: radius={radius!r}.")
    try:
        by = np.broadcast_to(by, center.shape)
    except ValueError:
        raise InputError(
            f"`radius` must be a number or an array of the center's shape {center.shape}. "
            f"Received: shape {by.shape}."
        ) from None
    lo, hi = center - by, center + by
    if clip is not None:
        limits = numbers(clip, "`clip`")
        if limits.shape != (2,) or not limits[0] <= limits[1]:
            raise InputError(
                "`clip` must be a pair of numbers (least, most) with least <= most. "
                f"Received: clip={clip!r}."
            )
        lo, hi = np.maximum(lo, limits[0]), np.minimum(hi, limits[1])
        empty = np.argwhere(lo > hi)
        if len(empty):
            first = tuple(int(k) for k in empty[0])
            raise InputError(
                f"The ball lies outside `clip` at index {first}: choose a center within it. "
                f"Received: center {center[first]:g}, clip={clip!r}."
            )
    return lo, hi
