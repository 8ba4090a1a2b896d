"""Affine ops in float32: sums in any order, also as one with the sums that they read.

A runtime may start the sum of a layer at the shift of the batch norm behind it, or at the other
branch of a residual; it may multiply weights by the factors of the layers before or behind them.
So an op that reads a sum is bounded as if both were one, too: as many roundings, each of a number
as large as any partial sum of both can be. Let `R` be what such a joined sum is off by at most,
and `r` what is counted for the sum that is read.

* *A sum that one op reads, once, entry by entry*: nobody sees it, so its own rounding may be taken
  to be any number up to `r`; the op itself adds `R - |c| r`.
* *Entries that several outputs read* (a batch norm before a matrix): each output may see another
  one; taken to be rounded by nothing, they leave `R` to each output.
* *A sum that others read, too*: they see it rounded somehow, and the op adds `R + |c| r`.

What others read is formed once; only a constant in it may be moved to those who read it. Neither is
a matrix multiplied by another, nor with the terms of a sum: it may take up the shift, and factors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np

from ...core import Bounds, gamma
from ...graph.float32 import EXTRA_TERMS, FLOAT32, gamma_of, has_whole_coefficients, only_picks
from ...ops import Affine, Rearrange
from ..rounding import reach
from .terms import by_terms, power_of_two
from .values import MOST, TINY, Arrived, Carried, Constant, Sums, flushed


OF_EACH = 4.0
"""Roundings of each term of a sum by itself: of its product, and of a weight that the runtime may
multiply by those of the layers before and behind (a batch norm, a scale)."""

APART = 2.0**64
"""A factor that is computed, `gamma / sqrt(variance)`, may be applied in two steps: the number in
between may be so many times larger or smaller."""


_Pair: TypeAlias = tuple[Arrived, Sums | None]


def affine(
    op: Affine, before: Sequence[Arrived], own: Bounds, reads: int, alone: bool = False
) -> Carried:
    """`|A| e`, and the rounding of a sum in any order; `alone`: see `values.alone_in`."""
    moved = reach(op, [x.off for x in before])
    lost = gamma(op.terms + reads + 16) * moved
    if only_picks(op, FLOAT32):
        small = flushed(own[0] - moved, own[1] + moved)
        return Carried(small + lost, moved + small, sums=before[0].sums)
    by_entry = _is_by_entry(op)
    seen = [_seen(x, by_entry) for x in before]
    read = [x.sums for x in before]
    pairs = _zip(before, seen)
    size, partial = _sums(op, before)
    grown = gamma_of(op.terms + 2 * int(EXTRA_TERMS), FLOAT32)
    partial = partial + grown * size
    # What is zero whatever the input is, is added without rounding.
    sizes = [x.size if one is None else np.maximum(x.size, one.partial) for x, one in pairs]
    some = np.sum([(part > 0).sum(axis=1, keepdims=True) for part in sizes], axis=0)
    terms = np.minimum(op.terms, some) if op.plain else np.full(some.shape, op.terms)
    # Where a common factor may be applied after the sum, powers of two are no common scale.
    scaled = op.ulps > 0 or any(s is not None and (by_entry or s.scaled) for s in read)
    each = OF_EACH if op.factor is None and not op.ulps else EXTRA_TERMS + op.ulps
    apart = terms * (partial if scaled else power_of_two(partial)) + each * size
    sums = _joined(op, pairs, _Own(size, partial, terms, each * size))
    taken = _of(op, pairs, lambda s: s.counted, 0.0, lambda s: by_entry and not s.shared)
    again = _of(op, pairs, lambda s: s.counted, 0.0, lambda s: s.shared)
    counted = np.maximum(apart + taken, sums.counted)
    if alone and all(s is None for s in read):
        counted = np.minimum(counted, by_terms(op, before, own, grown))
    sums = replace(sums, counted=counted)
    local = FLOAT32.unit * (counted - taken + again)
    local = local * (1.0 + gamma_of(op.terms + 64, FLOAT32))
    computed = op.factor is not None and op.ulps > 0
    far = APART if computed else 1.0
    local = local + TINY * (reach(op, [np.ones(x.off.shape) for x in before]) * far)
    local = local + TINY * np.maximum(op.terms, sums.added + 1.0) * (4.0 + sums.widest)
    if has_whole_coefficients(op):
        known = np.logical_and.reduce([x.whole & (x.off == 0) for x in before])
        known = known & (np.maximum(size, sums.partial) < FLOAT32.whole)
        local, counted = np.where(known, 0.0, local), np.where(known, 0.0, counted)
        sums = replace(sums, counted=counted)
    # A mean is the sum of its terms before it is divided; a common factor may come last, too.
    most = np.max([x.size.max(axis=1, keepdims=True) for x in before], axis=0)
    largest = np.maximum(np.maximum(size, sums.partial), most * max(far, op.terms))
    largest = np.maximum(largest, np.maximum(sums.widest, sums.weights))
    if scaled and not by_entry:
        raw = [x.size if s is None else np.maximum(x.size, s.widest) for x, s in _zip(before, read)]
        largest = np.maximum(largest, reach(op, raw))
        for s in read:
            factor = 1.0 if s is None else s.weights.max(axis=1, keepdims=True)
            local = local + TINY * op.terms * factor
    local = np.where(largest < MOST, local, np.inf) + lost
    return Carried(local, moved + local, sums=sums)


class _Own(NamedTuple):
    """A sum by itself: magnitudes of its terms, of partial sums; additions; roundings of each."""

    size: np.ndarray
    partial: np.ndarray
    terms: np.ndarray
    rough: np.ndarray


def _joined(op: Affine, pairs: Sequence[_Pair], own: _Own) -> Sums:
    """The sum of an op as one with those that it reads."""
    by_entry, shape = _is_by_entry(op), own.size.shape
    known = [one for _, one in pairs if one is not None]
    constant, scaled = _constant(op, known), _is_scaled(op, known)
    most = [x.size.max(axis=1, keepdims=True) for x, _ in pairs]
    weights = _of(op, pairs, lambda s: s.weights, 1.0)
    weights = np.maximum(weights, reach(op, [np.ones(x.off.shape) for x, _ in pairs]))
    factors = [one.weights.max(axis=1, keepdims=True) for one in known]
    wide = [one.widest.max(axis=1, keepdims=True) for one in known]
    widest = np.broadcast_to(np.max([*most, *factors, *wide], axis=0), shape)
    if not known:
        added = np.broadcast_to(_additions(op) if by_entry else own.terms * 1.0, shape)
        return Sums(
            own.partial, added, own.size, own.rough, own.rough, widest, weights, constant, scaled
        )
    partial = _of(op, pairs, lambda s: s.partial, None) + np.abs(op.bias)
    size = _of(op, pairs, lambda s: s.size, None) + np.abs(op.bias)
    partial, size = np.maximum(partial, own.partial), np.maximum(size, own.size)
    # A weight that is multiplied by one more factor is rounded once more. What the factors miss by
    # is common to all outputs of a matrix: the value that it reads may be taken to miss it.
    if by_entry:
        added = np.sum([np.full(shape, _additions(op)), *(one.added for one in known)], axis=0)
        rough = own.rough + size + _of(op, pairs, lambda s: s.rough, 0.0)
    else:
        most_added = np.max([one.added.max(axis=1, keepdims=True) for one in known], axis=0)
        added = np.broadcast_to(own.terms * (1.0 + most_added), shape)
        rough = own.rough + OF_EACH * size
    grown = 2.0 * gamma_of(int(min(added.max(initial=0.0), 2.0**24)) + 64, FLOAT32)
    partial = partial * (1.0 + grown)
    counted = added * power_of_two(partial) + rough
    return Sums(partial, added, size, counted, rough, widest, weights, constant, scaled)


def _zip(
    before: Sequence[Arrived], sums: Sequence[Sums | None]
) -> list[tuple[Arrived, Sums | None]]:
    return list(zip(before, sums, strict=True))


def _of(
    op: Affine,
    pairs: Sequence[_Pair],
    number: Callable[[Sums], np.ndarray],
    other: float | None,
    which: Callable[[Sums], bool] = lambda _: True,
) -> np.ndarray:
    """`|A|` times a number of the sums that are read, and where there is none times another.

    Args:
        op: With the matrices.
        pairs: Values that are read, each with what is seen of it as a sum.
        number: Of a sum.
        other: Of other values; None for their magnitude.
        which: Sums that are not meant are other values.
    """
    parts = []
    for x, one in pairs:
        if one is not None and which(one):
            parts.append(number(one))
        else:
            parts.append(x.size if other is None else np.full(x.off.shape, other))
    return reach(op, parts)


def _is_by_entry(op: Affine) -> bool:
    return op.factor is not None or op.coefficients is not None


def _additions(op: Affine) -> float:
    """How many numbers are added to the first, entry by entry."""
    return len(op.sizes) - 1.0 + bool(op.bias.any())


def _seen(x: Arrived, by_entry: bool) -> Sums | None:
    """What an op sees of a sum that it reads: a matrix sees a number and a shift."""
    if x.sums is None or by_entry:
        return x.sums
    return x.sums.in_two(x.size) if x.sums.constant is Constant.SHIFT else None


def _is_scaled(op: Affine, known: Sequence[Sums]) -> bool:
    if not _is_by_entry(op):
        return False
    numbers = np.asarray(op.coefficients if op.factor is None else op.factor, np.float64)
    return bool((np.abs(numbers) != 1.0).any()) or any(one.scaled for one in known)


def _constant(op: Affine, known: Sequence[Sums]) -> Constant:
    own = bool(op.bias.any())
    if not _is_by_entry(op):
        return Constant.BIAS if own else Constant.NONE
    return max([Constant.SHIFT if own else Constant.NONE, *(one.constant for one in known)])


def rearranged(op: Rearrange, before: Sequence[Arrived]) -> Sums | None:
    """Sums stay what they are where entries are moved; an entry that is repeated is shared."""
    known = [x.sums for x in before if x.sums is not None]
    if not known:
        return None
    sources = op.index[op.index >= 0]
    repeated = np.unique(sources).size < sources.size
    parts = [x.sums or Sums.of(x.size) for x in before]
    if repeated:
        parts = [one.in_two(x.size) for one, x in zip(parts, before, strict=True)]
    moved = {
        name: np.abs(op.run([getattr(one, name) for one in parts], name == "partial"))
        for name in Sums.NUMBERS
    }
    return Sums(
        **moved,
        constant=max(one.constant for one in known),
        scaled=any(one.scaled for one in known),
        shared=repeated or any(one.shared for one in known),
    )


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
