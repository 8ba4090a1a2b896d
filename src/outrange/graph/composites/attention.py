"""Scaled dot-product attention as products and a masked softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ..values import Operand, Value
from .softmax import softmax


if TYPE_CHECKING:
    from ..builder import Builder


def attention(
    b: Builder,
    query: Operand,
    key: Operand,
    value: Operand,
    *,
    scale: float,
    bias: Operand | None = None,
    mask: ArrayLike | None = None,
    soft_cap: float | None = None,
) -> Operand:
    """Return `softmax(scale * query key^T + bias) value`, head by head.

    Args:
        b: The graph under construction.
        query: Queries `(1, T, N, H)`.
        key: Keys `(1, S, N, H)`.
        value: Values `(1, S, N, D)`.
        scale: Factor of the scores.
        bias: A term added to the scores, which broadcasts to `(1, N, T, S)`, or None.
        mask: Constant truth values that broadcast to `(1, N, T, S)`; False entries are masked out.
        soft_cap: If given, a number `c`: `c tanh(scores / c)` replaces the scaled scores before
            `bias` is added.
    """
    scores = b.affine_map(b.einsum("btnh,bsnh->bnts", query, key), scale)
    if soft_cap:
        scores = b.affine_map(b.curve("tanh", b.affine_map(scores, 1.0 / soft_cap)), soft_cap)
    if bias is not None:
        scores = b.add(scores, bias)
    weights = masked_softmax(b, scores, mask)
    return b.einsum("bnts,bsnd->btnd", weights, value)


def masked_softmax(b: Builder, x: Operand, mask: ArrayLike | None = None) -> Operand:
    """Return the softmax along the last axis over entries whose `mask` is True.

    Masked entries are 0. If all `n` entries of a row are masked, each of them is `1 / n`.
    """
    if mask is None:
        return softmax(b, x, -1)
    mask = np.broadcast_to(np.asarray(mask, bool), x.shape)
    if mask.all():
        return softmax(b, x, -1)
    n = x.shape[-1]
    rows = np.arange(x.size).reshape(-1, n)
    flags = mask.reshape(-1, n)
    # A fully masked row has equal scores.
    none = ~np.any(flags, axis=1)
    fill = np.where(none[:, None], 1.0 / n, 0.0) + np.zeros(flags.shape)
    parts, places = [], []
    flat = b.reshape(x, (x.size,))
    for pattern in np.unique(flags[~none], axis=0):
        here = np.flatnonzero((flags == pattern).all(axis=1))
        source = rows[here][:, pattern]
        picked = b.structural(lambda a, s=source: a[0][s], [flat])
        parts.append(b.reshape(softmax(b, picked, -1), (source.size,)))
        places.append(source.ravel())
    if not parts:
        return fill.reshape(x.shape)
    scores = b.concat(parts, axis=0)
    where = np.zeros(x.size, np.int64)
    where[np.concatenate(places)] = 1 + np.arange(sum(p.size for p in places))
    if isinstance(scores, Value):
        return b.rearrange(
            [scores], (where - 1).reshape(x.shape), fill.reshape(x.shape), name="masked"
        )
    return np.where(where == 0, fill.ravel(), np.append(0.0, scores)[where]).reshape(x.shape)
