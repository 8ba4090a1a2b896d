"""Rules for Keras layers over images: convolutions, pools, padding, cropping and upsampling."""

import math
from collections.abc import Callable

from flint import fmpq

from ...network import Refused
from ..tensors import Tensor, size
from ..windows import Windows, convolve, pools, same
from .layer import Layer, Rule
from .rules import activated, only


def _first(layer: Layer, x: Tensor, rank: int) -> tuple[Tensor, bool]:
    """Return the image with channels first, and whether it already had channels first."""
    if len(x.shape) != rank + 1:
        raise Refused(f"shape {x.shape} is not that of an image with {rank} axes and channels")
    if layer.word("data_format", ("channels_last", "channels_first")) == "channels_first":
        return x, True
    return x.transposed([rank, *range(rank)]), False


def _back(x: Tensor, first: bool) -> Tensor:
    return x if first else x.transposed([*range(1, len(x.shape)), 0])


def _windows(layer: Layer, x: Tensor, kernel: list[int], strides: list[int]) -> Windows:
    """Return the windows of a layer over an image with channels first."""
    spatial = list(x.shape[1:])
    rank = len(spatial)
    dilation = layer.wholes("dilation_rate", rank, 1)
    padding = layer.word("padding", ("valid", "same", "causal"))
    before, after = [0] * rank, [0] * rank
    if padding == "causal":
        if rank != 1 or layer.kind != "Conv1D":
            raise Refused("causal padding is supported for Conv1D only")
        before = [(kernel[0] - 1) * dilation[0]]
    elif padding == "same":
        before, after = same(spatial, kernel, strides, dilation)
    return Windows(spatial, kernel, strides, dilation, before, after)


def _convolution(rank: int, depthwise: bool) -> Rule:
    def of(layer: Layer, given: list[Tensor]) -> Tensor:
        x, first = _first(layer, only(given), rank)
        kernel, strides = layer.wholes("kernel_size", rank), layer.wholes("strides", rank, 1)
        channels = x.shape[0]
        windows = _windows(layer, x, kernel, strides)
        if depthwise:
            each, groups = layer.whole("depth_multiplier", 1), channels
            shape, out = (*kernel, channels, each), channels * each
        else:
            out, groups = layer.whole("filters"), layer.whole("groups", 1)
            if groups < 1 or channels % groups:
                raise Refused(f"{groups} groups do not divide {channels} channels")
            shape = (*kernel, channels // groups, out)
        if min(out, channels) < 1:
            raise Refused("the layer has no input channels, or no output channels")
        shapes = [shape, (out,)] if layer.flag("use_bias", True) else [shape]
        stored, *bias = layer.stored(*shapes)
        if depthwise:
            numbers = stored.transposed([rank, rank + 1, *range(rank)])
            numbers = numbers.reshaped((out, 1, *kernel))
        else:
            numbers = stored.transposed([rank + 1, rank, *range(rank)])
        found = convolve(layer.maker, x, numbers, windows, groups)
        if bias:
            found = layer.maker.plus(found, bias[0].reshaped((out, *(1,) * rank)))
        return activated(layer, _back(found, first))

    return of


def _pool(rank: int, mean: bool) -> Rule:
    def of(layer: Layer, given: list[Tensor]) -> Tensor:
        x, first = _first(layer, only(given), rank)
        kernel = layer.wholes("pool_size", rank)
        plain = layer.get("strides") is None
        strides = kernel if plain else layer.wholes("strides", rank)
        windows = _windows(layer, x, kernel, strides)
        shape, groups = (x.shape[0], *windows.sizes), pools(layer.maker, x, windows)
        rule = layer.maker.mean if mean else layer.maker.most
        return _back(rule(x, groups, shape), first)

    return of


def _whole(rank: int, mean: bool) -> Rule:
    def of(layer: Layer, given: list[Tensor]) -> Tensor:
        x, first = _first(layer, only(given), rank)
        step = math.prod(x.shape[1:])
        groups = [list(range(i * step, (i + 1) * step)) for i in range(x.shape[0])]
        rule = layer.maker.mean if mean else layer.maker.most
        found = rule(x, groups, (x.shape[0],))
        if not layer.flag("keepdims", False):
            return found
        return _back(found.reshaped((x.shape[0], *(1,) * rank)), first)

    return of


Move = Callable[[int, int, int], list[int]]


def _moved(rank: int, key: str, move: Move) -> Rule:
    """Return the rule of a layer that selects entries along each axis.

    The function `move` computes the indices from the axis's length and its pair in the argument
    `key`.
    """

    def of(layer: Layer, given: list[Tensor]) -> Tensor:
        x, first = _first(layer, only(given), rank)
        pairs = layer.pairs(key, rank)
        lists = [move(n, *pair) for n, pair in zip(x.shape[1:], pairs, strict=True)]
        found = x.picked([list(range(x.shape[0])), *lists], fmpq(0) if x.constant else {})
        return _back(found, first)

    return of


def _padded(n: int, before: int, after: int) -> list[int]:
    return [i if 0 <= i < n else -1 for i in range(-before, n + after)]


def _cropped(n: int, before: int, after: int) -> list[int]:
    if before + after >= n:
        raise Refused(f"cropping removes a whole axis of length {n}")
    return list(range(before, n - after))


def _repeated(rank: int) -> Rule:
    def of(layer: Layer, given: list[Tensor]) -> Tensor:
        x, first = _first(layer, only(given), rank)
        layer.word("interpolation", ("nearest",))
        times = layer.wholes("size", rank)
        if min(times) < 1:
            raise Refused("`size` is not positive")
        size((x.shape[0], *(n * t for n, t in zip(x.shape[1:], times, strict=True))))
        lists = [
            [i for i in range(n) for _ in range(t)] for n, t in zip(x.shape[1:], times, strict=True)
        ]
        return _back(x.picked([list(range(x.shape[0])), *lists]), first)

    return of


RULES: dict[str, Rule] = {
    f"{name}{rank}D": rule
    for rank in (1, 2)
    for name, rule in (
        ("Conv", _convolution(rank, False)),
        ("DepthwiseConv", _convolution(rank, True)),
        ("MaxPooling", _pool(rank, False)),
        ("AveragePooling", _pool(rank, True)),
        ("GlobalMaxPooling", _whole(rank, False)),
        ("GlobalAveragePooling", _whole(rank, True)),
        ("ZeroPadding", _moved(rank, "padding", _padded)),
        ("Cropping", _moved(rank, "cropping", _cropped)),
        ("UpSampling", _repeated(rank)),
    )
}
