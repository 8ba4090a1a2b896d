"""Lowering rules for resizing, by nearest entries and by linear interpolation."""

import math
from fractions import Fraction

import numpy as np

from ....graph import Operand
from ....graph.composites.resize import Weights, check_along, linear_weights, resample
from ..element_types import EVERY, FLOATS
from .table import OnnxCall, op


@op("Upsample", types="T float32 -> T", T=EVERY, chooses=True)
def upsample(c: OnnxCall) -> Operand:
    scale_values = c.option(1, "scales") if c.opset >= 9 else c.attr("scales")
    mode = c.attr("mode", "nearest")
    if scale_values is None or mode not in ("nearest", "linear", "bilinear"):
        raise c.refuse(
            f"the attribute `mode` = {mode!r} must be 'nearest' or 'linear', and the scales "
            f"must be stated; they are {scale_values}"
        )
    _check_float(c, mode)
    stated = np.ravel(scale_values)
    scales = [_ratio(s) for s in stated]
    sizes = [math.floor(n * s) for n, s in zip(c.x.shape, scales, strict=True)]
    check_along(c.limit(sizes), c.where)
    if mode != "nearest":
        scales = [Fraction(float(s)) for s in stated]
    along = {}
    for axis, (n, m, scale) in enumerate(zip(c.x.shape, sizes, scales, strict=True)):
        if scale == 1 and n == m:
            continue
        at = [Fraction(i) / scale for i in range(m)]
        along[axis] = _nearest(at, n, "floor") if mode == "nearest" else _linear(at, n)
    return resample(c.b, c.x, along)


@op("Resize", types="T U float32 int64 -> T", T=EVERY, U=FLOATS | {"float16"}, chooses=True)
def resize(c: OnnxCall) -> Operand:
    if c.opset < 11:
        return upsample(c)
    shape = tuple(c.x.shape)
    c.option(1, "roi")  # used only by one transformation, which is not supported
    mode = c.attr("mode", "nearest")
    how = c.attr("coordinate_transformation_mode", "half_pixel")
    rounding = c.attr("nearest_mode", "round_prefer_floor")
    c.attr("cubic_coeff_a")
    c.attr("extrapolation_value")
    for name in ("antialias", "exclude_outside"):
        if c.attr(name, 0):
            raise c.refuse(f"the attribute `{name}` must be 0")
    if c.attr("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise c.refuse("the attribute `keep_aspect_ratio_policy` must be 'stretch'")
    if mode not in ("nearest", "linear"):
        raise c.refuse(f"the attribute `mode` = {mode!r} is not supported")
    _check_float(c, mode)
    axes = c.attr("axes") or range(len(shape))
    axes = [int(a) % len(shape) for a in axes]
    scales, sizes = c.option(2, "scales"), c.ints(3, "sizes")
    if sizes:
        ratios = [Fraction(m, shape[a]) for a, m in zip(axes, sizes, strict=True)]
    else:
        stated = np.ravel([] if scales is None else scales)
        ratios = [_ratio(s) for s in stated]
        sizes = [math.floor(shape[a] * s) for a, s in zip(axes, ratios, strict=True)]
        if mode != "nearest":
            ratios = [Fraction(float(s)) for s in stated]
    check_along(c.limit(sizes), c.where)
    along = {}
    for axis, m, ratio in zip(axes, sizes, ratios, strict=True):
        n = shape[axis]
        if m == n and ratio == 1:
            continue
        at = _positions(c, how, n, m, ratio)
        along[axis] = _nearest(at, n, rounding) if mode == "nearest" else _linear(at, n)
    c.limit([along[a][0].shape[0] if a in along else n for a, n in enumerate(shape)])
    return resample(c.b, c.x, along)


def _check_float(c: OnnxCall, mode: str) -> None:
    """Raise if values to be interpolated do not have a float type."""
    if mode != "nearest" and c.kinds[0] not in FLOATS:
        raise c.refuse_kind(
            str(c.kinds[0]),
            "values of this type cannot be interpolated with the attribute `mode` = "
            f"{mode!r}; cast them to float32 before this node",
        )


def _ratio(scale: float) -> Fraction:
    """Return a simple fraction that is `scale` when rounded to float32, or the exact `scale`.

    Sizes and nearest entries are discontinuous in the scale. A runtime computes them in float32,
    where 10 times the number nearest to 0.7 is exactly 7. Linear weights are continuous, so they
    use the exact value.
    """
    exact = Fraction(float(scale))
    near = exact.limit_denominator(4096)
    return near if np.float32(float(near)) == np.float32(float(exact)) else exact


def _positions(c: OnnxCall, how: str, n: int, m: int, scale: Fraction) -> list[Fraction]:
    """Return the position, which may be fractional, of each of `m` results among `n` entries."""
    half = Fraction(1, 2)
    if how == "asymmetric":
        return [Fraction(i) / scale for i in range(m)]
    if how == "align_corners":
        return [Fraction(i * (n - 1), m - 1) if m > 1 else Fraction(0) for i in range(m)]
    if how == "half_pixel" or (how == "pytorch_half_pixel" and m > 1):
        return [(i + half) / scale - half for i in range(m)]
    if how == "pytorch_half_pixel":
        return [Fraction(0)]
    raise c.refuse(f"the attribute `coordinate_transformation_mode` = {how!r} is not supported")


def _nearest(at: list[Fraction], n: int, rounding: str) -> Weights:
    half = Fraction(1, 2)
    pick = {
        "floor": math.floor,
        "ceil": math.ceil,
        "round_prefer_floor": lambda v: math.ceil(v - half),
        "round_prefer_ceil": lambda v: math.floor(v + half),
    }[rounding]
    index = np.array([min(max(pick(v), 0), n - 1) for v in at])[:, None]
    return index, np.ones(index.shape)


def _linear(at: list[Fraction], n: int) -> Weights:
    """Return weights that interpolate between neighbors, with positions clamped to the border."""
    inside = [min(max(v, Fraction(0)), Fraction(n - 1)) for v in at]
    return linear_weights(inside, n, Fraction(1))
