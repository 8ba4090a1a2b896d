"""Affine ops in float32: sums in any order, which may be merged with the sums that they read.

A runtime may start the sum of a layer at the shift of the batch norm after it, or at the other
branch of a residual connection. It may multiply weights by the factors of the layers before or
after them. So an op that reads a sum is also bounded as if both were one sum. This joined sum has
the roundings of both sums, and each of them may round a number as large as the largest partial sum.
Let `R` bound the error of a joined sum. Let `r` bound the error of the sum that is read, and let
`c` be its coefficient.

* *A sum that one op reads, once, entry by entry*: no other op sees it, so its own rounding may be
  taken to be any number up to `r`; the op itself adds `R - |c| r`.
* *Entries that several outputs read* (a batch norm before a matrix): each output may see the
  entry rounded differently. The entries are treated as exact, and each output adds `R`.
* *A sum that other ops also read*: they see it rounded in some way, and the op adds `R + |c| r`.

A sum with several readers is formed once; only a constant in it may move to its readers. A matrix
is never multiplied by another matrix, nor merged with the terms of a sum, but it may absorb the
shift and the factors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np

from ...core import Bounds, gamma
from ...graph.float32 import EXTRA_TERMS, FLOAT32, gamma_of, has_integer_coefficients, only_picks
from ...ops import Affine, Rearrange
from ..rounding import reach
from .terms import by_terms, power_of_two
from .values import MOST, TINY, Constant, InputErrors, OutputErrors, Sums, flush_error


OF_EACH = 4.0
"""Number of roundings of each term of a sum before it is added.

One is the rounding of its product. The others are those of its weight, which the runtime may
multiply by weights of the layers before and after it (a batch norm, a scale).
"""

APART = 2.0**64
"""Largest ratio, or inverse ratio, of an intermediate number to the result of a computed factor.

