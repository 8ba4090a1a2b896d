"""Propagation of float32 errors through each kind of op: see `analysis`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from ...core import Bounds, gamma
from ...graph.float32 import EXTRA_TERMS, FLOAT32, gamma_of
from ...ops import Affine, Curve, Largest, Product, Rearrange, Step
from ..relaxations import MaxRelaxation, ProductRelaxation
from ..rounding import reach
from .curves import curve
from .formulas import add_rewriting_errors
from .sums import affine, rearrange_sums
from .values import MOST, TINY, InputErrors, OutputErrors, Sums, times


def propagate_errors(
    op: Any,
    before: Sequence[InputErrors],
    bounds: Bounds,
    reads: int,
    exact: bool = False,
    alone: bool = False,
) -> OutputErrors:
    """Bound the float32 errors of an op's results.

    Args:
        op: The op of a node.
        before: Inputs with their errors.
        bounds: Bounds on the real value of the op.
        reads: The largest number of nodes that read the same value; their rows are added up in
            float64.
        exact: Whether the op, if it is affine, is computed without rounding.
        alone: Whether a runtime cannot merge its sum with others: see `values.find_separate_sums`.
    """
    more = {"alone": True} if alone else {}
    output = RULES[type(op)](op, before, bounds, reads, **more)
    output = add_rewriting_errors(op, before, output, np.maximum(-bounds[0], bounds[1]))
    if not (exact and isinstance(op, Affine)):
        return _spread_overflow(op, output, [np.isinf(x.off) for x in before])
    lost = gamma(op.terms + reads + 16) * reach(op, [x.off for x in before])
    return OutputErrors(lost, output.off, output.lines)


def _spread_overflow(op: Any, output: OutputErrors, lost: Sequence[np.ndarray]) -> OutputErrors:
    """Set an op's errors to infinity where it reads a value that may overflow.

    The op's value may then be NaN, since zero times infinity is NaN. So the error of a sum is
    infinite if a term may overflow, whatever its weight.
    """
    if not any(part.any() for part in lost):
        return output
    if isinstance(op, Rearrange):
        touched = op.run([part.astype(np.float64) for part in lost], fill=False) > 0
    elif isinstance(op, Affine) and op.factor is None and op.coefficients is None:
        some = np.logical_or.reduce([part.any(axis=1) for part in lost])
        touched = np.broadcast_to(some[:, None], output.off.shape)
    elif isinstance(op, Affine | Curve):
        touched = np.logical_or.reduce(list(lost))
    elif isinstance(op, Product):
        touched = lost[0][:, op.left] | lost[1][:, op.right]
    else:
        touched = (lost[0][:, np.maximum(op.windows, 0)] & (op.windows >= 0)).any(axis=-1)
    local = np.where(touched, np.inf, output.local)
    rounding = (
        None if output.own_rounding is None else np.where(touched, np.inf, output.own_rounding)
    )
    return replace(
        output, local=local, off=np.where(touched, np.inf, output.off), own_rounding=rounding
    )


def rearrange(
    op: Rearrange, before: Sequence[InputErrors], bounds: Bounds, reads: int
) -> OutputErrors:
    """Rearrange the errors like the entries; constants are rounded to the nearest float32."""
    off = op.run([x.off for x in before], fill=False)
    rounded = np.abs(op.fill - np.float32(op.fill).astype(np.float64))
    local = np.where(op.index < 0, rounded, 0.0) + gamma(op.terms + reads + 16) * off
    return OutputErrors(
        np.broadcast_to(local, off.shape), off + local, sums=rearrange_sums(op, before)
    )


def largest(op: Largest, before: Sequence[InputErrors], bounds: Bounds, reads: int) -> OutputErrors:
    """Bound the error of a maximum by the largest error of the entries that can be the maximum.

    If a window has only one such entry, that entry's error is passed on by a line.
    """
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
    return OutputErrors(local, off + lost, lines)


def product(op: Product, before: Sequence[InputErrors], bounds: Bounds, reads: int) -> OutputErrors:
    """Bound `(u + du) (v + dv) - u v`, expanded around the midpoints of `u` and `v`."""
    parts = []
    for x, index in zip(before, (op.left, op.right), strict=True):
        lo, hi, off = x.lo[:, index], x.hi[:, index], x.off[:, index]
        middle = 0.5 * lo + 0.5 * hi
        middle = np.where(np.isfinite(middle), middle, 0.0)
        radius = np.maximum(hi - middle, middle - lo) * (1.0 + 2.0**-50)
        parts.append((middle, radius, off, x.size[:, index]))
    (um, ur, ue, us), (vm, vr, ve, vs) = parts
    size = times(us, vs)
    extra = gamma_of(EXTRA_TERMS, FLOAT32)
    local = extra * size + TINY * (1.0 + us + vs)
    is_exact = before[0].whole[op.left] & before[1].whole[op.right] & (ue == 0) & (ve == 0)
    local = np.where(is_exact & (size < FLOAT32.whole), 0.0, local)
    local = np.where(size < MOST, local, np.inf)
    rest = times(ur, ve) + times(vr, ue) + times(ue, ve)
    rest = rest + gamma(op.terms + reads + 16) * (times(np.abs(um), ve) + times(np.abs(vm), ue))
    off = times(us, ve) + times(vs, ue) + local
    straight = np.isfinite(rest)
    local = np.where(straight, local + rest, np.inf)
    zero = np.zeros((2, *rest.shape))
    both = (np.where(straight, m, 0.0) for m in (vm, um))
    left, right = (np.stack([m, m]) for m in both)
    # A later factor may be multiplied into either side.
    sums = replace(Sums.of(size), widest=np.maximum(us, vs))
    return OutputErrors(local, off, ProductRelaxation(left, right, zero, None, zero), sums=sums)


RULES: Mapping[type, Callable[..., OutputErrors]] = MappingProxyType({
    Affine: affine, Rearrange: rearrange, Curve: curve, Step: curve, Largest: largest,
    Product: product,
})  # fmt: skip
