"""Softmax as a small graph of differences and softplus: no overflow, every piece monotone.

`softmax_i(x) = sigmoid(x_i - logsumexp_{j != i} x_j)` and `logsumexp(a, b) = b + softplus(a - b)`.
The sums over all but one share their parts: what is outside of a node of a balanced tree is what is
outside of its parent, and its sibling.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...core import ModelError
from ...ops import Affine, Rearrange
from ..builder import Builder
from ..graph import Ranking
from ..values import Operand, Value


_SEPARATE = 32
"""Up to this many classes each output gets its own log-sum-exp of the others."""


def _item(b: Builder, x: Value, axis: int, i: int) -> Value:
    return b.structural(lambda a: np.take(a[0], [i], axis=axis), [x])


def log_add_exp(b: Builder, x: Operand, y: Operand) -> Operand:
    """`log(exp(x) + exp(y))`."""
    return b.add(y, b.curve("softplus", b.subtract(x, y)))


def log_sum_exp(b: Builder, x: Operand, axis: int) -> Operand:
    """`log(sum(exp(x)))` over one axis, kept with length 1; a balanced tree of pairs."""
    if not isinstance(x, Value):
        top = x.max(axis=axis, keepdims=True)
        return top + np.log(np.exp(x - top).sum(axis=axis, keepdims=True))
    n = x.shape[axis]
    if n == 1:
        return x
    return log_sum_exp(b, _merged_pairs(b, x, axis), axis)


def _merged_pairs(b: Builder, x: Value, axis: int) -> Value:
    """Neighbors merged; an odd one out stays as it is."""
    n = x.shape[axis]
    even = n - n % 2
    pair = b.structural(
        lambda a: [
            np.take(a[0], np.arange(0, even, 2), axis),
            np.take(a[0], np.arange(1, even, 2), axis),
        ],
        [x],
    )
    merged = log_add_exp(b, *pair)
    if n % 2:
        merged = b.concat([merged, _item(b, x, axis, n - 1)], axis)
    assert isinstance(merged, Value)
    return merged


def softmax(b: Builder, x: Operand, axis: int = -1) -> Operand:
    """`exp(x) / sum(exp(x))` along one axis; its order is that of `x`."""
    if not isinstance(x, Value):
        e = np.exp(x - x.max(axis=axis, keepdims=True))
        return e / e.sum(axis=axis, keepdims=True)
    axis %= len(x.shape)
    lost = is_minus_infinity(b, x)
    if lost.any():
        return _softmax_of_kept(b, x, axis, ~lost)
    if x.shape[axis] == 1:
        # It is 1 wherever `x` has a value, and has none elsewhere.
        return b.affine_map(x, 0.0, 1.0)
    return _ranked(b, _softmax(b, x, axis), x, axis)


def _ranked(b: Builder, y: Operand, x: Value, axis: int) -> Operand:
    """`y`, with the note that along `axis` it is ordered as `x`."""
    if isinstance(y, Value):
        groups = np.arange(x.size).reshape(x.shape).take([0], axis=axis)
        b.rankings[y.index] = Ranking(x.index, np.broadcast_to(groups, x.shape).ravel())
    return y


def is_minus_infinity(b: Builder, x: Value) -> np.ndarray:
    """Return which entries are the constant minus infinity, as a mask makes them."""
    return is_constant(b, x, -np.inf)


def is_constant(b: Builder, x: Value, level: float) -> np.ndarray:
    """Return which entries are the constant `level`, an infinity."""
    node = b.nodes[x.index - 1] if x.index else None
    lost = np.zeros(x.size, bool)
    if node is not None and isinstance(node.op, Rearrange):
        sources = [is_constant(b, _value(b, v), level).ravel() for v in node.inputs]
        lost = np.append(np.concatenate(sources), False)[node.op.index]
        lost |= (node.op.index < 0) & (node.op.fill == level)
    elif node is not None and isinstance(node.op, Affine):
        lost = node.op.bias == level
    return lost.reshape(x.shape)


def _value(b: Builder, index: int) -> Value:
    return Value(
        b, index, b.nodes[index - 1].shape if index else (1, sum(s.size for s in b.inputs))
    )


def _softmax_of_kept(b: Builder, x: Value, axis: int, kept: np.ndarray) -> Operand:
    """Softmax over the entries that are kept, 0 elsewhere; rows of one mask share their nodes."""
    rows, back = _as_rows(b, x, [axis])
    shape = rows.shape
    masks, which = np.unique(
        np.moveaxis(kept, axis, -1).reshape(-1, shape[-1]), axis=0, return_inverse=True
    )
    if not masks.any(axis=1).all():
        raise ModelError("a softmax of entries that are all minus infinity has no value")
    places = [
        np.ix_(np.flatnonzero(which.ravel() == i), np.flatnonzero(mask))
        for i, mask in enumerate(masks)
    ]
    flat = b.reshape(rows, (-1, shape[-1]))
    parts = [softmax(b, b.structural(lambda a, p=p: a[0][p], [flat]), -1) for p in places]

    def joined(a: list[np.ndarray]) -> np.ndarray:
        out = np.zeros((len(which.ravel()), shape[-1]), a[0].dtype)
        for place, part in zip(places, a, strict=True):
            out[place] = part
        return out.reshape(shape)

    return back(b.structural(joined, parts))


def _softmax(b: Builder, x: Value, axis: int) -> Operand:
    n = x.shape[axis]
    if n > _SEPARATE:
        shifted = b.subtract(x, log_sum_exp(b, x, axis))
        return b.curve("exp", b.clip(shifted, -np.inf, 0.0))
    return b.curve("sigmoid", b.subtract(x, _log_sum_exp_of_others(b, x, axis)))


def _log_sum_exp_of_others(b: Builder, x: Value, axis: int) -> Operand:
    """For each of two entries or more, the log-sum-exp of all others; of the shape of `x`."""
    levels = [x]
    while levels[-1].shape[axis] > 2:
        levels.append(_merged_pairs(b, levels[-1], axis))
    swapped = np.array([1, 0])
    outside = b.structural(lambda a: np.take(a[0], swapped, axis), [levels[-1]])
    for level in reversed(levels[:-1]):
        outside = _outside_of_children(b, outside, level, axis)
    return outside


def _outside_of_children(b: Builder, outside: Value, level: Value, axis: int) -> Value:
    """What is outside of each node of a level, from what is outside of each parent."""
    n = level.shape[axis]
    node = np.arange(n - n % 2)
    # The second of a pair stands outside of the softplus: the part with the last entry, the least
    # likely to be a filled one (`softmax_of_filled`), or without it the one nearer to it.
    last = (node >= n - 2) & (n % 2 == 0)
    # Outside of the parents comes first, the level after it.
    parent, sibling = node // 2, outside.shape[axis] + (node ^ 1)
    first, second = np.where(last, parent, sibling), np.where(last, sibling, parent)

    def both(index: np.ndarray) -> Value:
        return b.structural(
            lambda a: np.take(np.concatenate(a, axis=axis), index, axis), [outside, level]
        )

    merged = log_add_exp(b, both(first), both(second))
    if n % 2:
        merged = b.concat([merged, _item(b, outside, axis, n // 2)], axis)
    assert isinstance(merged, Value)
    return merged


def log_softmax(b: Builder, x: Operand, axis: int = -1) -> Operand:
    """`x - logsumexp(x)` along one axis; its order is that of `x`."""
    y = b.subtract(x, log_sum_exp(b, x, axis))
    return _ranked(b, y, x, axis) if isinstance(x, Value) else y


def over_axes(b: Builder, function: Callable, x: Operand, axes: Sequence[int]) -> Operand:
    """`function(b, x, axis)`, which keeps the shape of `x`, with several axes taken as one.

    Args:
        b: The graph under construction.
        function: `softmax` or `log_softmax`.
        x: The operand.
        axes: At least one; may be negative, in any order.
    """
    if len(axes) == 1:
        return function(b, x, axes[0] % len(x.shape))
    rows, back = _as_rows(b, x, axes)
    return back(function(b, rows, -1))


def softmax_of_filled(
    b: Builder, x: Operand, mask: np.ndarray, axes: Sequence[int], low: float
) -> Operand:
    """Softmax of `x` with `low` wherever the constant `mask` is False; there the result is 0.

    What a layer that masks with a large negative number computes, whatever `x` is: entries that
    are kept but far below `low` lose against those that are not. Filled entries come first: of
    each pair of a log-sum-exp the second stands outside of the softplus, and a number as large as
    `low` would there cost all digits of the other.

    Args:
        b: The graph under construction.
        x: The scores.
        mask: Truth values that broadcast to `x`.
        axes: Of the softmax.
        low: What stands in the place of a masked entry.
    """
    mask = np.broadcast_to(np.asarray(mask, bool), x.shape)
    rows, back = _as_rows(b, x, axes)
    joined, _ = _as_rows(b, mask, axes)
    kept = np.asarray(joined, bool)
    order = np.argsort(kept, axis=-1, kind="stable")
    back_again = np.argsort(order, axis=-1)
    filled = b.structural(
        lambda a: np.take_along_axis(np.where(kept, *a), order, -1),
        [rows, np.full(kept.shape, low)],
    )
    soft = softmax(b, filled, -1)
    zero = np.zeros(kept.shape)
    return back(
        b.structural(
            lambda a: np.where(kept, np.take_along_axis(a[0], back_again, -1), a[1]), [soft, zero]
        )
    )


def _as_rows(b: Builder, x: Operand, axes: Sequence[int]) -> tuple[Operand, Callable]:
    """`x` with `axes` joined as its last axis, and what undoes that."""
    rank, shape = len(x.shape), tuple(x.shape)
    together = sorted({int(axis) % rank for axis in axes})
    kept = [i for i in range(rank) if i not in together]
    order = [*kept, *together]
    moved = b.transpose(x, order)
    rows = b.reshape(moved, (*(shape[i] for i in kept), -1))
    return rows, lambda y: b.transpose(b.reshape(y, moved.shape), np.argsort(order).tolist())
