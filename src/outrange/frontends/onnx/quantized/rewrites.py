"""Rewrites of quantized graphs by a runtime, which change results.

`onnxruntime` merges two quantizers in a row into one quantizer with another scale. It rounds the
float weights and biases of a product to integers if the product lies between a
`DequantizeLinear` and a `QuantizeLinear`. The graph encloses the results with and without these
rewrites, or the file is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ....graph.integer_inference import RANGES
from ..records import OnnxNode, Subgraph


_PASSED = frozenset((
    "Relu Clip Identity Dropout BatchNormalization MaxPool Reshape Flatten Transpose Squeeze "
    "Unsqueeze Slice"
).split())  # fmt: skip
"""Operators that a runtime may remove, fuse with a product, or swap with a quantizer."""

_FUSED_WITH_CONSTANTS = frozenset(("Add", "Mul"))
"""Operators that a runtime may fuse with a product if one of their operands is constant."""


@dataclass(frozen=True, eq=False)
class Grid:
    """The numbers that a quantizer returns.

    Args:
        scale: The distance between neighboring numbers, or the distances along an axis.
        zero: The zero point, or the zero points along an axis.
        kind: Element type of the integers that represent the numbers.
        is_merged: Whether a runtime may have merged the quantizer with the one before it.
    """

    scale: np.ndarray
    zero: np.ndarray
    kind: str
    is_merged: bool = False

    def is_same(self, other: Grid) -> bool:
        """Return whether both grids contain the same numbers."""
        return (
            self.kind == other.kind
            and np.array_equal(self.scale, other.scale)
            and np.array_equal(self.zero, other.zero)
        )

    def ends(self) -> tuple[float, float]:
        """Return the least and the largest number of a grid with one scale."""
        least, most = RANGES[self.kind]
        step, zero = float(self.scale), float(self.zero)
        return (least - zero) * step, (most - zero) * step


def merged_distance(first: Grid, second: Grid) -> float:
    """Bound the distance of the results of two quantizers in a row and of one merged quantizer.

    The merged quantizer has the intersection of both ranges. Let `c` be the input, clipped to the
    intersection. Both quantizers in a row return a number whose distance from `c` is at most half
    a step of each, because clipping moves no two numbers apart. The merged quantizer is at most
    one of its steps away from `c`: half a step for its rounding, and half a step for its zero
    point, which is rounded, too. If a runtime merges the quantizers only behind a maximum, the
    rounding of the first remains in front of it.

    Args:
        first: The grid of the first quantizer, with one scale.
        second: The grid of the second quantizer, with one scale, of the same type.

    Returns:
        The bound; infinite if the ranges share fewer than two numbers.
    """
    (lo, hi), (other_lo, other_hi) = first.ends(), second.ends()
    least, most = RANGES[first.kind]
    step = (min(hi, other_hi) - max(lo, other_lo)) / (most - least)
    if step < 2.0**-126:
        return np.inf
    # A fixed-point requantization adds a quarter of a step.
    return 1.001 * (float(first.scale) + 0.5 * float(second.scale) + 1.25 * step)


def find_quantized(nodes: Sequence[OnnxNode], constants: Mapping[str, object]) -> frozenset[str]:
    """Return the names of tensors that a runtime may quantize right after computing them.

    Args:
        nodes: The nodes of the file, in execution order.
        constants: Names of constant tensors.
    """
    found: set[str] = set()
    _mark(nodes, frozenset(constants), found)
    return frozenset(found)


def _mark(nodes: Sequence[OnnxNode], constants: frozenset[str], found: set[str]) -> None:
    for node in reversed(nodes):
        leads = not found.isdisjoint(node.outputs)
        for part in node.attributes.values():
            if isinstance(part, Subgraph):
                found.update(part.outputs if leads else ())
                _mark(part.nodes, constants.union(part.constants), found)
        if not node.inputs or node.domain:
            continue
        has_constant = any(name in constants for name in node.inputs)
        if node.op == "QuantizeLinear" or (leads and node.op in _PASSED):
            found.add(node.inputs[0])
        elif leads and node.op in _FUSED_WITH_CONSTANTS and has_constant:
            found.update(node.inputs)
