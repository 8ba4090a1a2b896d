"""Lowering rules for convolutions and transposed convolutions."""

import numpy as np

from ....graph import Operand
from ....graph.composites.convolution import convolve, convolve_transposed
from ..element_types import FLOATS
from .table import OnnxCall, op
from .windows import pads


@op("Conv", types="T T T -> T", T=FLOATS)
def conv(c: OnnxCall) -> Operand:
    return convolve_constant(c, c.x, c.constant(1, "kernel"), c.option(2, "bias"))


def convolve_constant(
    c: OnnxCall, x: Operand, kernel: np.ndarray, bias: np.ndarray | None
) -> Operand:
    """Convolve `x` with a constant kernel; the node's attributes state strides and padding."""
    rank = kernel.ndim - 2
    strides, dilation, groups = _options(c, kernel)
    spatial = tuple(x.shape[2:])
    begins, ends = pads(c, spatial, kernel.shape[2:], strides, dilation)
    padded = [n + a + b for n, a, b in zip(spatial, begins, ends, strict=True)]
    c.limit([*padded, *kernel.shape[:2]])
    return convolve(
        c.b,
        x,
        # ONNX: (out, in / groups, *spatial).
        np.moveaxis(kernel, (1, 0), (rank, rank + 1)),
        bias,
        strides=strides,
        dilation=dilation,
        padding=list(zip(begins, ends, strict=True)),
        groups=groups,
        channels_first=True,
    )


@op("ConvTranspose", types="T T T -> T", T=FLOATS)
def conv_transpose(c: OnnxCall) -> Operand:
    kernel = c.constant(1, "kernel")
    bias = c.option(2, "bias")
    rank = kernel.ndim - 2
    strides, dilation, groups = _options(c, kernel)
    extra = [int(n) for n in c.attr("output_padding") or [0] * rank]
    spatial = tuple(c.x.shape[2:])
    targets = c.attr("output_shape")
    full = [
        (n - 1) * s + (k - 1) * d + 1
        for n, k, s, d in zip(spatial, kernel.shape[2:], strides, dilation, strict=True)
    ]
    auto = c.attr("auto_pad", "NOTSET")
    stated = [int(n) for n in c.attr("pads") or [0] * 2 * rank]
    if auto == "VALID":
        stated = [0] * 2 * rank
    if targets is None and auto in ("SAME_UPPER", "SAME_LOWER"):
        targets = [n * s for n, s in zip(spatial, strides, strict=True)]
    if targets is not None:
        outputs = [int(n) for n in targets][-rank:]
        total = [w + e - n for w, e, n in zip(full, extra, outputs, strict=True)]
        if min(total) < 0:
            # Runtimes disagree about where such an output starts and how long it is.
            raise c.refuse(
                f"the output size {outputs}, from `output_shape` or `auto_pad`, exceeds the "
                "area that the kernel covers"
            )
        # Like the operator's own formula, the odd entry is in front unless SAME_UPPER.
        before = [t // 2 if auto == "SAME_UPPER" else t - t // 2 for t in total]
    else:
        before = stated[:rank]
        outputs = [
            w + e - a - b for w, e, a, b in zip(full, extra, before, stated[rank:], strict=True)
        ]
    c.limit([*(max(n, 0) for n in outputs), kernel.shape[1] * groups])
    return convolve_transposed(
        c.b,
        c.x,
        _transposed_kernel(kernel, groups),
        bias,
        outputs=outputs,
        strides=strides,
        dilation=dilation,
        before=before,
        groups=groups,
        channels_first=True,
    )


def _transposed_kernel(kernel: np.ndarray, groups: int) -> np.ndarray:
    """Reorder the axes of a kernel from `(in, out / groups, *spatial)` to channels last.

    The result, `(*spatial, out / groups, in)`, is the kernel of the convolution to transpose.
    """
    rank = kernel.ndim - 2
    return np.moveaxis(kernel, (1, 0), (rank, rank + 1))


def _options(c: OnnxCall, kernel: np.ndarray) -> tuple[list[int], list[int], int]:
    """Return strides, dilation and groups, after checking the kernel against its stated shape."""
    rank = kernel.ndim - 2
    shape = c.attr("kernel_shape")
    if rank < 1 or len(c.x.shape) != rank + 2 or (shape and tuple(shape) != kernel.shape[2:]):
        raise c.refuse(
            f"the kernel of shape {kernel.shape} does not fit the convolution's input of shape "
            f"{tuple(c.x.shape)}"
        )
    strides = [int(n) for n in c.attr("strides") or [1] * rank]
    dilation = [int(n) for n in c.attr("dilations") or [1] * rank]
    if len(strides) != rank or len(dilation) != rank or min((*strides, *dilation)) < 1:
        raise c.refuse(
            f"the strides {strides} and the dilations {dilation} must be integers >= 1, one "
            "per spatial axis of the kernel"
        )
    return strides, dilation, int(c.attr("group", 1))