A factor that is computed, such as `gamma / sqrt(variance)`, may be applied in two steps.
"""


_Pair: TypeAlias = tuple[InputErrors, Sums | None]


def affine(
    op: Affine, before: Sequence[InputErrors], bounds: Bounds, reads: int, alone: bool = False
) -> OutputErrors:
    """Bound the propagated error `|A| e` and the rounding of a sum in any order.

    `alone` states whether a runtime cannot merge the sum with others (`values.find_separate_sums`).
    """
    moved = reach(op, [x.off for x in before])
    lost = gamma(op.terms + reads + 16) * moved
    if only_picks(op, FLOAT32):
        small = flush_error(bounds[0] - moved, bounds[1] + moved)
        return OutputErrors(small + lost, moved + small, sums=before[0].sums)
    by_entry = _is_by_entry(op)
    visible = [_visible_sum(x, by_entry) for x in before]
    read = [x.sums for x in before]
    pairs = _zip(before, visible)
    size, partial = _sums(op, before)
    grown = gamma_of(op.terms + 2 * int(EXTRA_TERMS), FLOAT32)
    partial = partial + grown * size
    # Terms that are zero for all inputs are added without rounding.
    sizes = [
        x.size if read_sum is None else np.maximum(x.size, read_sum.partial)
        for x, read_sum in pairs
    ]
    some = np.sum([(part > 0).sum(axis=1, keepdims=True) for part in sizes], axis=0)
    terms = np.minimum(op.terms, some) if op.plain else np.full(some.shape, op.terms)
    # If a common factor may be applied after the sum, powers of two are not a common scale.
    scaled = op.ulps > 0 or any(s is not None and (by_entry or s.scaled) for s in read)
    each = OF_EACH if op.factor is None and not op.ulps else EXTRA_TERMS + op.ulps
    apart = terms * (partial if scaled else power_of_two(partial)) + each * size
    sums = _join_sums(op, pairs, _OwnSum(size, partial, terms, each * size))
    merged = _propagate(op, pairs, lambda s: s.counted, 0.0, lambda s: by_entry and not s.shared)
    shared = _propagate(op, pairs, lambda s: s.counted, 0.0, lambda s: s.shared)
    counted = np.maximum(apart + merged, sums.counted)
    if alone and all(s is None for s in read):
        counted = np.minimum(counted, by_terms(op, before, bounds, grown))
    sums = replace(sums, counted=counted)
    local = FLOAT32.unit * (counted - merged + shared)
    local = local * (1.0 + gamma_of(op.terms + 64, FLOAT32))
    computed = op.factor is not None and op.ulps > 0
    far = APART if computed else 1.0
    local = local + TINY * (reach(op, [np.ones(x.off.shape) for x in before]) * far)
    local = local + TINY * np.maximum(op.terms, sums.added + 1.0) * (4.0 + sums.widest)
    if has_integer_coefficients(op):
        is_exact = np.logical_and.reduce([x.whole & (x.off == 0) for x in before])
        is_exact = is_exact & (np.maximum(size, sums.partial) < FLOAT32.whole)
        local, counted = np.where(is_exact, 0.0, local), np.where(is_exact, 0.0, counted)
        sums = replace(sums, counted=counted)
    # A mean is a sum before it is divided; a common factor may be applied last, too.
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
    return OutputErrors(local, moved + local, sums=sums)


class _OwnSum(NamedTuple):
    """The sum of one op, without the sums that it reads.

    Args:
        size: `(B, n)` the sum of the magnitudes of its terms.
        partial: `(B, n)` bound on the magnitude of every partial sum.
        terms: Bound on the number of additions.
        rough: `(B, n)` bound on the rounding error of its individual terms, in units of roundoff.
    """

    size: np.ndarray
    partial: np.ndarray
    terms: np.ndarray
    rough: np.ndarray


def _join_sums(op: Affine, pairs: Sequence[_Pair], own: _OwnSum) -> Sums:
    """Merge the sum of an op with the sums that it reads."""
    by_entry, shape = _is_by_entry(op), own.size.shape
    sums_read = [read_sum for _, read_sum in pairs if read_sum is not None]
    constant, scaled = _constant(op, sums_read), _is_scaled(op, sums_read)
    most = [x.size.max(axis=1, keepdims=True) for x, _ in pairs]
    weights = _propagate(op, pairs, lambda s: s.weights, 1.0)
    weights = np.maximum(weights, reach(op, [np.ones(x.off.shape) for x, _ in pairs]))
    factors = [read_sum.weights.max(axis=1, keepdims=True) for read_sum in sums_read]
    wide = [read_sum.widest.max(axis=1, keepdims=True) for read_sum in sums_read]
    widest = np.broadcast_to(np.max([*most, *factors, *wide], axis=0), shape)
    if not sums_read:
        added = np.broadcast_to(_additions(op) if by_entry else own.terms * 1.0, shape)
        return Sums(
            own.partial, added, own.size, own.rough, own.rough, widest, weights, constant, scaled
        )
    partial = _propagate(op, pairs, lambda s: s.partial, None) + np.abs(op.bias)
    size = _propagate(op, pairs, lambda s: s.size, None) + np.abs(op.bias)
    partial, size = np.maximum(partial, own.partial), np.maximum(size, own.size)
    # A weight that is multiplied by one more factor is rounded once more. The error of the factors
    # is common to all outputs of a matrix: it may be charged to the value that the matrix reads.
    if by_entry:
        added = np.sum(
            [np.full(shape, _additions(op)), *(read_sum.added for read_sum in sums_read)], axis=0
        )
        rough = own.rough + size + _propagate(op, pairs, lambda s: s.rough, 0.0)
    else:
        most_added = np.max(
            [read_sum.added.max(axis=1, keepdims=True) for read_sum in sums_read], axis=0
        )
        added = np.broadcast_to(own.terms * (1.0 + most_added), shape)
        rough = own.rough + OF_EACH * size
    grown = 2.0 * gamma_of(int(min(added.max(initial=0.0), 2.0**24)) + 64, FLOAT32)
    partial = partial * (1.0 + grown)
    counted = added * power_of_two(partial) + rough
    return Sums(partial, added, size, counted, rough, widest, weights, constant, scaled)


def _zip(
    before: Sequence[InputErrors], sums: Sequence[Sums | None]
) -> list[tuple[InputErrors, Sums | None]]:
    return list(zip(before, sums, strict=True))


def _propagate(
    op: Affine,
    pairs: Sequence[_Pair],
    number: Callable[[Sums], np.ndarray],
    other: float | None,
    which: Callable[[Sums], bool] = lambda _: True,
) -> np.ndarray:
    """Return `|A| v`, where `v` is `number(sum)` for inputs with a sum, and `other` for the others.

    Args:
        op: The affine op, with its matrices.
        pairs: The op's inputs, each with its sum as the op sees it.
        number: A function that returns, for the sum of an input, the part of `v` for this input.
        other: The part of `v` for other inputs; None for their magnitude.
        which: A predicate; sums that fail it are treated as other inputs.
    """
    parts = []
    for x, read_sum in pairs:
        if read_sum is not None and which(read_sum):
            parts.append(number(read_sum))
        else:
            parts.append(x.size if other is None else np.full(x.off.shape, other))
    return reach(op, parts)


def _is_by_entry(op: Affine) -> bool:
    return op.factor is not None or op.coefficients is not None


def _additions(op: Affine) -> float:
    """Return the number of additions per entry of an elementwise sum."""
    return len(op.sizes) - 1.0 + bool(op.bias.any())


def _visible_sum(x: InputErrors, by_entry: bool) -> Sums | None:
    """Return the sum in an input that may be merged into an op, or None.

    An elementwise op may absorb the whole sum. A matrix may absorb only a shift: the sum is then
    returned as a number plus this shift, or as None if it has no shift.
    """
    if x.sums is None or by_entry:
        return x.sums
    return x.sums.as_number_and_constant(x.size) if x.sums.constant is Constant.SHIFT else None


def _is_scaled(op: Affine, sums_read: Sequence[Sums]) -> bool:
    if not _is_by_entry(op):
        return False
    numbers = np.asarray(op.coefficients if op.factor is None else op.factor, np.float64)
    return bool((np.abs(numbers) != 1.0).any()) or any(read_sum.scaled for read_sum in sums_read)


def _constant(op: Affine, sums_read: Sequence[Sums]) -> Constant:
    has_bias = bool(op.bias.any())
    if not _is_by_entry(op):
        return Constant.BIAS if has_bias else Constant.NONE
    return max(
        [
            Constant.SHIFT if has_bias else Constant.NONE,
            *(read_sum.constant for read_sum in sums_read),
        ]
    )


def rearrange_sums(op: Rearrange, before: Sequence[InputErrors]) -> Sums | None:
    """Rearrange the sums behind the inputs; return None if there are none.

    If an entry is repeated, the sums become shared.
    """
    sums_read = [x.sums for x in before if x.sums is not None]
    if not sums_read:
        return None
    sources = op.index[op.index >= 0]
    repeated = np.unique(sources).size < sources.size
    parts = [x.sums or Sums.of(x.size) for x in before]
    if repeated:
        parts = [part.as_number_and_constant(x.size) for part, x in zip(parts, before, strict=True)]
    moved = {
        name: np.abs(op.run([getattr(part, name) for part in parts], name == "partial"))
        for name in Sums.NUMBERS
    }
    return Sums(
        **moved,
        constant=max(part.constant for part in sums_read),
        scaled=any(part.scaled for part in sums_read),
        shared=repeated or any(part.shared for part in sums_read),
    )


def _sums(op: Affine, before: Sequence[InputErrors]) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds on the total magnitude of all terms and on their partial sums.

    A partial sum is at most the sum of all terms that may be positive, and at least the sum of all
    terms that may be negative: `A+ x+ + A- x-` and `A+ x- + A- x+`.
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
    total = reach(op, [x.size for x in before]) + np.abs(op.bias)
    return total, np.minimum(partial, total)
