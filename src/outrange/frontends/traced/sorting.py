"""Lowering of sorting, argmax, running maxima, and writes to entries, for all frameworks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...core import UnsupportedError
from ...graph import Operand, Value
from ...graph.composites import logic
from .call import TracedCall


def arg_extremum(
    c: TracedCall, x: Operand, axis: int | None, keepdims: bool = False, *, least: bool = False
) -> Operand:
    """Return the position of the first largest (or `least`) entry along an axis.

    If `axis` is None, return the flat position among all entries.
    """
    b = c.b
    x = x if isinstance(x, Value) else b.constant_value(x)
    shape = [1] * len(x.shape)
    if axis is None:
        x = b.reshape(x, (x.size,))
    at = 0 if axis is None else axis % len(x.shape)
    flipped = b.affine_map(x, -1.0) if least else x
    index = b.clip(logic.arg_largest(b, flipped, at, keepdims), 0.0, x.shape[at] - 1.0)
    if axis is None:
        return b.reshape(index, shape if keepdims else ())
    return index


def sort(c: TracedCall, x: Operand, axis: int, *, downward: bool = False) -> Operand:
    """Sort entries along an axis in increasing order, or in decreasing order if `downward`."""
    if not isinstance(x, Value):
        values = np.sort(x, axis=axis)
    elif x.shape[axis] < 2:
        return x
    else:
        values = logic.sort(c.b, x, axis)
    return c.b.structural(lambda a: np.flip(a[0], axis), [values]) if downward else values


def argsort(c: TracedCall, x: Value, axis: int, *, downward: bool = False) -> Operand:
    """Return the positions that sort entries along an axis; equal entries keep their order.

    The order is increasing, or decreasing if `downward`.
    """
    n = x.shape[axis]
    return c.b.clip(logic.argsort(c.b, x, axis, downward=downward), 0.0, n - 1.0)


def take_first(c: TracedCall, x: Operand, count: int, axis: int) -> Operand:
    """Return the first `count` entries along an axis."""
    return c.b.structural(lambda a: np.take(a[0], np.arange(count), axis=axis), [x], name="top")


def running_extremum(
    c: TracedCall, x: Operand, axis: int, *, least: bool = False, reverse: bool = False
) -> Operand:
    """Compute the running maximum (or minimum, if `least`) along an axis.

    If `reverse`, it starts at the end of the axis.
    """
    if not isinstance(x, Value):
        values = np.flip(x, axis) if reverse else x
        values = (np.minimum if least else np.maximum).accumulate(values, axis=axis)
        return np.flip(values, axis) if reverse else values
    axis %= len(x.shape)
    n = x.shape[axis]
    places = np.moveaxis(np.arange(x.size).reshape(x.shape), axis, -1)
    mask = np.tri(n, dtype=bool)
    windows = np.moveaxis(np.where(mask.T if reverse else mask, places[..., None, :], -1), -2, axis)
    return c.b.largest(x, windows.reshape(-1, n), x.shape, negate=least)


def write(c: TracedCall, how: str, x: Operand, updates: Operand, placed: np.ndarray) -> Operand:
    """Write updates to some entries of an operand, and return the changed operand.

    Args:
        c: The step being lowered.
        how: Way to combine an entry with its update: `set`, `add`, `mul`, `max` or `min`.
        x: The operand, whose entries are changed in a copy.
        updates: Values to write, in any shape; see `placed`.
        placed: Flat position in `updates` of the update for each entry, in the shape of `x`; -1
            for entries without an update.
    """
    b, here = c.b, placed >= 0
    source = np.where(here, placed, 0).ravel()

    def spread(fill: float) -> Operand:
        def run(a: list[np.ndarray]) -> np.ndarray:
            update = np.ravel(a[0])[source].reshape(placed.shape)
            return np.where(here, update, a[1])

        return b.structural(run, [updates, np.full((), fill)], name="write")

    if how == "add":
        return b.add(x, spread(0.0))
    if how == "mul":
        return b.multiply(x, spread(1.0))
    new = spread(0.0)
    if how != "set":
        new = b.maximum(x, new, negate=how == "min")
    return logic.select(b, here.astype(np.float64), new, x)


def placement(
    run: Callable[[np.ndarray, np.ndarray], np.ndarray],
    shape: Sequence[int],
    updates: Sequence[int],
    untouched: float = 0.0,
    dtype: str = "float32",
) -> np.ndarray:
    """Find which update is written to each entry, by running the write on positions.

    Args:
        run: Function of entries and updates that performs the write.
        shape: Shape of the entries.
        updates: Shape of the updates.
        untouched: Value that marks an unwritten entry and does not change an update: 1 for a
            product.
        dtype: Dtype of the entries and the updates.

    Returns:
        The flat position of the update for each entry, in the shape of the entries; -1 for entries
        without an update.

    Raises:
        UnsupportedError: Two updates have the same destination, one is outside the array, or there
            are too many updates.
    """
    count = int(np.prod(updates, dtype=np.int64))
    if count + 2 >= 2**24:
        raise UnsupportedError(
            f"a write of {count} entries at once is not supported, because the limit is 2^24 - 3"
        )
    marks = (np.arange(count) + 2.0).reshape(updates).astype(dtype)
    written = np.asarray(run(np.full(shape, untouched, dtype), marks), np.float64)
    here = written != untouched
    if here.sum() != count or not np.array_equal(np.sort(written[here]), np.arange(count) + 2.0):
        raise UnsupportedError(
            "a write of several values to the same position, or of a value outside the array, "
            "is not supported"
        )
    return np.where(here, written - 2.0, -1.0).astype(np.int64)
