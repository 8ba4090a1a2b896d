"""Kernels of quantized operators, and the deviations from real arithmetic that each allows.

A runtime may run a quantized operator in float32 or with integer sums, with different roundings.
The graph has exact sums and a rounding whose argument has slack (`ops.step`). So a value of the
graph stands for every result that one of the kernels may return.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from ....core import InputError, did_you_mean


@dataclass(frozen=True)
class QuantizedKernel:
    """A set of kernels for quantized operators.

    Args:
        text: Description for messages and answers.
        requantization: Largest distance, in steps of the result, between the exact result and the
            number that the kernel rounds to the nearest integer, besides float32 roundings.
        saturates_pairs: Whether sums of two adjacent products of an 8-bit activation and an int8
            weight may saturate at the limits of int16.
    """

    text: str
    requantization: float
    saturates_pairs: bool


KERNELS: Mapping[str, QuantizedKernel] = MappingProxyType(
    {
        "any": QuantizedKernel(
            "every listed kernel: float32 or integer sums, float32 or fixed-point requantization, "
            "with or without saturation of pairs",
            0.25,
            True,
        ),
        "float32": QuantizedKernel(
            "kernels with float32 or exact integer sums, and float32 requantization", 0.0, False
        ),
        "pairs": QuantizedKernel(
            "kernels with float32 requantization, whose sums of pairs may saturate at int16",
            0.0,
            True,
        ),
    }
)
"""The sets of kernels, by name.

A fixed-point requantization multiplies by an integer and rounds, and then shifts by at least one
bit and rounds again. The error of the first rounding is at most half a unit before the shift. The
shift at least halves this error, to at most a quarter of a step.
"""


def kernel_of(name: str) -> QuantizedKernel:
    """Return the kernel with this name.

    Raises:
        InputError: There is no such kernel.
    """
    if not isinstance(name, str) or name not in KERNELS:
        raise InputError(
            f"`kernel` must be one of {tuple(KERNELS)}.{did_you_mean(str(name), KERNELS)} "
            f"Received: {name!r}."
        )
    return KERNELS[name]


LEAST_PAIR, MOST_PAIR = -32768.0, 32767.0
"""Range of an int16 register, in which kernels with `saturates_pairs` add two products."""

LARGEST_ACTIVATION = 255.0
"""Largest 8-bit activation in a product; kernels first shift int8 activations by 128 to 0..255."""


def pair_loss(weight: np.ndarray) -> np.ndarray:
    """Bound the effect of pair saturation on sums of products, for any activations.

    A pair consists of two adjacent terms, the first of which has an even index.

    Args:
        weight: int8 weights as floats, `(terms, sums)`.

    Returns:
        A bound on the change of each sum, in units of products of integers, `(sums,)`.
    """
    rows = np.concatenate([weight, np.zeros((len(weight) % 2, weight.shape[1]))])
    first, second = rows[::2], rows[1::2]
    most = LARGEST_ACTIVATION * (np.maximum(first, 0.0) + np.maximum(second, 0.0))
    least = LARGEST_ACTIVATION * (np.minimum(first, 0.0) + np.minimum(second, 0.0))
    above = np.maximum(most - MOST_PAIR, 0.0).sum(axis=0)
    return np.maximum(above, np.maximum(LEAST_PAIR - least, 0.0).sum(axis=0))
