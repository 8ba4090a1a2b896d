"""What each kind of op makes of the float32 errors of its inputs: see `float32`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from ..core import Bounds, InputError, UnsupportedError, down, gamma, up
from ..graph import Node
from ..graph.float32 import EXTRA_TERMS, FLOAT32, gamma_of, has_whole_coefficients, only_picks
from ..ops import Affine, Curve, Largest, Product, Rearrange, Step
from ..ops.float32 import float32_error
from ..ops.pointwise.op import Pointwise
from ..ops.relaxation.slopes import slope_range
from .relaxations import CurveRelaxation, MaxRelaxation, ProductRelaxation
from .rounding import reach


TINY = 2.0 * FLOAT32.tiny
"""What flushing to zero may move a number by, doubled."""

OF_EACH = 4.0
"""Roundings of each term of a sum by itself: of its product, and of a weight that the runtime may
multiply by those of layers behind (a batch norm, a scale)."""

MOST = 2.0**127
"""Beyond it float32 may overflow."""


@dataclass(frozen=True, eq=False)
class Arrived:
    """A value that an op reads: its real ends, its error, which entries are whole numbers."""

    lo: np.ndarray
    hi: np.ndarray
    off: np.ndarray
    whole: np.ndarray

    @property
    def size(self) -> np.ndarray:
        """The largest magnitude in float32."""
        return np.maximum(-self.lo, self.hi) + self.off


@dataclass(frozen=True, eq=False)
class Carried:
    """What an op makes of errors.

    Args:
        local: `(B, n)` its own rounding.
        off: `(B, n)` all, its inputs' errors carried on by magnitudes.
        lines: How it carries them, if it is not linear.
        own: `(B, n)` its own rounding alone, where `local` holds what lines leave open, too.
    """

    local: np.ndarray
    off: np.ndarray
    lines: Any = None
    own: np.ndarray | None = None

    @property
    def rounding(self) -> np.ndarray:
        """Its own rounding alone."""
        return self.local if self.own is None else self.own


def flushed(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """What a number in `[lo, hi]` loses where it is flushed: nothing if it is normal, or zero."""
    normal = (lo >= FLOAT32.tiny) | (hi <= -FLOAT32.tiny) | ((lo == 0) & (hi == 0))
    return np.where(normal, 0.0, FLOAT32.tiny)


def settled(node: Node) -> Node:
    """A node in which a function of several values is the op that stands in its place.

    Raises:
        UnsupportedError: There is none.
    """
    if not isinstance(node.op, Pointwise):
        return node
    if node.op.otherwise is None:
        raise UnsupportedError(
            f"Layer `{node.source}` computes `{node.op.name}` of several values, whose float32 "
            "error is not described."
        )
    return replace(node, op=node.op.otherwise(node.size))


def are_whole(op: Any, known: Sequence[np.ndarray]) -> np.ndarray:
    """Which results are whole numbers, of inputs of which that is known."""
    if isinstance(op, Rearrange):
        whole = op.run([k.astype(np.float64) for k in known], fill=False) > 0
        return np.where(op.index < 0, op.fill == np.rint(op.fill), whole)
    if isinstance(op, Largest):
        picked = known[0][np.maximum(op.windows, 0)]
        return (picked | (op.windows < 0)).all(axis=1)
    if isinstance(op, Product):
        return known[0][op.left] & known[1][op.right]
    if isinstance(op, Affine):
        plain = has_whole_coefficients(op)
        return np.logical_and.reduce(list(known)) if plain else np.zeros(op.size, bool)
    if isinstance(op, Step) and op.rows is None:
        levels = op.lines or ()
        stairs = op.is_staircase and op.spacing == 1.0
        level = bool(levels) and all(one is not None and one[1] == round(one[1]) for one in levels)
        return np.full(known[0].shape, stairs or level)
    return np.zeros(known[0].shape, bool)


def carried(
    op: Any, before: Sequence[Arrived], own: Bounds, reads: int, exact: bool = False
) -> Carried:
    """The errors of an op's results.

    Args:
        op: The op.
        before: Its inputs.
        own: The real ends of its value.
        reads: The most often that a value is read: how often float64 adds to a row.
        exact: Whether it is computed without rounding.
    """
    found = RULES[type(op)](op, before, own, reads)
    if not (exact and isinstance(op, Affine)):
        return _without_the_lost(op, found, [np.isinf(x.off) for x in before])
    lost = gamma(op.terms + reads + 16) * reach(op, [x.off for x in before])
    return Carried(lost, found.off, found.lines)


def _without_the_lost(op: Any, found: Carried, lost: Sequence[np.ndarray]) -> Carried:
    """Nothing is said of what reads a value that may overflow: it may be no number.

    Zero times infinity is none, so of a sum it is enough that a term may be, whatever its weight.
    """
    if not any(part.any() for part in lost):
        return found
    if isinstance(op, Rearrange):
        touched = op.run([part.astype(np.float64) for part in lost], fill=False) > 0
    elif isinstance(op, Affine) and op.factor is None and op.coefficients is None:
        some = np.logical_or.reduce([part.any(axis=1) for part in lost])
        touched = np.broadcast_to(some[:, None], found.off.shape)
    elif isinstance(op, Affine | Curve):
        touched = np.logical_or.reduce(list(lost))
    elif isinstance(op, Product):
        touched = lost[0][:, op.left] | lost[1][:, op.right]
    else:
        touched = (lost[0][:, np.maximum(op.windows, 0)] & (op.windows >= 0)).any(axis=-1)
    local = np.where(touched, np.inf, found.local)
    own = None if found.own is None else np.where(touched, np.inf, found.own)
    return Carried(local, np.where(touched, np.inf, found.off), found.lines, own)


def affine(op: Affine, before: Sequence[Arrived], own: Bounds, reads: int) -> Carried:
    """`|A| e`, and the rounding of a sum in any order."""
    moved = reach(op, [x.off for x in before])
    lost = gamma(op.terms + reads + 16) * moved
    if only_picks(op, FLOAT32):
        small = flushed(own[0] - moved, own[1] + moved)
        return Carried(small + lost, moved + small)
    size, partial = _sums(op, before)
    # What is zero whatever the input is, is added without rounding.
    some = np.sum([(x.size > 0).sum(axis=1, keepdims=True) for x in before], axis=0)
    terms = np.minimum(op.terms, some) if op.plain else np.full(some.shape, op.terms)
    weights = reach(op, [np.ones(x.off.shape) for x in before])
    most = np.max([x.size.max(axis=1, keepdims=True) for x in before], axis=0)
    each = EXTRA_TERMS if op.ulps or op.factor is not None else OF_EACH
    grown = gamma_of(op.terms + 2 * int(EXTRA_TERMS), FLOAT32)
    partial = _power_of_two(partial + grown * size)
    local = FLOAT32.unit * (each * size * (1.0 + grown) + terms * partial)
    local = local + TINY * (weights + op.terms * (4.0 + most))
    if has_whole_coefficients(op):
        known = np.logical_and.reduce([x.whole & (x.off == 0) for x in before])
        local = np.where(known & (size < FLOAT32.whole), 0.0, local)
    local = np.where(size < MOST, local, np.inf) + lost
    return Carried(local, moved + local)


def _power_of_two(x: np.ndarray) -> np.ndarray:
    """The largest power of two that is at most `x`.

    A sum of magnitude `x` is rounded by at most half a unit in its last place: `u` times that.
    """
    return np.where(np.isfinite(x), np.ldexp(np.sign(x), np.frexp(x)[1] - 1), x)


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


def rearrange(op: Rearrange, before: Sequence[Arrived], own: Bounds, reads: int) -> Carried:
    """Entries keep their errors; a constant is float32's nearest."""
    off = op.run([x.off for x in before], fill=False)
    rounded = np.abs(op.fill - np.float32(op.fill).astype(np.float64))
    local = np.where(op.index < 0, rounded, 0.0) + gamma(op.terms + reads + 16) * off
    return Carried(np.broadcast_to(local, off.shape), off + local)


