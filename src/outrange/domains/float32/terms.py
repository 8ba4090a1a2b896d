"""Sums of which every term is at hand: what their roundings can be worth, in any tree of additions.

A sum of `n` terms has `n - 1` additions, however it is associated: the inner nodes of a tree. The
`k` largest positive terms together are `P_k`, the `k` largest negative ones `Q_k`; no node over `k`
terms is above `P_k` or below `-Q_k`. Of the nodes few are small, so that counts little; but as few
are as large as all terms of one sign together. Let `N(t)` be how many are large: at or above `t`,
or at or below `-t`. Call `s - m` the *lack* of a node over `s` terms in which, with itself, `m`
nodes are large. A term lacks 1; a node what its two parts do, less 1 if it is large. So all lack 1
at least, and no node less than a part of it.

* Let `a` be the first with `P_a >= t`, or 2, for one term is no addition; `b` the same of `Q`. A
  node at or above `t` lacks `a - 1` at least. Proof: take a smallest such node in it. If no node in
  that is at or below `-t`, it has `a` terms and only itself is large. Else take the largest in it
  that are: beside them are terms of `2 t` together, so as many as make up `t`; each of them lacks 1
  at least, each of those nodes too, and the node itself is large. One at or below `-t` lacks
  `b - 1`.
* Take the largest nodes that are large, which share no terms. If all are at or above `t` and the
  whole sum is at most `S`, the other terms are at most `S - t` together: `c` at least, the first
  with `Q_c >= t - S`. So all together lack `a - 1 + c` at least.
* If all are at or below `-t` and the whole sum is at least `s`: `b - 1 + d`, the first `d` with
  `P_d >= t + s`. If there are some of both: `a - 1 + b - 1`.

So `N(t)` is at most `n` less the least of the three. An order that adds the positive terms from the
largest down, then the negative ones from the smallest up, has as many.

A result in `[2^e, 2^(e+1))` is rounded by at most `2^e` units of roundoff. All together are off by
at most `sum_e (2^e - 2^(e-1)) N(2^e)`, and `2^e (n - 1)` for what is below the last `e` looked at.

Sound: yes, of numbers that include what float32 has added to them (`grown`). Cost: the terms,
sorted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...core import Bounds
from ...ops import Affine
from ..rounding import reach
from .values import Arrived


MOST_TERMS = 1 << 22
"""Terms of all sums of an op over all boxes; where there are more, none is looked at."""

BINADES = 5
"""Powers of two that are told apart, from the largest down."""


def by_terms(
    op: Affine, before: Sequence[Arrived], own: Bounds, grown: float
) -> np.ndarray | float:
    """What the additions and the products of an op's sums round, `(B, n)`, in units of roundoff.

    Each product is rounded once: the weights are the numbers that the runtime has. Infinite where
    the terms are not at hand, or too many.

    Args:
        op: The op; plain, and no sum entry by entry.
        before: Its inputs.
        own: The real ends of its value.
        grown: The share of all terms together by which float32 may move a partial sum.
    """
    boxes = len(own[0])
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
    rest = moved + 2.0**-40 * (np.maximum(np.abs(own[0]), np.abs(own[1])) + moved) + lost
    up = _Side(_largest_together(rising, lost), own[1] + rest)
    down = _Side(_largest_together(falling, lost), rest - own[0])
    return (_nodes(up, down, count) + products) * (1.0 + 2.0**-40)


class _Side(NamedTuple):
    """Above zero, or below: the one largest term, the two largest, ...; the most of the whole."""

    most: np.ndarray
    whole: np.ndarray


def _largest_together(terms: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """`(B, n, T)`: the one largest term, the two largest together, and so on, in float32."""
    together = np.cumsum(np.sort(terms, axis=-1)[..., ::-1], axis=-1)
    return together * (1.0 + 2.0**-40) + lost[..., None]


def _nodes(up: _Side, down: _Side, count: np.ndarray) -> np.ndarray:
    """What all inner nodes round, in units of roundoff: see the module.

    Args:
        up: `P_1, P_2, ...` `(B, n, T)`, and the most that the whole sum can be, `(B, n)`.
        down: `Q_1, Q_2, ...`, and the most that it can be below zero.
        count: `(B, n)` how many terms there are.
    """
    additions = np.maximum(count - 1, 0)
    largest = np.maximum(up.most[..., -1], down.most[..., -1])
    level, total = power_of_two(largest), np.zeros(largest.shape)
    for _ in range(BINADES):
        above, below = (np.maximum(_first(side, level) - 1, 1) for side in (up, down))
        lack = np.minimum(above + _first(down, level - up.whole), below + above)
        lack = np.minimum(lack, below + _first(up, level - down.whole))
        total = total + 0.5 * level * np.clip(count - lack, 0, additions)
        level = 0.5 * level
    return total + level * additions


def _first(side: _Side, amount: np.ndarray) -> np.ndarray:
    """How many terms at least are so much together; none for nothing."""
    short = (side.most < amount[..., None]).sum(axis=-1)
    return np.where(amount > 0, short + 1, 0)


def power_of_two(x: np.ndarray) -> np.ndarray:
    """The largest power of two that is at most `x`.

    A sum of magnitude `x` is rounded by at most half a unit in its last place: `u` times that.
    """
    return np.where(np.isfinite(x), np.ldexp(np.sign(x), np.frexp(x)[1] - 1), x)
