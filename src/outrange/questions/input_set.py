"""Turns what a user passes as `box` into a `Box` over a graph's flat input.

The type says what is meant: a *tuple* is a pair `(lo, hi)`, an *array* is data (or, in a dict, one
fixed value in the input's own shape), a *dict* holds one of these per input name.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core import Box, InputError
from ..graph import Slot


FORMS = (
    "A box is `(lo, hi)` (numbers, or arrays in the model's input shape), a data array "
    "`(n, *input_shape)`, or a dict from input name to one of these"
)


def input_box(slots: Sequence[Slot], box: Any) -> Box:
    """The box over the concatenated inputs `slots` that `box` describes.

    Args:
        slots: The model's inputs (names, and shapes without the batch axis).
        box: `(lo, hi)` with numbers or arrays in the input's shape (with or without a batch axis
            of 1); a data array `(n, *shape)`, which stands for its per-feature range; a dict from
            input name to any of these, a number or one array in that input's shape (fixed); or a
            `Box` over the flat input.

    Returns:
        A finite `Box` of `sum(slot.size)` coordinates, float64 as given.

    Raises:
        InputError: It is none of these, or a bound is inverted, NaN, infinite or misshaped.

    Example:
        >>> from outrange.graph import Slot
        >>> input_box([Slot("x", (2,))], (0, [1, 2])).hi
        array([1., 2.])
    """
    total = sum(slot.size for slot in slots)
    if isinstance(box, Box):
        if box.size != total:
            raise InputError(
                f"A `Box` needs one coordinate per model input, {total} in all. "
                f"Received: {box.size} coordinates."
            )
        return _checked(slots, box.lo, box.hi)
    if isinstance(box, Mapping):
        ends = [_entry(slot, box[slot.name], fixed=True) for slot in _same_names(slots, box)]
    elif len(slots) == 1:
        ends = [_entry(slots[0], box, fixed=False)]
    elif isinstance(box, tuple) and len(box) == 2 and all(np.ndim(end) == 0 for end in box):
        ends = [_entry(slot, box, fixed=False) for slot in slots]
    else:
        names = ", ".join(f"`{slot.name}`" for slot in slots)
        raise InputError(
            f"This model has {len(slots)} inputs ({names}); pass two numbers `(lo, hi)` for all of "
            f"them, or a dict from input name to a box. Received: {_what(box)}."
        )
    lo, hi = (np.concatenate([np.ravel(end[side]) for end in ends]) for side in (0, 1))
    return _checked(slots, lo, hi)


def _same_names(slots: Sequence[Slot], box: Mapping) -> Sequence[Slot]:
    known = [slot.name for slot in slots]
    unknown = [name for name in box if name not in known]
    missing = [name for name in known if name not in box]
    if unknown or missing:
        fault = (
            f"has no input named `{unknown[0]}`" if unknown
            else f"also has the input `{missing[0]}`, which the dict leaves out (fix it with a number)"
        )
        raise InputError(
            f"A dict box names every input of the model once. The model {fault}; its inputs are "
            f"{known}. Received: {[str(name) for name in box]}."
        )
    return slots


def _entry(slot: Slot, value: Any, *, fixed: bool) -> tuple[np.ndarray, np.ndarray]:
    """`(lo, hi)` of one input, in its own shape."""
    if isinstance(value, Box):
        if value.size != slot.size:
            raise InputError(
                f"The `Box` for input `{slot.name}` needs {slot.size} coordinates. "
                f"Received: {value.size}."
            )
        return value.lo, value.hi
    if isinstance(value, tuple):
        return _pair(slot, value)
    if isinstance(value, list):
        raise InputError(
            f"A list for input `{slot.name}` can be read as bounds or as data: write a tuple "
            f"`(lo, hi)` for bounds, `numpy.array(...)` for data. Received: {_what(value)}."
        )
    array = numbers(value, f"input `{slot.name}`")
    if fixed and array.ndim == 0:
        array = np.broadcast_to(array, slot.shape)
    if fixed and array.shape == slot.shape:
        return array, array
    if array.ndim == 1 and slot.size == 1:
        array = array.reshape(-1, *slot.shape)
    if array.shape[1:] != slot.shape or array.ndim == 0:
        raise InputError(
            f"{FORMS}. Data for input `{slot.name}` needs shape (n, "
            f"{str(slot.shape)[1:]}. Received: {_what(value)}."
        )
    return data_box(array)


def _pair(slot: Slot, value: tuple) -> tuple[np.ndarray, np.ndarray]:
    if len(value) != 2:
        raise InputError(
            f"A tuple is a pair `(lo, hi)`; for input `{slot.name}` it has {len(value)} entries. "
            f"{FORMS}. Received: {_what(value)}."
        )
    if any(isinstance(end, tuple) for end in value):
        raise InputError(
            f"A tuple of tuples for input `{slot.name}` can be read as (lo, hi) or as one pair per "
            "feature: write `(lo, hi)` with two lists or arrays. "
            f"Received: {_what(value)}."
        )
    ends = []
    for side, end in zip(("lo", "hi"), value, strict=True):
        array = numbers(end, f"`{side}` of input `{slot.name}`")
        if array.shape == (1, *slot.shape):
            array = array[0]
        if array.ndim and array.shape != slot.shape:
            raise InputError(
                f"`{side}` of input `{slot.name}` needs one number, or the input's shape "
                f"{slot.shape} (a batch axis of 1 may stand in front). "
                f"Received: shape {array.shape}."
            )
        ends.append(np.broadcast_to(array, slot.shape))
    return ends[0], ends[1]


def _checked(slots: Sequence[Slot], lo: np.ndarray, hi: np.ndarray) -> Box:
    for bad, rule in (
        (~(np.isfinite(lo) & np.isfinite(hi)), "be finite numbers"),
        (~(lo <= hi), "satisfy lo <= hi"),
    ):
        at = np.flatnonzero(bad)
        if at.size:
            i = int(at[0])
            raise InputError(
                f"The bounds of every input must {rule}; {place(slots, i)} does not"
                f"{f' (nor do {at.size - 1} others)' if at.size > 1 else ''}. "
                f"Received: lo={lo[i]:g}, hi={hi[i]:g}."
            )
    return Box(lo, hi)


def place(slots: Sequence[Slot], i: int) -> str:
    """Where flat coordinate `i` is in the model: its input's name and index there."""
    for slot in slots:
        if i < slot.size:
            index = ", ".join(str(int(k)) for k in np.unravel_index(i, slot.shape)) if slot.shape else ""
            return f"`{slot.name}`[{index}]"
        i -= slot.size
    raise IndexError(i)


