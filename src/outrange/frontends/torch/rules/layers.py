"""Rules for ATen operations that are whole layers: convolutions, pooling, normalization."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ....core import UnsupportedError
from ....graph import Operand, Value, convolve, convolve_transposed
from ....graph.composites.normalization import standardize
from ...rule_table import rule_decorator
from ...traced.call import TracedCall
from ...traced.rules import pool, windows
from .arguments import get, number
from .linear import each_plane


RULES: dict[str, Callable[[TracedCall], Any]] = {}
rule = rule_decorator(RULES)


@rule("_native_batch_norm_legit_no_training.default")
def _batch_norm(c: TracedCall) -> list[Operand]:
    mean, variance = (np.asarray(get(c, n), float) for n in ("running_mean", "running_var"))
    factor = 1.0 / np.sqrt(variance + number(c, "eps", 1e-5))
    weight, bias = get(c, "weight"), get(c, "bias")
    factor = factor if weight is None else factor * np.asarray(weight, float)
    shift = np.zeros_like(mean) if bias is None else np.asarray(bias, float)
    shape = (1, -1, *(1,) * (len(c.x.shape) - 2))
    centered = c.b.affine_map(c.x, 1.0, -mean.reshape(shape))
    y = c.b.affine_map(centered, factor.reshape(shape), shift.reshape(shape), ulps=4)
    return [y]


@rule("_native_batch_norm_legit.no_stats")
def _batch_statistics(c: TracedCall) -> list[Operand]:
    """Normalize each channel of one row, as an instance norm does on a batch of one."""
    axes = [i for i in range(len(c.x.shape)) if i != 1]
    y = standardize(c.b, c.x, axes, number(c, "eps", 1e-5))
    return [_scale_and_shift(c, y, (1, -1, *(1,) * (len(c.x.shape) - 2)))]


@rule("native_layer_norm.default")
def _layer_norm(c: TracedCall) -> list[Operand]:
    shape = tuple(get(c, "normalized_shape"))
    axes = list(range(len(c.x.shape) - len(shape), len(c.x.shape)))
    y = standardize(c.b, c.x, axes, number(c, "eps", 1e-5))
    return [_scale_and_shift(c, y, shape)]


@rule("native_group_norm.default")
def _group_norm(c: TracedCall) -> list[Operand]:
    grouped = c.b.reshape(c.x, (c.x.shape[0], int(get(c, "group")), -1))
    y = c.b.reshape(standardize(c.b, grouped, [2], number(c, "eps", 1e-5)), c.x.shape)
    return [_scale_and_shift(c, y, (1, -1, *(1,) * (len(c.x.shape) - 2)))]


def _scale_and_shift(c: TracedCall, y: Operand, shape: tuple[int, ...]) -> Operand:
    """Multiply by the weight of a normalization and add its bias, where present."""
    weight, bias = get(c, "weight"), get(c, "bias")
    if isinstance(weight, Value) or isinstance(bias, Value):
        raise UnsupportedError(
            "normalization with weights that depend on the input is not supported"
        )
    factor = np.ones(()) if weight is None else np.asarray(weight, float).reshape(shape)
    shift = np.zeros(()) if bias is None else np.asarray(bias, float).reshape(shape)
    return c.b.affine_map(y, factor, shift)


@rule("convolution.default")
def _convolve(c: TracedCall) -> Operand:
    kernel, bias = get(c, "weight"), get(c, "bias")
    if isinstance(kernel, Value) or isinstance(bias, Value):
        raise UnsupportedError(
            "a convolution with an input-dependent kernel or bias is not supported"
        )
    strides, dilation, pads = (list(get(c, n)) for n in ("stride", "dilation", "padding"))
    rank = kernel.ndim - 2
    strides, dilation, pads = (v * rank if len(v) == 1 else v for v in (strides, dilation, pads))
    groups = int(get(c, "groups", 1))
    move = (*range(2, kernel.ndim), 1, 0)
    if not get(c, "transposed"):
        return convolve(
            c.b,
            c.x,
            kernel.transpose(move),
            bias,
            strides=strides,
            dilation=dilation,
            padding=[(p, p) for p in pads],
            groups=groups,
            channels_first=True,
        )
    extra = list(get(c, "output_padding"))
    extra = extra * rank if len(extra) == 1 else extra
    sizes = [
        (n - 1) * s - 2 * p + (k - 1) * d + 1 + e
        for n, s, p, k, d, e in zip(
            c.x.shape[2:], strides, pads, kernel.shape[2:], dilation, extra, strict=True
        )
    ]
    return convolve_transposed(
        c.b,
        c.x,
        kernel.transpose(move),
        bias,
        outputs=sizes,
        strides=strides,
        dilation=dilation,
        before=pads,
        groups=groups,
        channels_first=True,
    )


def _window(c: TracedCall, size: list[int]) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return the flat positions in each window over the spatial axes, and the result's shape.

    A position outside the image is -1.
    """
    rank, lead = len(size), len(c.x.shape) - len(size)

    def each(name: str, default: list[int]) -> list[int]:
        values = list(get(c, name) or default)
        return values * rank if len(values) == 1 else values

    strides, pads = each("stride", size), each("padding", [0])
    dilation = each("dilation", [1])
    ends = list(pads)
    if get(c, "ceil_mode"):
        for i, (n, k, s, d, p) in enumerate(
            zip(c.x.shape[lead:], size, strides, dilation, pads, strict=True)
        ):
            steps = -(-(n + 2 * p - (k - 1) * d - 1) // s)
            steps -= steps * s >= n + p  # a window must start inside, or in the leading padding
            ends[i] = max(steps * s + (k - 1) * d + 1 - n - p, p)
    return windows(
        c.x.shape,
        [1] * lead + size,
        [1] * lead + strides,
        [1] * lead + dilation,
        [(0, 0)] * lead + list(zip(pads, ends, strict=True)),
    )


def _size(c: TracedCall) -> list[int]:
    size, rank = list(get(c, "kernel_size")), int(c.kind.split("pool")[1][0])
    return size * rank if len(size) == 1 else size


@rule("max_pool2d_with_indices.default", "max_pool3d_with_indices.default")
def _max_pool(c: TracedCall) -> list[Operand]:
    gather, shape = _window(c, _size(c))
    return [pool(c, "max", c.x, gather, shape)]


@rule("avg_pool1d.default", "avg_pool2d.default", "avg_pool3d.default")
def _avg_pool(c: TracedCall) -> Operand:
    size = _size(c)
    if get(c, "ceil_mode"):
        return each_plane(c)
    gather, shape = _window(c, size)
    if get(c, "divisor_override") is None and not get(c, "count_include_pad", True):
        return pool(c, "mean", c.x, gather, shape)
    divisor = get(c, "divisor_override") or int(np.prod(size))
    return c.b.gather_sum(c.x, gather, 1.0 / divisor, shape, name="average_pool", ulps=1)


@rule("_adaptive_avg_pool2d.default", "_adaptive_avg_pool3d.default", "adaptive_avg_pool1d.default")
def _adaptive_mean(c: TracedCall) -> Operand:
    gather, shape = _adaptive_windows(c)
    return pool(c, "mean", c.x, gather, shape)


@rule("adaptive_max_pool1d.default", "adaptive_max_pool2d.default", "adaptive_max_pool3d.default")
def _adaptive_max(c: TracedCall) -> list[Operand]:
    gather, shape = _adaptive_windows(c)
    return [pool(c, "max", c.x, gather, shape)]


def _adaptive_windows(c: TracedCall) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return the flat positions in each window, padded with -1, and the shape of the result."""
    sizes, shape = list(get(c, "output_size")), tuple(c.x.shape)
    positions = np.arange(c.x.size).reshape(shape)
    lead = len(shape) - len(sizes)
    parts = [
        [slice(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]
        for n, m in zip(shape[lead:], sizes, strict=True)
    ]
    rows = []
    for index in np.ndindex(*shape[:lead], *sizes):
        key = (*index[:lead], *(p[i] for p, i in zip(parts, index[lead:], strict=True)))
        rows.append(positions[key].ravel())
    width = max(len(r) for r in rows)
    gather = np.full((len(rows), width), -1)
    for row, place in zip(rows, gather, strict=True):
        place[: len(row)] = row
    return gather, (*shape[:lead], *sizes)
