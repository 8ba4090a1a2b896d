"""Comparisons, selection and sorting, written with steps, products and pairs of max and min.

A truth value is 0 or 1. Ties are resolved as in NumPy: the first of equal entries wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...core import UnsupportedError
from ...ops.lookup import lookup as facts
from ..domain import is_restricted
from ..integer_inference import compare_integers, input_entries, is_integer_valued
from ..values import Operand, Value, operand
from .softmax import is_constant


if TYPE_CHECKING:
    from ..builder import Builder


COMPARE = {
    "greater": np.greater, "greater_equal": np.greater_equal, "less": np.less,
    "less_equal": np.less_equal, "equal": np.equal, "not_equal": np.not_equal,
}  # fmt: skip

MOST_COMPARED = 4096
"""Largest number of comparisons in one row of an argmax, a sort or a lookup."""


def compare(b: Builder, how: str, x: Operand | float, y: Operand | float) -> Operand:
    """Return 1 where the comparison `how` of `x` with `y` is true, otherwise 0; see `COMPARE`."""
    x, y = operand(x), operand(y)
    if not isinstance(x, Value) and not isinstance(y, Value):
        return COMPARE[how](x, y).astype(np.float64)
    if (result := compare_integers(b, how, x, y)) is not None:
        return result
    if isinstance(x, Value) and isinstance(y, Value) and (x.index, x.shape) == (y.index, y.shape):
        return constant_where_defined(b, x, COMPARE[how](0, 0))
    for value, level, first in ((x, y, True), (y, x, False)):
        if isinstance(value, Value) and not isinstance(level, Value) and _is_infinite(level):
            return _compare_with_infinity(b, how, value, float(np.ravel(level)[0]), first)
    if how in ("less", "less_equal"):
        x, y, how = y, x, how.replace("less", "greater")
    difference = b.subtract(x, y)
    if how in ("greater", "greater_equal"):
        return b.curve("heaviside", difference, at_zero=float(how == "greater_equal"))
    same = b.curve("is_zero", difference)
    return same if how == "equal" else negate(b, same)


def _is_infinite(level: np.ndarray) -> bool:
    """Return whether all entries are the same infinity."""
    return bool(level.size) and bool(np.isinf(level).all()) and np.unique(level).size == 1


def _compare_with_infinity(b: Builder, how: str, x: Value, level: float, first: bool) -> Operand:
    """Compare `x` with an infinity.

    An entry of `x` is infinite only if it is an infinite constant, as in a mask.

    Args:
        b: The graph under construction.
        how: NumPy name of the comparison.
        x: A value, which may contain infinite constants.
        level: The infinity to compare with.
        first: Whether `x` is the first operand.
    """
    entries = np.zeros(x.shape)
    for infinity in (-np.inf, np.inf):
        entries[is_constant(b, x, infinity)] = infinity
    result = COMPARE[how](*((entries, level) if first else (level, entries))).astype(np.float64)
    return constant_where_defined(b, x, result)


def is_finite(b: Builder, x: Value) -> Operand:
    """Return 1 where `x` is finite, 0 where it is an infinite constant."""
    infinite = is_constant(b, x, -np.inf) | is_constant(b, x, np.inf)
    return constant_where_defined(b, x, 1.0 - infinite)


def constant_where_defined(b: Builder, x: Value, truth_value: float | np.ndarray) -> Operand:
    """Return the constant `truth_value` where `x` is defined.

    The result is an array if all ops that compute `x` are defined everywhere. Otherwise, it is a
    value of the graph that is undefined wherever `x` is.
    """
    needed, waiting = set(), [x.index]
    while waiting:
        if (v := waiting.pop()) and v not in needed:
            needed.add(v)
            waiting += b.nodes[v - 1].inputs
    if any(is_restricted(b.nodes[v - 1].op) for v in needed):
        return b.affine_map(x, 0.0, truth_value)
    return np.broadcast_to(np.asarray(truth_value, np.float64), x.shape)


def negate(b: Builder, x: Operand) -> Operand:
    """Return the logical negation of a truth value."""
    return b.affine_map(x, -1.0, 1.0)


def both(b: Builder, x: Operand, y: Operand) -> Operand:
    """Return the logical conjunction of two truth values."""
    return b.curve("relu", b.affine_map(b.add(x, y), 1.0, -1.0))


def either(b: Builder, x: Operand, y: Operand) -> Operand:
    """Return the logical disjunction of two truth values."""
    return negate(b, both(b, negate(b, operand(x)), negate(b, operand(y))))


def truth(b: Builder, x: Operand) -> Operand:
    """Return 1 where `x` is not 0, otherwise 0."""
    return compare(b, "not_equal", x, 0.0)


def select(b: Builder, condition: Operand, x: Operand | float, y: Operand | float) -> Operand:
    """Return `x` where `condition` is 1, `y` where it is 0, all broadcast."""
    x, y = operand(x), operand(y)
    shape = np.broadcast_shapes(condition.shape, x.shape, y.shape)
    if not isinstance(condition, Value):
        mask = np.asarray(condition) != 0
        return b.structural(
            lambda a: np.where(mask, np.broadcast_to(a[0], shape), np.broadcast_to(a[1], shape)),
            [x, y],
            name="where",
        )
    for branch in (x, y):
        if not isinstance(branch, Value) and not np.isfinite(branch).all():
            first = np.ravel(branch)[~np.isfinite(np.ravel(branch))][0]
            raise UnsupportedError(
                "the constants that are selected by a condition on the input must be finite. "
                f"Received: {first}"
            )
    condition = b.broadcast(condition, shape)
    return b.add(y, b.multiply(condition, b.subtract(x, y)))


def truncate(b: Builder, x: Operand) -> Operand:
    """Return the integer part of `x`, rounded toward 0."""
    up = b.curve("ceil", b.clip(x, -np.inf, 0.0))
    return b.add(b.curve("floor", b.curve("relu", x)), up)


def modulo(b: Builder, x: Operand, y: np.ndarray, *, floored: bool = True) -> Operand:
    """Return `x - y * floor(x / y)` with constant `y`, or with truncation if not `floored`."""
    whole = b.divide(x, y)
    whole = b.curve("floor", whole) if floored else truncate(b, whole)
    return b.subtract(x, b.multiply(whole, y))


def largest_first(b: Builder, x: Value, axis: int) -> Operand:
    """Return a one-hot encoding along `axis`: 1 at the first of the largest entries."""
    x = _last(b, x, axis)
    n = x.shape[-1]
    _few(b, n * (n - 1))
    rows = np.arange(x.size).reshape(-1, n)
    out = np.ones((1,))
    for strict in (True, False):
        windows = np.full((*rows.shape, max(n - 1, 1)), -1, np.int64)
        for i in range(n):
            others = rows[:, :i] if strict else rows[:, i + 1 :]
            windows[:, i, : others.shape[1]] = others
        some = np.any(windows >= 0, axis=-1)
        windows[~some, 0] = rows[~some]  # Without a competitor the entry wins.
        rival = b.largest(x, windows.reshape(-1, windows.shape[-1]), x.shape)
        wins = compare(b, "greater" if strict else "greater_equal", x, rival)
        wins = select(b, some.reshape(x.shape), wins, np.ones(x.shape))
        out = wins if strict else both(b, out, wins)
    return _back(b, out, axis)


def arg_largest(b: Builder, x: Value, axis: int, keepdims: bool = False) -> Operand:
    """Return the index of the largest entry along `axis`, as a number."""
    hot = largest_first(b, x, axis)
    shape = [1] * len(x.shape)
    shape[axis] = -1
    numbered = b.multiply(hot, np.arange(x.shape[axis], dtype=float).reshape(shape))
    return b.reduce("sum", numbered, axis, keepdims)


def one_hot(b: Builder, x: Operand, count: int) -> Operand:
    """Return a one-hot encoding of integers from 0 to `count - 1`, along a new last axis."""
    spread = b.reshape(x, (*x.shape, 1))
    return compare(b, "equal", spread, np.arange(count, dtype=float))


def lookup(b: Builder, table: Operand, index: Value) -> Operand:
    """Return the rows `table[index]` for an index that depends on the input."""
    count, rest = table.shape[0], tuple(table.shape[1:])
    if is_integer_valued(b, index) and not isinstance(table, Value):
        return look_up_integer(b, table, index)
    b.bounded.append((index.index, 0.0, count - 1.0))
    _few(b, count * (index.size if isinstance(table, Value) else 1))
    hot = one_hot(b, index, count)
    if isinstance(table, Value):
        rows = b.reshape(hot, (index.size, count))
        flat = b.einsum("mn,nr->mr", rows, b.reshape(table, (count, -1)))
    else:
        flat = b.dense(hot, np.asarray(table, np.float64).reshape(count, -1), name="lookup")
    return b.reshape(flat, (*index.shape, *rest))


def look_up_integer(
    b: Builder, table: np.ndarray, index: Value, first: int = 0, *, endless: bool = False
) -> Operand:
    """Return the rows `table[index - first]` for an integer `index` that depends on the input.

    An index outside the table is outside the limits of the graph, unless the first and last rows
    extend to infinity (`endless`).
    """
    if not endless:
        b.within.append((input_entries(b, index), first, first + len(table) - 1))
        b.bounded.append((index.index, first, first + len(table) - 1))
    index = b.affine_map(index, 1.0, -float(first)) if first else index
    columns = np.asarray(table, np.float64).reshape(len(table), -1).T
    columns_found = [b.add_node(facts(column), [index], index.shape) for column in columns]
    rows = b.structural(lambda a: np.stack(a, axis=-1), columns_found, name="lookup")
    return b.reshape(rows, (*index.shape, *table.shape[1:]))


def sort(b: Builder, x: Value, axis: int = -1) -> Operand:
    """Sort entries in ascending order along `axis` by a network of odd-even transpositions."""
    row: Operand = _last(b, x, axis)
    n = row.shape[-1]
    _few(b, n * n)
    for turn in range(n):
        places = np.arange(turn % 2, n - 1, 2)
        if not places.size:
            continue
        first, second = (_take(b, row, places + k) for k in (0, 1))
        low, high = b.minimum(first, second), b.maximum(first, second)
        source = np.arange(n)
        source[places], source[places + 1] = (
            n + np.arange(places.size),
            (n + places.size + np.arange(places.size)),
        )
        row = _take(b, b.concat([row, low, high], axis=-1), source)
    return _back(b, row, axis)


def argsort(b: Builder, x: Value, axis: int = -1, *, downward: bool = False) -> Operand:
    """Return the indices that sort `x` along `axis`, in descending order if `downward`.

    Equal entries keep their order.
    """
    x = _last(b, x, axis)
    n = x.shape[-1]
    _few(b, n * n)
    wide = (*x.shape, n)
    mine = b.broadcast(b.reshape(x, (*x.shape, 1)), wide)
    other = b.broadcast(b.reshape(x, (*x.shape[:-1], 1, n)), wide)
    ahead, behind = (other, mine) if downward else (mine, other)
    strictly = compare(b, "greater", ahead, behind)
    weakly = compare(b, "greater_equal", ahead, behind)
    earlier = np.broadcast_to(np.tri(n, k=-1), wide)
    off = 1.0 - np.eye(n)
    before = b.multiply(select(b, earlier, weakly, strictly), np.broadcast_to(off, wide))
    rank = b.reduce("sum", before, len(wide) - 1)
    at = one_hot(b, rank, n)
    numbered = b.multiply(at, np.arange(n, dtype=float)[:, None])
    return _back(b, b.reduce("sum", numbered, len(wide) - 2), axis)


def pick_along(b: Builder, x: Operand, index: Value, axis: int) -> Operand:
    """Return `numpy.take_along_axis(x, index, axis)` for an index that depends on the input.

    Args:
        b: The graph under construction.
        x: The entries to pick from.
        index: Integers of at least 0, in the shape of `x` except along `axis`.
        axis: Axis of `x` and of the index.
    """
    entries = b.structural(lambda a: np.moveaxis(a[0], axis, -1), [x])
    places = _last(b, index, axis)
    n, m = entries.shape[-1], places.shape[-1]
    b.bounded.append((index.index, 0.0, n - 1.0))
    _few(b, n * m)
    hot = one_hot(b, places, n)
    spread = b.reshape(entries, (*entries.shape[:-1], 1, n))
    picked = b.reduce("sum", b.multiply(hot, spread), len(hot.shape) - 1)
    return _back(b, picked, axis)


def _take(b: Builder, x: Operand, places: np.ndarray) -> Operand:
    return b.structural(lambda a: np.take(a[0], places, axis=-1), [x])


def _last(b: Builder, x: Value, axis: int) -> Value:
    moved = b.structural(lambda a: np.moveaxis(a[0], axis, -1), [x])
    assert isinstance(moved, Value)
    return moved


def _back(b: Builder, x: Operand, axis: int) -> Operand:
    return b.structural(lambda a: np.moveaxis(a[0], -1, axis), [x])


def _few(b: Builder, count: int) -> None:
    if count > MOST_COMPARED:
        raise UnsupportedError(
            f"Layer `{b.source}` must make at most {MOST_COMPARED} comparisons of "
            "input-dependent entries per row; sort or compare fewer entries. Received: "
            f"{count} comparisons."
        )
