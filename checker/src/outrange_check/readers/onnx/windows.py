"""Rules for ONNX operators that slide windows over images: convolutions and pools."""

import math
from collections.abc import Callable

from ...network import Refused
from ..tensors import Tensor, size
from ..windows import Windows, convolve, pools, same
from .call import Call, Rule


def _windows(c: Call, kernel: list[int]) -> Windows:
    """Return the windows that attributes describe over images `(batch, channels, *spatial)`."""
    spatial = list(c.x.shape[2:])
    rank = len(spatial)
    if rank not in (1, 2) or len(kernel) != rank:
        raise Refused(f"a kernel {kernel} over shape {c.x.shape} is not supported")
    strides = c.wholes("strides", None) or [1] * rank
    dilation = c.wholes("dilations", None) or [1] * rank
    pads, auto = c.wholes("pads", None), c.word("auto_pad", "NOTSET")
    if not len(strides) == len(dilation) == rank:
        raise Refused("`strides` or `dilations` do not have one number per axis of the image")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        before, after = same(spatial, kernel, strides, dilation, auto == "SAME_UPPER")
        if pads and any(pads):
            raise Refused("both `pads` and `auto_pad` are stated")
        if c.node.op != "Conv" and max(dilation) > 1:  # onnxruntime pads as if there were none
            raise Refused("`auto_pad` of a pool with `dilations` is not supported")
    elif auto in ("NOTSET", "VALID"):
        pads = [0] * 2 * rank if pads is None else pads
        if len(pads) != 2 * rank or (auto == "VALID" and any(pads)):
            raise Refused("`pads` do not fit the image, or contradict `auto_pad`")
        before, after = pads[:rank], pads[rank:]
    else:
        raise Refused(f"`auto_pad` {auto!r} is not supported")
    up = c.whole("ceil_mode", 0) if c.node.op != "Conv" else 0
    return Windows(spatial, kernel, strides, dilation, before, after, bool(up))


def _images(c: Call, rule: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply a rule to each image of a batch."""
    shape, items = c.x.shape, c.x.forms()
    step, found = math.prod(shape[1:]), []
    inner: tuple[int, ...] = ()
    for i in range(shape[0]):
        one = rule(Tensor(shape[1:], items[i * step : (i + 1) * step]))
        inner, found = one.shape, found + one.items
    if not found:
        raise Refused("a batch without images is not supported")
    return Tensor((shape[0], *inner), found)


def _conv(c: Call) -> Tensor:
    c.most_inputs(3)
    kernel, bias = c.input(1), c.option(2)
    if len(kernel.shape) != len(c.x.shape) or len(kernel.shape) < 3:
        raise Refused(f"a kernel of shape {kernel.shape} does not fit shape {c.x.shape}")
    stated = c.wholes("kernel_shape", None)
    if stated and tuple(stated) != kernel.shape[2:]:
        raise Refused(f"`kernel_shape` {stated} does not match the kernel of shape {kernel.shape}")
    windows, groups = _windows(c, list(kernel.shape[2:])), c.whole("group", 1)
    found = _images(c, lambda image: convolve(c.maker, image, kernel, windows, groups))
    if bias is None:
        return found
    if bias.shape != (kernel.shape[0],):
        raise Refused(f"a bias of shape {bias.shape} does not fit the kernel")
    return c.maker.plus(found, bias.reshaped((*bias.shape, *(1 for _ in windows.spatial))))


def _kernel(c: Call) -> list[int]:
    found = c.wholes("kernel_shape", None)
    if not found:
        raise Refused("`kernel_shape` is not stated")
    return found


def _average(c: Call) -> Tensor:
    c.most_inputs(1)
    windows, padded = _windows(c, _kernel(c)), c.whole("count_include_pad", 0)
    if padded and windows.round_up:
        raise Refused("`ceil_mode` with `count_include_pad` is not supported")
    over = math.prod(windows.kernel) if padded else 0

    def rule(image: Tensor) -> Tensor:
        shape = (image.shape[0], *windows.sizes)
        return c.maker.mean(image, pools(c.maker, image, windows), shape, over)

    return _images(c, rule)


def _most(c: Call) -> Tensor:
    c.most_inputs(1)
    c.fixed("storage_order", 0)
    windows = _windows(c, _kernel(c))

    def rule(image: Tensor) -> Tensor:
        shape = (image.shape[0], *windows.sizes)
        return c.maker.most(image, pools(c.maker, image, windows), shape)

    return _images(c, rule)


def _whole(c: Call) -> Tensor:
    """Return the mean of each channel of each image."""
    c.most_inputs(1)
    shape = c.x.shape
    if len(shape) < 3:
        raise Refused(f"shape {shape} is not that of an image")
    step = math.prod(shape[2:])
    count = size(shape[:2])
    groups = [list(range(i * step, (i + 1) * step)) for i in range(count)]
    return c.maker.mean(c.x, groups, (*shape[:2], *(1 for _ in shape[2:])))


RULES: dict[str, Rule] = {
    "Conv": _conv,
    "AveragePool": _average,
    "MaxPool": _most,
    "GlobalAveragePool": _whole,
}
