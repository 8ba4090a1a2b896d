"""Softmax as a small graph of differences and monotone functions, without overflow.

`softmax_i(x) = sigmoid(x_i - logsumexp_{j != i} x_j)` and `logsumexp(a, b) = b + softplus(a - b)`.
With more than `_SEPARATE` classes, the softmax is written as `exp(x_i - logsumexp(x))`. In the
first form, each output needs the log-sum-exp over all other entries. These log-sum-exps share
partial results: in a balanced tree, the entries outside a node are the entries outside its parent
and the entries of its sibling.
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
"""Largest number of classes for which a log-sum-exp of the other classes is built per output."""


def _item(b: Builder, x: Value, axis: int, i: int) -> Value:
    return b.structural(lambda a: np.take(a[0], [i], axis=axis), [x])


def log_add_exp(b: Builder, x: Operand, y: Operand) -> Operand:
    """Return `log(exp(x) + exp(y))`."""
    return b.add(y, b.curve("softplus", b.subtract(x, y)))


def log_sum_exp(b: Builder, x: Operand, axis: int) -> Operand:
    """Return `log(sum(exp(x)))` over one axis, kept with length 1, by a balanced tree of pairs."""
    if not isinstance(x, Value):
        top = x.max(axis=axis, keepdims=True)
        return top + np.log(np.exp(x - top).sum(axis=axis, keepdims=True))
    n = x.shape[axis]
    if n == 1:
        return x
    return log_sum_exp(b, _merge_pairs(b, x, axis), axis)


def _merge_pairs(b: Builder, x: Value, axis: int) -> Value:
    """Merge pairs of neighbors by `log_add_exp`; an unpaired last entry stays as it is."""
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
    """Return `exp(x) / sum(exp(x))` along one axis; the result is ordered like `x`."""
    if not isinstance(x, Value):
        e = np.exp(x - x.max(axis=axis, keepdims=True))
        return e / e.sum(axis=axis, keepdims=True)
    axis %= len(x.shape)
    lost = is_minus_infinity(b, x)
    if lost.any():
        return _softmax_of_unmasked(b, x, axis, ~lost)
    if x.shape[axis] == 1:
        # It is 1 where `x` has a value, and undefined elsewhere.
        return b.affine_map(x, 0.0, 1.0)
    return _record_ranking(b, _softmax(b, x, axis), x, axis)


def _record_ranking(b: Builder, y: Operand, x: Value, axis: int) -> Operand:
    """Record that `y` is ordered like `x` along `axis`, and return it."""
    if isinstance(y, Value):
        groups = np.arange(x.size).reshape(x.shape).take([0], axis=axis)
        b.rankings[y.index] = Ranking(x.index, np.broadcast_to(groups, x.shape).ravel())
    return y


def is_minus_infinity(b: Builder, x: Value) -> np.ndarray:
    """Return a mask of the entries that are the constant minus infinity, as after masking."""
    return is_constant(b, x, -np.inf)


def is_constant(b: Builder, x: Value, level: float) -> np.ndarray:
    """Return a mask of the entries that are the infinite constant `level`."""
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


def _softmax_of_unmasked(b: Builder, x: Value, axis: int, kept: np.ndarray) -> Operand:
    """Return the softmax over the entries where `kept` is True, and 0 elsewhere.

    Rows with the same mask share nodes.
    """
    rows, back = _as_rows(b, x, [axis])
    shape = rows.shape
    masks, which = np.unique(
        np.moveaxis(kept, axis, -1).reshape(-1, shape[-1]), axis=0, return_inverse=True
    )
    if not masks.any(axis=1).all():
        raise ModelError("a softmax must have at least one entry that is not minus infinity")
    places = [
        np.ix_(np.flatnonzero(which.ravel() == i), np.flatnonzero(mask))
        for i, mask in enumerate(masks)
    ]
    flat = b.reshape(rows, (-1, shape[-1]))
    parts = [softmax(b, b.structural(lambda a, p=p: a[0][p], [flat]), -1) for p in places]

    def place_rows(a: list[np.ndarray]) -> np.ndarray:
        out = np.zeros((len(which.ravel()), shape[-1]), a[0].dtype)
        for place, part in zip(places, a, strict=True):
            out[place] = part
        return out.reshape(shape)

    return back(b.structural(place_rows, parts))


def _softmax(b: Builder, x: Value, axis: int) -> Operand:
    n = x.shape[axis]
    if n > _SEPARATE:
        shifted = b.subtract(x, log_sum_exp(b, x, axis))
        return b.curve("exp", b.clip(shifted, -np.inf, 0.0))
    return b.curve("sigmoid", b.subtract(x, _log_sum_exp_of_others(b, x, axis)))


def _log_sum_exp_of_others(b: Builder, x: Value, axis: int) -> Operand:
    """Return, for each entry along `axis` (at least two), the log-sum-exp of all other entries."""
    levels = [x]
    while levels[-1].shape[axis] > 2:
        levels.append(_merge_pairs(b, levels[-1], axis))
    swapped = np.array([1, 0])
    outside = b.structural(lambda a: np.take(a[0], swapped, axis), [levels[-1]])
    for level in reversed(levels[:-1]):
        outside = _outside_of_children(b, outside, level, axis)
    return outside


def _outside_of_children(b: Builder, outside: Value, level: Value, axis: int) -> Value:
    """Return the log-sum-exp outside each node of a level.

    Args:
        b: The graph under construction.
        outside: The log-sum-exp outside each parent of these nodes.
        level: The log-sum-exp inside each node.
        axis: The axis along which the nodes lie.
    """
    n = level.shape[axis]
    node = np.arange(n - n % 2)
    # The second of a pair stays outside the softplus. It is the part with the last entry, the least
    # likely to be a filled one (`softmax_of_filled`), or else the part nearer to that entry.
    last = (node >= n - 2) & (n % 2 == 0)
    # The concatenation contains `outside` of the parents first, then the level.
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
    """Return `x - logsumexp(x)` along one axis; the result is ordered like `x`."""
    y = b.subtract(x, log_sum_exp(b, x, axis))
    return _record_ranking(b, y, x, axis) if isinstance(x, Value) else y


def over_axes(b: Builder, function: Callable, x: Operand, axes: Sequence[int]) -> Operand:
    """Apply `function(b, x, axis)` to several axes, treated as one; the shape of `x` is kept.

    Args:
        b: The graph under construction.
        function: Either `softmax` or `log_softmax`.
        x: The operand to normalize.
        axes: At least one axis, in any order. Negative axes count from the end.
    """
    if len(axes) == 1:
        return function(b, x, axes[0] % len(x.shape))
    rows, back = _as_rows(b, x, axes)
    return back(function(b, rows, -1))


def softmax_of_filled(
    b: Builder, x: Operand, mask: np.ndarray, axes: Sequence[int], low: float
) -> Operand:
    """Return the softmax of `x` after entries whose `mask` is False are replaced by `low`.

    The result is then set to 0 at these entries.

    This is the result of a layer that masks with a large negative number, for any `x`: unmasked
    entries far below `low` get results close to 0. The entries are reordered so that filled entries
    come first in each `logsumexp(a, b) = b + softplus(a - b)`. If `b` were as large in size as
    `low`, all digits of `a` would be lost.

    Args:
        b: The graph under construction.
        x: The scores before masking.
        mask: Truth values that broadcast to `x`.
        axes: Axes of the softmax.
        low: Replacement for a masked entry.
    """
    mask = np.broadcast_to(np.asarray(mask, bool), x.shape)
    rows, back = _as_rows(b, x, axes)
    mask_rows, _ = _as_rows(b, mask, axes)
    unmasked = np.asarray(mask_rows, bool)
    order = np.argsort(unmasked, axis=-1, kind="stable")
    back_again = np.argsort(order, axis=-1)
    filled = b.structural(
        lambda a: np.take_along_axis(np.where(unmasked, *a), order, -1),
        [rows, np.full(unmasked.shape, low)],
    )
    soft = softmax(b, filled, -1)
    zero = np.zeros(unmasked.shape)
    return back(
        b.structural(
            lambda a: np.where(unmasked, np.take_along_axis(a[0], back_again, -1), a[1]),
            [soft, zero],
        )
    )


def _as_rows(b: Builder, x: Operand, axes: Sequence[int]) -> tuple[Operand, Callable]:
    """Merge `axes` of `x` into its last axis; return the result and the inverse transform."""
    rank, shape = len(x.shape), tuple(x.shape)
    together = sorted({int(axis) % rank for axis in axes})
    outer = [i for i in range(rank) if i not in together]
    order = [*outer, *together]
    moved = b.transpose(x, order)
    rows = b.reshape(moved, (*(shape[i] for i in outer), -1))
    return rows, lambda y: b.transpose(b.reshape(y, moved.shape), np.argsort(order).tolist())
