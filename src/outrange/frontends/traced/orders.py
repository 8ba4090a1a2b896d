"""Sorted entries, positions of the largest, running maxima and writes, for all frameworks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...core import UnsupportedError
from ...graph import Operand, Value
from ...graph.composites import logic
from .call import TracedCall


def position(
    c: TracedCall, x: Operand, axis: int | None, keepdims: bool = False, *, least: bool = False
) -> Operand:
    """The position of the first of the largest (or least) entries; of all if `axis` is None."""
    b = c.b
    x = x if isinstance(x, Value) else b.constant_value(x)
    shape = [1] * len(x.shape)
    if axis is None:
        x = b.reshape(x, (x.size,))
    at = 0 if axis is None else axis % len(x.shape)
    flipped = b.affine_map(x, -1.0) if least else x
    found = b.clip(logic.arg_largest(b, flipped, at, keepdims), 0.0, x.shape[at] - 1.0)
    if axis is None:
        return b.reshape(found, shape if keepdims else ())
    return found


def ordered(c: TracedCall, x: Operand, axis: int, *, downward: bool = False) -> Operand:
    """Entries sorted along an axis."""
    if not isinstance(x, Value):
        found = np.sort(x, axis=axis)
    elif x.shape[axis] < 2:
        return x
    else:
        found = logic.ordered(c.b, x, axis)
    return c.b.structural(lambda a: np.flip(a[0], axis), [found]) if downward else found


def order(c: TracedCall, x: Value, axis: int, *, downward: bool = False) -> Operand:
    """The positions that sort entries along an axis, equal entries in their order."""
    n = x.shape[axis]
    return c.b.clip(logic.order(c.b, x, axis, downward=downward), 0.0, n - 1.0)


def first(c: TracedCall, x: Operand, count: int, axis: int) -> Operand:
    """The first entries along an axis."""
    return c.b.structural(lambda a: np.take(a[0], np.arange(count), axis=axis), [x], name="top")


def running(
    c: TracedCall, x: Operand, axis: int, *, least: bool = False, reverse: bool = False
) -> Operand:
    """The largest (or least) of all entries up to each one along an axis."""
    if not isinstance(x, Value):
        found = np.flip(x, axis) if reverse else x
        found = (np.minimum if least else np.maximum).accumulate(found, axis=axis)
        return np.flip(found, axis) if reverse else found
    axis %= len(x.shape)
    n = x.shape[axis]
    places = np.moveaxis(np.arange(x.size).reshape(x.shape), axis, -1)
    mask = np.tri(n, dtype=bool)
    windows = np.moveaxis(np.where(mask.T if reverse else mask, places[..., None, :], -1), -2, axis)
    return c.b.largest(x, windows.reshape(-1, n), x.shape, negate=least)


def write(c: TracedCall, how: str, x: Operand, updates: Operand, placed: np.ndarray) -> Operand:
    """Entries with some of them written anew.

    Args:
        c: The call.
        how: `set`, `add`, `mul`, `max` or `min`.
        x: The entries.
        updates: What is written.
        placed: In the shape of `x`, the flat position of the update of each entry; -1 where there
            is none.
    """
    b, here = c.b, placed >= 0
    source = np.where(here, placed, 0).ravel()

    def spread(fill: float) -> Operand:
        def run(a: list[np.ndarray]) -> np.ndarray:
            picked = np.ravel(a[0])[source].reshape(placed.shape)
            return np.where(here, picked, a[1])

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
    """Where a write puts its updates, by running it on their positions.

    Args:
        run: The write, of entries and updates.
        shape: Of the entries.
        updates: Shape of the updates.
        untouched: What leaves an entry as it is when it is read as an entry: 1 for a product.
        dtype: Of both.

    Returns:
        In the shape of the entries, the flat position of each update; -1 where there is none.

    Raises:
        UnsupportedError: Two updates meet, or one leaves the array.
    """
    count = int(np.prod(updates, dtype=np.int64))
    if count + 2 >= 2**24:
        raise UnsupportedError(f"a write of {count} entries at once")
    marks = (np.arange(count) + 2.0).reshape(updates).astype(dtype)
    found = np.asarray(run(np.full(shape, untouched, dtype), marks), np.float64)
    here = found != untouched
    if here.sum() != count or not np.array_equal(np.sort(found[here]), np.arange(count) + 2.0):
        raise UnsupportedError("a write whose positions meet, or leave the array")
    return np.where(here, found - 2.0, -1.0).astype(np.int64)
