"""Rules for ATen operations that are linear in one tensor; their weights are computed by PyTorch.

Interpolation, average pooling in ceil mode, and `fold` (sums of overlapping blocks) are linear.
PyTorch itself runs each of them on images that are 0 except for a single 1. So no second definition
of their windows is needed. Each weight results from a few sums and products. The weights of an
interpolation follow from positions, which PyTorch computes in the type of the tensor: in float32, a
position of 200 may be off by 1e-5. The model uses these inexact weights, so interpolations run in
this type. All others run in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ....core import UnsupportedError
from ....graph import Operand, Value
from ...rule_table import rule_decorator
from ...traced.call import TracedCall


RULES: dict[str, Callable[[TracedCall], Any]] = {}
rule = rule_decorator(RULES)

MOST_WEIGHTS = 2**23
"""Maximum number of entries of the weight matrix of one operation."""

_ULPS = 8
"""Bound on the rounding errors of a weight, in units in the last place. A weight is computed from
two to four quotients and products, each of a rounded position."""

_RESIZING = [
    f"{kind}.{overload}"
    for kind in (
        "upsample_linear1d",
        "upsample_bilinear2d",
        "upsample_trilinear3d",
        "_upsample_bilinear2d_aa",
        "_upsample_bicubic2d_aa",
    )
    for overload in ("vec", "default")
]


@rule(*_RESIZING)
def each_plane(c: TracedCall) -> Operand:
    """Lower an operation that applies the same linear map to each channel."""
    shape = tuple(c.x.shape)
    rank = 1 if "1d" in c.kind else 3 if "3d" in c.kind else 2
    planes, spatial = shape[: len(shape) - rank], shape[len(shape) - rank :]
    windows, weights, out = _weights(c, spatial, channel=True, is_resizing=c.kind in _RESIZING)
    count, n = int(np.prod(planes)), int(np.prod(spatial))
    offsets = np.arange(count)[:, None, None] * n
    windows = np.where(windows < 0, -1, windows + offsets).reshape(-1, windows.shape[-1])
    weights = np.tile(weights, (count, 1))
    return c.b.gather_sum(c.x, windows, weights, (*planes, *out), name="linear", ulps=_ULPS)


@rule("col2im.default")
def each_row(c: TracedCall) -> Operand:
    """Lower an operation that is linear in the entries of a batch of one row.

    Raises:
        UnsupportedError: The batch has several rows.
    """
    if c.x.shape[0] != 1:
        raise UnsupportedError(f"{c.kind} of a batch with more than one row is not supported")
    windows, weights, out = _weights(c, tuple(c.x.shape[1:]), channel=False)
    return c.b.gather_sum(c.x, windows, weights, (1, *out), name="linear", ulps=_ULPS)


def _weights(
    c: TracedCall, shape: tuple[int, ...], *, channel: bool, is_resizing: bool = False
) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Compute the weights of a linear operation by running it on unit tensors.

    Args:
        shape: Shape of the tensor that the operation maps, without batch and channel axes.
        channel: Whether the unit tensors need a channel axis after the batch axis.
        is_resizing: Whether the operation runs in the type of the tensor instead of float64.

    Returns:
        The entries that each result reads, padded with -1; their weights, padded with 0; and the
        shape of the results.
    """
    if any(isinstance(x, Value) for x in c.inputs[1:]):
        raise UnsupportedError(f"{c.kind} with arguments that depend on the input is not supported")
    n, lead = int(np.prod(shape)), (1,) if channel else ()
    # Integers in place of real numbers run in float64.
    dtype = np.float64 if is_resizing else np.int64
    at_zero = c.step.run(np.zeros((1, *lead, *shape), dtype), *c.inputs[1:])[0]
    if at_zero.any():
        raise UnsupportedError(
            f"{c.kind} that is not linear (its result for zeros is not zero) is not supported"
        )
    if n * at_zero.size > MOST_WEIGHTS:
        raise UnsupportedError(
            f"{c.kind} from {n} to {at_zero.size} entries is not supported, because it needs more "
            f"than {MOST_WEIGHTS} weights"
        )
    units = np.eye(n, dtype=dtype).reshape(n, *lead, *shape)
    matrix = c.step.run(units, *c.inputs[1:])[0].reshape(n, -1).T
    order = np.argsort(matrix == 0.0, axis=1, kind="stable")
    terms = max(int((matrix != 0.0).sum(axis=1).max(initial=1)), 1)
    weights = np.take_along_axis(matrix, order[:, :terms], axis=1)
    windows = np.where(weights == 0.0, -1, order[:, :terms])
    return windows, weights, tuple(at_zero.shape[1 + len(lead) :])