def numbers(value: Any, what: str) -> np.ndarray:
    """`value` as a float64 array.

    Raises:
        InputError: It does not hold real numbers.
    """
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        array = np.empty(0, object)
    if array.dtype.kind not in "biuf":
        raise InputError(f"The value for {what} must hold real numbers. Received: {_what(value)}.")
    return array.astype(np.float64)


def _what(value: Any) -> str:
    """What came, in a few words."""
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"{type(value).__name__} of shape {tuple(shape)}"
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"


def data_box(x: Any, margin: float = 0.0, *, relative: bool = False) -> Any:
    """The per-feature range of data, widened by a margin.

    Args:
        x: Array `(n, *input_shape)`, or a dict from input name to such arrays.
        margin: Non-negative, in the unit of the feature.
        relative: Read `margin` as a multiple of each feature's own range.

    Returns:
        `(lo, hi)`, two float64 arrays of shape `input_shape`, each rounded to nearest; for a dict,
        a dict of such pairs. Pass it as `box`.

    Raises:
        InputError: The data is empty or not finite, or `margin` is negative.

    Example:
        >>> lo, hi = data_box([[0.0, 5.0], [2.0, 6.0]], margin=0.5)
        >>> lo.tolist(), hi.tolist()
        ([-0.5, 4.5], [2.5, 6.5])
    """
    if isinstance(x, Mapping):
        return {name: data_box(part, margin, relative=relative) for name, part in x.items()}
    array = numbers(x, "the data")
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim == 0 or array.size == 0:
        raise InputError(
            "Data needs at least one row: an array of shape (n, *input_shape) with n >= 1. "
            f"Received: {_what(x)}."
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


def ball(x: Any, radius: Any, clip: tuple | None = None) -> Any:
    """The L-infinity ball around a point: every entry may move by `radius`.

    Args:
        x: The point, in the model's input shape (a batch axis of 1 may stand in front), or a dict
            from input name to such points.
        radius: Non-negative number, or an array that broadcasts against `x`.
        clip: `(least, most)`: keep the ball inside these limits, `(0, 1)` for pixels, say.

    Returns:
        `(lo, hi)`, two float64 arrays of `x`'s shape, each rounded to nearest; for a dict, a dict
        of such pairs. Pass it as `box`.

    Raises:
        InputError: `radius` is negative, something is not finite, or the clipped ball is empty.

    Example:
        >>> lo, hi = ball([0.25, 0.875], 0.25, clip=(0, 1))
        >>> lo.tolist(), hi.tolist()
        ([0.0, 0.625], [0.5, 1.0])
    """
    if isinstance(x, Mapping):
        return {name: ball(point, radius, clip) for name, point in x.items()}
    center, by = numbers(x, "the center"), numbers(radius, "`radius`")
    if not np.all(np.isfinite(center)):
        raise InputError("The center of a ball must be finite; it holds NaN or infinity.")
    if not np.all((by >= 0) & np.isfinite(by)):
        raise InputError(f"`radius` must be finite and >= 0. Received: radius={radius!r}.")
    try:
        by = np.broadcast_to(by, center.shape)
    except ValueError:
        raise InputError(
            f"`radius` must be a number or of the center's shape {center.shape}. "
            f"Received: shape {by.shape}."
        ) from None
    lo, hi = center - by, center + by
    if clip is not None:
        least, most = clip
        lo, hi = np.maximum(lo, least), np.minimum(hi, most)
        empty = np.argwhere(lo > hi)
        if len(empty):
            first = tuple(int(k) for k in empty[0])
            raise InputError(
                f"The ball lies outside `clip` at index {first}: choose a center within the limits. "
                f"Received: center {center[first]:g}, clip={clip!r}."
            )
    return lo, hi