def largest(op: Largest, before: Sequence[Arrived], own: Bounds, reads: int) -> Carried:
    """The error of the one entry that can be largest; or the largest of those that can."""
    x = before[0]
    source, absent = np.maximum(op.windows, 0), op.windows < 0
    low = np.where(absent, -np.inf, (x.lo - x.off)[:, source])
    high = np.where(absent, -np.inf, (x.hi + x.off)[:, source])
    best = low.max(axis=-1, keepdims=True)
    able = ~absent & (high >= best)
    off = np.where(able, x.off[:, source], 0.0).max(axis=-1)
    arg = np.take_along_axis(np.broadcast_to(source, low.shape), low.argmax(-1)[..., None], -1)
    alone = (able.sum(axis=-1) == 1) & np.isfinite(off)
    hot = ((source == arg) & (np.cumsum(source == arg, axis=-1) == 1) & alone[..., None]) * 1.0
    lost = gamma(op.windows.size + reads + 16) * off
    local = np.where(alone, lost, off)
    zero = np.zeros(off.shape)
    lines = MaxRelaxation(x.off.shape[1], arg[..., 0], alone, zero, hot, hot, zero)
    return Carried(local, off + lost, lines)


def product(op: Product, before: Sequence[Arrived], own: Bounds, reads: int) -> Carried:
    """`(u + du) (v + dv) - u v`, around the middles of `u` and `v`."""
    parts = []
    for x, index in zip(before, (op.left, op.right), strict=True):
        lo, hi, off = x.lo[:, index], x.hi[:, index], x.off[:, index]
        middle = 0.5 * lo + 0.5 * hi
        middle = np.where(np.isfinite(middle), middle, 0.0)
        radius = np.maximum(hi - middle, middle - lo) * (1.0 + 2.0**-50)
        parts.append((middle, radius, off, x.size[:, index]))
    (um, ur, ue, us), (vm, vr, ve, vs) = parts
    size = _times(us, vs)
    extra = gamma_of(EXTRA_TERMS, FLOAT32)
    local = extra * size + TINY * (1.0 + us + vs)
    known = before[0].whole[op.left] & before[1].whole[op.right] & (ue == 0) & (ve == 0)
    local = np.where(known & (size < FLOAT32.whole), 0.0, local)
    local = np.where(size < MOST, local, np.inf)
    rest = _times(ur, ve) + _times(vr, ue) + _times(ue, ve)
    rest = rest + gamma(op.terms + reads + 16) * (_times(np.abs(um), ve) + _times(np.abs(vm), ue))
    off = _times(us, ve) + _times(vs, ue) + local
    straight = np.isfinite(rest)
    local = np.where(straight, local + rest, np.inf)
    zero = np.zeros((2, *rest.shape))
    both = (np.where(straight, m, 0.0) for m in (vm, um))
    left, right = (np.stack([m, m]) for m in both)
    return Carried(local, off, ProductRelaxation(left, right, zero, None, zero))


