"""Changes of element types that the float32 analysis does not describe.

In real arithmetic, a value stays the same if its type changes within the limits of the new type. So
the graph has no node for a change between floats, between integers, or from integers to floats. In
float32, the value may be rounded by the change, or wrap around.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ...graph import Value
from .element_types import FLOATS, INTEGERS, Tensor
from .records import OnnxNode


_SELECTIONS = frozenset((
    "ArgMax ArgMin Cast CastLike Concat DepthToSpace Expand Flatten Gather GatherElements GatherND "
    "Identity If Loop Max Min OneHot Reshape Slice SpaceToDepth Split Squeeze Tile TopK "
    "Transpose Unsqueeze Where"
).split())  # fmt: skip
"""Operators that return integers without arithmetic on integers."""

_WIDE = ("int32", "int64")

_SUMS = ("Add", "Sub", "Neg", "Abs")
"""Operators that at most double the largest magnitude of their operands."""

_MOST_SUMS = 8
"""Maximum number of int64 nodes among `_SUMS`. Casts and constants are at most 2^24, so that sums
stay below 2^33."""

_LARGEST = 2**24
"""Magnitude up to which every integer is a float32 number."""


@dataclass
class TypeChanges:
    """Search for the first node whose element type the float32 analysis does not describe.

    Args:
        inputs: Element types of the model's inputs.
        undescribed: Text that names the first node that the float32 analysis does not describe;
            empty if there is none.
        sums: Number of int64 nodes among `_SUMS`.
    """

    inputs: frozenset[str]
    undescribed: str = field(default="", init=False)
    sums: int = field(default=0, init=False)

    def add(self, node: OnnxNode, operands: Sequence[Tensor | None], kind: str) -> None:
        """Record a node whose result depends on the input; `kind` is its element type."""
        is_described = kind not in FLOATS | INTEGERS or (
            self.inputs == {kind} if kind in FLOATS else self._is_safe(node, operands, kind)
        )
        if not is_described and not self.undescribed:
            self.undescribed = f"node `{node.name}` ({node.op}) with {kind} results"

    def _is_safe(self, node: OnnxNode, operands: Sequence[Tensor | None], kind: str) -> bool:
        """Return whether integers rounded to float32 surely stay within the range of their type.

        The node is also counted in `sums` if it is an int64 node among `_SUMS`.
        """
        is_sum = node.op in _SUMS and kind == "int64"
        self.sums += is_sum
        if is_sum and self.sums > _MOST_SUMS:
            return False
        if kind not in _WIDE or not (is_sum or node.op in _SELECTIONS):
            return False
        for tensor in operands:
            if tensor is None or tensor.kind not in INTEGERS:
                continue
            if isinstance(tensor.operand, Value):
                if tensor.kind != kind and node.op in ("Cast", "CastLike"):
                    return False
            elif node.op != "Slice" and _largest(tensor.operand) > _LARGEST:
                return False
        return True


def _largest(integers: np.ndarray) -> int:
    """Return the largest absolute value, which may exceed the range of the array's integer type."""
    return max(int(integers.max()), -int(integers.min())) if integers.size else 0
