"""Affine ops in float32: sums in any order, also as one with the sums that they read.

A runtime may start the sum of a layer at the shift of the batch norm behind it, or at the other
branch of a residual. So a sum that is read once, entry by entry, by another is bounded as if both
were one: as many roundings, each of a number as large as any partial sum of both can be.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core import Bounds, gamma
from ...graph.float32 import EXTRA_TERMS, FLOAT32, gamma_of, has_whole_coefficients, only_picks
from ...ops import Affine, Rearrange
from ..rounding import reach
from .terms import by_terms, power_of_two
from .values import MOST, TINY, Arrived, Carried, Sums, flushed


OF_EACH = 4.0
"""Roundings of each term of a sum by itself: of its product, and of a weight that the runtime may
multiply by those of layers behind (a batch norm, a scale)."""

APART = 2.0**64
"""A factor that is computed, `gamma / sqrt(variance)`, may be applied in two steps: the number in
between may be so many times larger or smaller."""


def affine(
    op: Affine, before: Sequence[Arrived], own: Bounds, reads: int, alone: bool = False
) -> Carried:
    """`|A| e`, and the rounding of a sum in any order.

    Args:
        op: The op.
        before: Its inputs.
        own: The real ends of its value.
        reads: See `rules.carried`.
        alone: Whether no other layer's weights can be multiplied into its own.
    """
    moved = reach(op, [x.off for x in before])
    lost = gamma(op.terms + reads + 16) * moved
    if only_picks(op, FLOAT32):
        small = flushed(own[0] - moved, own[1] + moved)
        return Carried(small + lost, moved + small, sums=before[0].sums)
    size, partial = _sums(op, before)
    # What is zero whatever the input is, is added without rounding.
    some = np.sum([(x.size > 0).sum(axis=1, keepdims=True) for x in before], axis=0)
    terms = np.minimum(op.terms, some) if op.plain else np.full(some.shape, op.terms)
    weights = reach(op, [np.ones(x.off.shape) for x in before])
    most = np.max([x.size.max(axis=1, keepdims=True) for x in before], axis=0)
    computed = op.factor is not None and op.ulps > 0
    each = EXTRA_TERMS if op.ulps or op.factor is not None else OF_EACH
    grown = gamma_of(op.terms + 2 * int(EXTRA_TERMS), FLOAT32)
    whole = np.maximum(-own[0], own[1]) + moved
    known = by_terms(op, before, whole * (1.0 + 2.0**-40), grown)
    sums = _joined(op, before, partial + grown * size, terms, None if known is None else known[0])
    products = each * size * (1.0 + grown)
    if alone and known is not None:
        products = np.minimum(products, known[1] * (1.0 + grown))
    local = FLOAT32.unit * (products + sums.counted - _counted(op, before))
    local = local * (1.0 + 2.0**-40)
    local = local + TINY * (weights * (APART if computed else 1.0) + op.terms * (4.0 + most))
    if has_whole_coefficients(op):
        known = np.logical_and.reduce([x.whole & (x.off == 0) for x in before])
        known = known & (np.maximum(size, sums.partial) < FLOAT32.whole)
        local = np.where(known, 0.0, local)
        sums = Sums(sums.partial, sums.added, np.where(known, 0.0, sums.counted))
    # A mean is the sum of its terms before it is divided.
    largest = np.maximum(np.maximum(size, sums.partial), most * (APART if computed else op.terms))
    local = np.where(largest < MOST, local, np.inf) + lost
    return Carried(local, moved + local, sums=sums)


def _joined(
    op: Affine,
    before: Sequence[Arrived],
    partial: np.ndarray,
    terms: np.ndarray,
    known: np.ndarray | None,
) -> Sums:
    """The sum of an op; with those that it reads, if it reads them entry by entry.

    `counted` is what is counted of roundings, in units of roundoff, here and in the sums read;
    `known` is that of its own, where its terms were looked at.
    """
    added, own = np.broadcast_to(terms, partial.shape), terms * power_of_two(partial)
    own = own if known is None else np.minimum(own, known)
    if not _is_by_entry(op) or all(x.sums is None for x in before):
        return Sums(partial, added, own)
    parts = [x.size if x.sums is None else x.sums.partial for x in before]
    whole = (reach(op, parts) + np.abs(op.bias)) * (1.0 + 2.0**-20)
    whole = np.maximum(whole, partial)
    added = added + sum(x.sums.added for x in before if x.sums is not None)
    least = own + _counted(op, before)
    return Sums(whole, added, np.maximum(least, added * power_of_two(whole)))


def _is_by_entry(op: Affine) -> bool:
    return op.factor is not None or op.coefficients is not None


def _counted(op: Affine, before: Sequence[Arrived]) -> np.ndarray | float:
    """What the sums that an op reads entry by entry have counted already."""
    if not _is_by_entry(op) or all(x.sums is None for x in before):
        return 0.0
    zero = np.zeros(before[0].off.shape)
    return reach(op, [zero if x.sums is None else x.sums.counted for x in before])


def rearranged(op: Rearrange, before: Sequence[Arrived]) -> Sums | None:
    """Sums stay what they are where entries are moved."""
    if all(x.sums is None for x in before):
        return None
    zeros = [np.zeros(x.off.shape) for x in before]
    known = [x.sums or Sums(x.size, zero, zero) for x, zero in zip(before, zeros, strict=True)]
    partial = np.abs(op.run([one.partial for one in known]))
    added = op.run([one.added for one in known], fill=False)
    return Sums(partial, added, op.run([one.counted for one in known], fill=False))


def _sums(op: Affine, before: Sequence[Arrived]) -> tuple[np.ndarray, np.ndarray]:
    """The magnitudes of all terms together, and the most that any partial sum of them can be.

    A sum of some of the terms is at most that of all that may be positive, and at least that of all
    that may be negative: `A+ x+ + A- x-` and `A+ x- + A- x+`.
    """
    above = [np.maximum(x.hi + x.off, 0.0) for x in before]
    below = [np.maximum(x.off - x.lo, 0.0) for x in before]
    both = [a + b for a, b in zip(above, below, strict=True)]
    size = reach(op, both)
    if np.isfinite(size).all():
        tilt = op.apply([a - b for a, b in zip(above, below, strict=True)], False)
        size = size * (1.0 + gamma(2 * op.terms + 16))
        rising = 0.5 * (size + tilt) + np.maximum(op.bias, 0.0)
        falling = 0.5 * (size - tilt) + np.maximum(-op.bias, 0.0)
        partial = np.maximum(rising, falling) + gamma(2 * op.terms + 16) * size
    else:
        partial = size + np.abs(op.bias)
    own = reach(op, [x.size for x in before]) + np.abs(op.bias)
    return own, np.minimum(partial, own)
