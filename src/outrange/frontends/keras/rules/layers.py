"""Rules for batch normalization, and for several layers that call the backend directly."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ....core import UnsupportedError
from ....graph import Operand
from ....graph.composites import logic
from ...rule_table import rule_decorator
from ..lower.call import KerasCall, array, is_value, round_to_float32
from ..refuse import MOVING
from .resizing import resized_crop


RULES: dict[str, Callable] = {}
rule = rule_decorator(RULES)


@rule("BatchNorm")
def _batch_norm(c: KerasCall) -> Operand:
    mean, variance = array(c.operand(1, "mean")), array(c.operand(2, "variance"))
    offset, scale = c.constant(3, "offset"), c.constant(4, "scale")
    epsilon = round_to_float32(c.config["epsilon"])
    if not (variance + epsilon > 0).all():
        raise UnsupportedError(
            f"a variance below -epsilon has no square root (the smallest is {variance.min():g})"
        )
    factor = 1.0 / np.sqrt(variance + epsilon)
    if scale is not None:
        factor = factor * scale
    shift = np.zeros_like(factor) if offset is None else offset
    shape = [1] * len(c.x.shape)
    shape[c.config["axis"]] = -1
    name = "batch_normalization"
    centered = c.builder.affine_map(c.x, 1.0, -mean.reshape(shape), name=name)
    # The factor costs a sum, a root, a quotient and a product, half an ulp each.
    return c.builder.affine_map(
        centered, factor.reshape(shape), shift.reshape(shape), name=name, ulps=4
    )


def _weight(c: KerasCall, variable: Any) -> np.ndarray:
    return np.asarray(c.keras.ops.convert_to_numpy(variable), np.float64)


@rule("Rescaling")
def _rescaling(c: KerasCall) -> Operand:
    scale, offset = (
        np.asarray(np.asarray(part, np.float32), np.float64) for part in (c.op.scale, c.op.offset)
    )
    if scale.ndim and c.keras.config.image_data_format() == "channels_first":
        scale = scale.reshape(scale.shape + (1,) * (3 - scale.ndim))
    return c.builder.affine_map(c.x, scale, offset, name="rescaling")


@rule("Normalization")
def _normalization(c: KerasCall) -> Operand:
    mean, variance = _weight(c, c.op.mean), _weight(c, c.op.variance)
    spread = np.maximum(np.sqrt(variance), round_to_float32(c.keras.config.epsilon()))
    if c.op.invert:
        return c.builder.affine_map(c.x, spread, mean, name="normalization", ulps=2)
    centered = c.builder.affine_map(c.x, 1.0, -mean, name="normalization")
    return c.builder.affine_map(centered, 1.0 / spread, name="normalization", ulps=3)


@rule("PReLU")
def _prelu(c: KerasCall) -> Operand:
    alpha = _weight(c, c.op.alpha)
    if is_value(c.x) and np.unique(alpha).size == 1:
        return c.builder.curve("leaky_relu", c.x, negative_slope=float(np.ravel(alpha)[0]))
    return c.builder.prelu(c.x, alpha)


@rule("Discretization")
def _discretization(c: KerasCall) -> Operand:
    if c.op.output_mode != "int":
        raise UnsupportedError(f"the output mode {c.op.output_mode!r} is not supported yet")
    bins = np.asarray(np.float32(c.op.bin_boundaries), np.float64)
    x = c.builder.reshape(c.x, (*c.x.shape, 1))
    above = logic.compare(c.builder, "greater_equal", x, bins)
    return c.builder.reduce("sum", above, len(c.x.shape))


@rule(*MOVING)
def _moving(c: KerasCall) -> Operand:
    ops = c.keras.ops

    def run(marked: list[np.ndarray]) -> np.ndarray:
        # Positions as float32, which an image layer expects; exact up to 2 ** 24.
        entries = c.op(ops.convert_to_tensor(marked[0].astype(np.float32)), training=False)
        entries = np.asarray(ops.convert_to_numpy(entries), np.float64)
        positions = np.rint(entries)
        if not (
            np.array_equal(entries, positions)
            and positions.min() >= 0
            and positions.max() <= c.x.size
        ):
            raise UnsupportedError(
                f"{type(c.op).__name__} changes the values of its image at inference, which is not "
                "supported"
            )
        return positions.astype(np.int64)

    if c.x.size >= 2**24:
        raise UnsupportedError(
            "an image of 2**24 entries or more is not supported in this layer; "
            f"this image has {c.x.size:,} entries"
        )
    if type(c.op).__name__ == "CenterCrop":
        crop = resized_crop(c)
        if crop is not None:
            return crop
    return c.builder.structural(run, [c.x], name="crop")
