"""Bounds on the rounding errors of sums with known terms, for any order of additions.

A sum of `n` terms has `n - 1` additions in any association: the inner nodes of a tree. The `k`
largest positive terms add up to `P_k`, the `k` largest negative ones to `-Q_k`; no node over `k`
terms is above `P_k` or below `-Q_k`. Few nodes need be small, so this bound alone gains little. But
equally few nodes can be as large as all terms of one sign together. Let `N(t)` be the number of
*large* nodes: at or above `t`, or at or below `-t`. For a node over `s` terms, let `m` be the
number of large nodes in its subtree, itself included. Call `s - m` the *lack* of the node. A term
lacks 1. A node lacks the sum of the lacks of its two parts, minus 1 if it is large. So every lack
is at least 1, and no node lacks less than a part of it.

* Let `a` be the first index with `P_a >= t`, or 2, because one term is no addition. Define `b` the
  same way for `Q`. A node at or above `t` lacks at least `a - 1`. Proof: take a smallest such node
  in it. If no node inside is at or below `-t`, it has at least `a` terms and only itself is large.
  Otherwise take the maximal nodes inside it that are at or below `-t`. The other terms add up to at
  least `2 t`, so there are at least as many of them as are needed to reach `t`. Each of these terms
  lacks at least 1, each of those nodes also lacks at least 1, and the node itself is large. A node
  at or below `-t` lacks at least `b - 1`.
* Take the maximal large nodes, that is, those in no other large node. They share no terms. If all
  are at or above `t` and the whole sum is at most `S`, the other terms are at most `S - t`
  together. So there are at least `c` of them, where `c` is the first index with `Q_c >= t - S`, and
  the total lack is at least `a - 1 + c`.
* If all are at or below `-t` and the whole sum is at least `s`, the total lack is at least
  `b - 1 + d`, where `d` is the first index with `P_d >= t + s`. If some are at or above `t`
  and others at or below `-t`, it is at least `a - 1 + b - 1`.

So `N(t)` is at most `n` minus the least of the three. An order that adds the positive terms from
the largest down, then the negative ones from the smallest up, attains this number if the first of
the three is the least.

A result in `[2^e, 2^(e+1))` is rounded by at most `2^e` units of roundoff. The total rounding error
is at most `sum_e (2^e - 2^(e-1)) N(2^e)`, plus `2^e (n - 1)` for results below the last `e`
considered.

Sound: the numbers include the changes that float32 makes to them (`grown`). Cost: sorting the
terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...core import Bounds
from ...ops import Affine
from ..rounding import reach
from .values import InputErrors


MOST_TERMS = 1 << 22
"""Largest number of terms in all sums of an op over all boxes; beyond it, no bound is computed."""

BINADES = 5
"""Number of powers of two that are distinguished, from the largest down."""


def by_terms(
    op: Affine, before: Sequence[InputErrors], bounds: Bounds, grown: float
) -> np.ndarray | float:
    """Bound the rounding of additions and products of an op's sums, `(B, n)`, in units of roundoff.

    Each product is rounded once, because the weights are exact in the runtime. The bound is
    infinite if the terms are unbounded or too many.

    Args:
        op: The op. `op.plain` must be True, and the op must not be an entry-by-entry sum.
        before: Inputs with their errors.
        bounds: Bounds on the real value of the op.
        grown: The fraction of the total magnitude of all terms by which float32 may move a partial
            sum.
    """
    boxes = len(bounds[0])
    if boxes * op.size * sum(op.sizes) > MOST_TERMS:
        return np.inf
    above = np.concatenate([np.maximum(x.hi + x.off, 0.0) for x in before], axis=1)[:, None]
    below = np.concatenate([np.maximum(x.off - x.lo, 0.0) for x in before], axis=1)[:, None]
    moved = reach(op, [x.off for x in before])
    if not (np.isfinite(above).all() and np.isfinite(below).all() and np.isfinite(bounds).all()):
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
    rest = moved + 2.0**-40 * (np.maximum(np.abs(bounds[0]), np.abs(bounds[1])) + moved) + lost
    up = _Side(_largest_together(rising, lost), bounds[1] + rest)
    down = _Side(_largest_together(falling, lost), rest - bounds[0])
    return (_nodes(up, down, count) + products) * (1.0 + 2.0**-40)


class _Side(NamedTuple):
    """Sums of the positive terms of each result, or of the negative ones.

    Args:
        most: `(B, n, T)` the largest term, the sum of the two largest, and so on.
        whole: `(B, n)` upper bound on the whole sum (negated, for the negative side).
    """

    most: np.ndarray
    whole: np.ndarray


def _largest_together(terms: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """Return bounds on the largest term, the sum of the two largest, and so on, `(B, n, T)`."""
    together = np.cumsum(np.sort(terms, axis=-1)[..., ::-1], axis=-1)
    return together * (1.0 + 2.0**-40) + lost[..., None]


def _nodes(up: _Side, down: _Side, count: np.ndarray) -> np.ndarray:
    """Bound the rounding of all inner nodes, in units of roundoff: see the module docstring.

    Args:
        up: `P_1, P_2, ...` `(B, n, T)`, and an upper bound on the whole sum, `(B, n)`.
        down: `Q_1, Q_2, ...`, and an upper bound on the negated whole sum.
        count: `(B, n)` the number of terms.
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
    """Return the smallest number of terms whose sum can reach `amount`; 0 if `amount <= 0`."""
    short = (side.most < amount[..., None]).sum(axis=-1)
    return np.where(amount > 0, short + 1, 0)


def power_of_two(x: np.ndarray) -> np.ndarray:
    """Return the largest power of two that is at most `x`; 0 and infinity stay unchanged.

    A sum of magnitude `x` is rounded by at most half a unit in its last place: `u` times that
    power.
    """
    return np.where(np.isfinite(x), np.ldexp(np.sign(x), np.frexp(x)[1] - 1), x)