def _times(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`x y`, where 0 times an infinite bound is 0."""
    return np.where((x == 0) | (y == 0), 0.0, x * y)


def curve(op: Curve, before: Sequence[Arrived], own: Bounds, reads: int) -> Carried:
    """A slope that the curve has within reach, or how far it rises and falls there."""
    x = before[0]
    lo, hi = x.lo - x.off, x.hi + x.off
    lo, hi = np.where(x.off > 0, down(lo), lo), np.where(x.off > 0, up(hi), hi)
    try:
        if isinstance(op, Step) and op.rows is not None:
            lo, hi = np.where(x.off > 0, np.floor(lo), lo), np.where(x.off > 0, np.ceil(hi), hi)
        least, most = op.range(lo, hi)
    except InputError:
        return _unknown(x.off)
    width = np.where(x.off > 0, most - least, 0.0)
    local = _rounding(op, np.maximum(-least, most))
    slopes, jumps = _slopes(op, lo, hi, x.off)
    middle = 0.5 * slopes[0] + 0.5 * slopes[1]
    radius = np.maximum(slopes[1] - middle, middle - slopes[0]) * (1.0 + 2.0**-50)
    steep = np.maximum(np.abs(slopes[0]), np.abs(slopes[1]))
    # An argument that is no normal number may be read as zero.
    local = local + np.minimum(_times(steep, flushed(x.lo - x.off, x.hi + x.off)), 1.0)
    moved = np.minimum(_times(steep, x.off) + jumps, width)
    moved = np.where(np.isnan(moved), np.inf, moved)
    rest = _times(radius, x.off) + 2.0**-48 * _times(np.abs(middle), x.off)
    straight = (jumps == 0) & np.isfinite(rest) & (rest <= moved)
    middle, rest = np.where(straight, middle, 0.0), np.where(straight, rest, moved)
    local = local + gamma(reads + 16) * moved
    zero = np.zeros((2, *rest.shape))
    slope = np.stack([middle, middle])
    lines = CurveRelaxation(slope, zero, None, zero, zero, zero)
    return Carried(local + rest, moved + local, lines, local)


def _unknown(off: np.ndarray) -> Carried:
    endless, zero = np.full(off.shape, np.inf), np.zeros((2, *off.shape))
    return Carried(endless, endless, CurveRelaxation(zero, zero, None, zero, zero, zero))


def _rounding(op: Curve, size: np.ndarray) -> np.ndarray:
    """What float32 adds to a curve's value of at most `size`."""
    if isinstance(op, Step) and (op.is_staircase or op.rows is not None):
        # A whole number, or a number of a table: both are float32's nearest.
        return np.where(size < MOST, FLOAT32.unit * size, np.inf) * (op.rows is not None)
    stated = float32_error(op)
    if stated is None:
        raise UnsupportedError(
            f"Nothing is stated of how far `{op.name}` may be off in float32 (docs/float32.md has "
            "the functions of which something is). Ask in real arithmetic: arithmetic='real'."
        )
    if only_picks(op, FLOAT32):
        return np.where(size < MOST, np.where(size > 0, FLOAT32.tiny, 0.0), np.inf)
    local = FLOAT32.unit * (stated.relative * size + stated.absolute) + TINY
    return np.where(size < MOST, local, np.inf)


def _slopes(
    op: Curve, lo: np.ndarray, hi: np.ndarray, off: np.ndarray
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """All slopes between jumps, and what jumps within reach may add."""
    zero = np.zeros(lo.shape)
    if isinstance(op, Step):
        jumps = np.where((off > 0) & ~op.is_flat(lo, hi), np.inf, 0.0)
        if op.is_staircase:
            # So many jumps of the height of their distance lie in any interval as long.
            jumps = np.minimum(jumps, op.spacing * (np.floor(off / op.spacing) + 1.0))
        return (zero, zero), jumps
    jumps, least, most = zero, np.full(lo.shape, np.inf), np.full(lo.shape, -np.inf)
    edges = (-np.inf, *op.jumps, np.inf)
    for first, last in pairwise(edges):
        start = np.maximum(lo, up(first) if np.isfinite(first) else first)
        stop = np.minimum(hi, down(last) if np.isfinite(last) else last)
        met = start <= stop
        low, high = slope_range(op, np.where(met, start, lo), np.where(met, stop, lo))
        least = np.where(met, np.minimum(least, low), least)
        most = np.where(met, np.maximum(most, high), most)
    for jump in op.jumps:
        values = op.f(np.array([down(jump), jump, up(jump)]))
        height = float(values.max() - values.min()) * (1.0 + 2.0**-40)
        met = (lo <= jump) & (jump <= hi) & (off > 0)
        jumps = jumps + np.where(met, height, 0.0)
    nothing = least > most
    return (np.where(nothing, 0.0, least), np.where(nothing, 0.0, most)), jumps


RULES: Mapping[type, Callable[..., Carried]] = MappingProxyType({
    Affine: affine, Rearrange: rearrange, Curve: curve, Step: curve, Largest: largest,
    Product: product,
})  # fmt: skip
