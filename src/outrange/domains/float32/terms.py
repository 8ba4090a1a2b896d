"""Sums of which every term is at hand: what their roundings can be worth, in any tree of additions.

A sum of `n` terms has `n - 1` additions, however it is associated: the inner nodes of a tree. A
node over `k` terms is at most `M_k`, the `k` largest positive terms or the `k` largest negative
ones. Of the `n - 1` nodes few are small, so that counts little; but as few are as large as all
terms of one sign together. Let `N(t)` be how many nodes are at least `t` large:

* Each has `a` terms at least, `a` the first with `M_a >= t` (two, for one term is no addition). A
  tree has at most `n - s + 1` nodes over `s` terms or more. So `N(t) <= n - a + 1`.
* If the whole sum is at most `S < t`, such a node leaves out `c` terms at least, the first `c` with
  `M_c >= t - S`. Take the largest nodes at least `t` large. Is it one, it has at most `n - c`
  terms, and `n - c - a + 1` nodes in it count. Are they `r >= 2`, which share no terms, then at
  most `n - r (a - 1)`. So `N(t) <= n - (a - 1) - min(c, a - 1)`.

A result in `[2^e, 2^(e+1))` is rounded by at most `2^e` units of roundoff. All together are off by
at most `sum_e (2^e - 2^(e-1)) N(2^e)`, and `2^e (n - 1)` for what is below the last `e` looked at.

Sound: yes, of numbers that include what float32 has added to them (`grown`). Cost: the terms,
sorted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...ops import Affine
from ..rounding import reach
from .values import Arrived


MOST_TERMS = 1 << 22
"""Terms of all sums of an op over all boxes; where there are more, none is looked at."""

BINADES = 6
"""Powers of two that are told apart, from the largest down."""


def by_terms(
    op: Affine, before: Sequence[Arrived], own: np.ndarray, grown: float
) -> np.ndarray | float:
    """What the additions and the products of an op's sums round, `(B, n)`, in units of roundoff.

    Each product is rounded once: the weights are the numbers that the runtime has. Infinite where
    the terms are not at hand, or too many.

    Args:
        op: The op; plain, and no sum entry by entry.
        before: Its inputs.
        own: `(B, n)` the largest magnitude of the real results.
        grown: The share of all terms together by which float32 may move a partial sum.
    """
    boxes = len(own)
    if boxes * op.size * sum(op.sizes) > MOST_TERMS:
        return np.inf
    above = np.concatenate([np.maximum(x.hi + x.off, 0.0) for x in before], axis=1)[:, None]
    below = np.concatenate([np.maximum(x.off - x.lo, 0.0) for x in before], axis=1)[:, None]
    moved = reach(op, [x.off for x in before])
    if not (np.isfinite(above).all() and np.isfinite(below).all() and np.isfinite(own).all()):
        return np.inf
    matrices = op.adjoint(np.eye(op.size))
    weights = np.concatenate(matrices, axis=1)
    up, down = np.maximum(weights, 0.0), np.maximum(-weights, 0.0)
    rising, falling = up * above + down * below, up * below + down * above
    sizes = np.maximum(rising, falling)
    products = power_of_two(sizes * (1.0 + 2.0**-40)).sum(axis=-1)
    shape = (boxes, op.size, 1)
    bias = np.broadcast_to(op.bias[None, :, None], shape)
    rising = np.concatenate([rising, np.maximum(bias, 0.0)], axis=2)
    falling = np.concatenate([falling, np.maximum(-bias, 0.0)], axis=2)
    count = (np.maximum(rising, falling) > 0).sum(axis=-1)
    lost = grown * (sizes.sum(axis=-1) + np.abs(op.bias)) * (1.0 + 2.0**-30)
    most = np.maximum(_largest_together(rising), _largest_together(falling))
    most = most * (1.0 + 2.0**-40) + lost[..., None]
    whole = (own + moved) * (1.0 + 2.0**-40)
    added = _nodes(most, np.minimum(whole, most[..., -1]) + lost, count)
    return (added + products) * (1.0 + 2.0**-40)


def _largest_together(terms: np.ndarray) -> np.ndarray:
    """`(B, n, T)`: the one largest term, the two largest together, and so on."""
    return np.cumsum(np.sort(terms, axis=-1)[..., ::-1], axis=-1)


def _nodes(most: np.ndarray, whole: np.ndarray, count: np.ndarray) -> np.ndarray:
    """What all inner nodes round, in units of roundoff: see the module.

    Args:
        most: `(B, n, T)`: `M_1, M_2, ...`.
        whole: `(B, n)` the most that the whole sum can be.
        count: `(B, n)` how many terms there are.
    """
    additions = np.maximum(count - 1, 0)
    level, total = power_of_two(most[..., -1]), np.zeros(whole.shape)
    for _ in range(BINADES):
        few = np.maximum((most < level[..., None]).sum(axis=-1), 1)
        left = (most < (level - whole)[..., None]).sum(axis=-1) + 1
        left = np.where(level > whole, np.minimum(left, few), 0)
        total = total + 0.5 * level * np.clip(count - few - left, 0, additions)
        level = 0.5 * level
    return total + level * additions


def power_of_two(x: np.ndarray) -> np.ndarray:
    """The largest power of two that is at most `x`.

    A sum of magnitude `x` is rounded by at most half a unit in its last place: `u` times that.
    """
    return np.where(np.isfinite(x), np.ldexp(np.sign(x), np.frexp(x)[1] - 1), x)
