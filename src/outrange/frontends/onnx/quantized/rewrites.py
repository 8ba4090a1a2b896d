"""Rewrites of quantized graphs by a runtime, which change results.

`onnxruntime` merges two quantizers in a row into one quantizer with another scale. It rounds the
float weights and biases of a product to integers if the product lies between a
`DequantizeLinear` and a `QuantizeLinear`. The graph encloses the results with and without these
rewrites, or the file is refused.

`onnxruntime` also removes operators that return their operand, and a `Clip` whose limits are close
to those of the quantizer after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ....graph import Value
from ....graph.builder import Operand
from ....graph.integer_inference import RANGES
from ..element_types import Tensor
from ..records import OnnxNode, Subgraph


_MOVES = frozenset(
    "Identity Reshape Flatten Transpose Squeeze Unsqueeze Slice MaxPool Relu".split()
)
"""Operators that a runtime may apply before it dequantizes their operand."""

_PASSED = _MOVES | {"Clip", "Dropout", "BatchNormalization", "Cast", "CastLike", "Expand"}
"""Operators that a runtime may remove, fuse with a product, or swap with a quantizer."""

_FUSED_WITH_CONSTANTS = frozenset(("Add", "Mul"))
"""Operators that a runtime may fuse with a product if one of their operands is constant."""

_NEUTRAL = {"Add": 0.0, "Sub": 0.0, "Mul": 1.0, "Div": 1.0}
"""Constants with which an operator returns its other operand, so that a runtime may remove it."""

SAME_SCALE = 1e-20
"""Difference below which `onnxruntime` treats the scales of two quantizers as equal."""

CLIP_GAP = 2.0**-22
"""Bound on the distance between the limits of a removed `Clip` and those of its quantizer.

`onnxruntime` removes the `Clip` if its limits cut off at most `2^-23`. It computes the limits of
the quantizer in float32, with a relative error of at most `2^-24`. So the results differ by at most
`CLIP_GAP` times `1 + scale * steps` for the number of `steps` in the range of the quantizer.
"""


@dataclass(frozen=True, eq=False)
class Grid:
    """The numbers that a quantizer returns.

    Args:
        scale: The distance between neighboring numbers, or the distances along an axis.
        zero: The zero point, or the zero points along an axis.
        kind: Element type of the integers that represent the numbers.
        merged: Scale of the quantizer into which a runtime may have merged this quantizer and the
            one before it; infinite if the two are not merged.
    """

    scale: np.ndarray
    zero: np.ndarray
    kind: str
    merged: float = np.inf

    @property
    def is_merged(self) -> bool:
        """Whether a runtime may have merged the quantizer with the one before it."""
        return bool(np.isfinite(self.merged))

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
    """Bound the distance between the results of two successive quantizers and a merged one.

    The merged quantizer has the intersection of both ranges. Let `c` be the input, clipped to the
    intersection. The two quantizers return a number whose distance from `c` is at most half a step
    of the first plus half a step of the second, because clipping does not increase distances. The
    merged quantizer is at most one of its steps away from `c`: half a step for its rounding, and
    half a step for its zero point, which is rounded, too. A runtime may also move a copy of a
    quantizer past a maximum, and then merge the copy. The first quantizer may then remain before
    the merged quantizer, and the second after it. Each of them adds half of its step.

    A runtime that treats the scales as equal multiplies the steps of the first quantizer by the
    scale of the second. Each step then adds at most the difference of the scales.

    Args:
        first: The grid of the first quantizer, with one scale.
        second: The grid of the second quantizer, with one scale, of the same type.

    Returns:
        The bound; infinite if the ranges share fewer than two numbers.
    """
    step = merged_scale(first, second)
    if step < 2.0**-126:
        return np.inf
    scale, other_scale = float(first.scale), float(second.scale)
    # A fixed-point requantization adds a quarter of a step.
    distance = scale + other_scale + 1.25 * step
    if abs(scale - other_scale) < SAME_SCALE:
        least, most = RANGES[first.kind]
        distance = max(distance, 0.5 * other_scale + (most - least) * abs(scale - other_scale))
    return 1.001 * distance


def merged_scale(first: Grid, second: Grid) -> float:
    """Return the scale of two merged quantizers; see `merged_distance`."""
    (lo, hi), (other_lo, other_hi) = first.ends(), second.ends()
    least, most = RANGES[first.kind]
    return (min(hi, other_hi) - max(lo, other_lo)) / (most - least)


def find_moved(node: OnnxNode, tensors: Sequence[Tensor | None], result: Tensor) -> int | None:
    """Return the index of the operand whose entries a node moves, selects or returns, or None.

    A `Relu`, which replaces negative entries by 0, counts as such a node.

    Args:
        node: A node.
        tensors: Its operands.
        result: Its first result.
    """
    if node.op in _MOVES:
        return 0
    operands = [None if tensor is None else tensor.operand for tensor in tensors]
    if node.op in _NEUTRAL and len(operands) == 2:
        for i in (1, 0) if node.op in ("Add", "Mul") else (1,):
            if _is_neutral(node.op, operands[i]):
                return 1 - i
    same = (i for i, x in enumerate(operands) if x is not None and _is_same(x, result.operand))
    return next(same, None)


def _is_same(x: Operand, y: Operand) -> bool:
    if isinstance(x, Value):
        return isinstance(y, Value) and x.index == y.index
    return not isinstance(y, Value) and np.array_equal(x, y)


def _is_neutral(op: str, operand: object) -> bool:
    return isinstance(operand, np.ndarray) and bool((operand == _NEUTRAL[op]).all())


def find_quantized(nodes: Sequence[OnnxNode], constants: Mapping[str, object]) -> frozenset[str]:
    """Return the names of tensors that a runtime may quantize right after computing them.

    Args:
        nodes: The nodes of the file, in execution order.
        constants: Constant tensors by name.
    """
    found: set[str] = set()
    _mark(nodes, constants, found)
    return frozenset(found)


def _mark(nodes: Sequence[OnnxNode], constants: Mapping[str, object], found: set[str]) -> None:
    for node in reversed(nodes):
        leads = not found.isdisjoint(node.outputs)
        for part in node.attributes.values():
            if isinstance(part, Subgraph):
                found.update(part.outputs if leads else ())
                _mark(part.nodes, {**constants, **part.constants}, found)
        if not node.inputs or node.domain:
            continue
        has_constant = any(name in constants for name in node.inputs)
        is_removed = node.op in _NEUTRAL and _is_neutral(node.op, constants.get(node.inputs[-1]))
        if node.op == "QuantizeLinear" or (leads and (node.op in _PASSED or is_removed)):
            found.add(node.inputs[0])
        elif leads and node.op in _FUSED_WITH_CONSTANTS and has_constant:
            found.update(node.inputs)
