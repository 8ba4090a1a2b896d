"""Capabilities that `supports` prints, such as the theories of chapter 4 of the standard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Capability:
    """A capability of this verifier that an option of `supports` prints.

    Args:
        meaning: Help text of the option.
        lines: Function that returns the lines to print.
    """

    meaning: str
    lines: Callable[[], list[str]]


def _element_types() -> list[str]:
    # List only types whose rounding errors the proofs account for.
    return ["real", "float32"]


def _operators() -> list[str]:
    """Return operators in the standard's syntax.

    An operator without an element type is supported for all element types.
    """
    from ...frontends.onnx.lower import operators
    from ...questions.float32.described import ONNX

    described = ONNX | MOVES
    return [name if name in described else f"{name} real" for name in operators()]


def _opsets() -> list[str]:
    from ...frontends.onnx.lower import OPSETS

    return [str(version) for version in OPSETS]


MOVES = frozenset(
    "Concat Constant ConstantOfShape DepthToSpace Dropout Expand Flatten Gather GatherElements "
    "GatherND Identity Reshape Shape Size Slice SpaceToDepth Split Squeeze Tile Transpose "
    "Unsqueeze".split()
)
"""Operators that only rearrange values, or return constants, and therefore never round, for any
element type."""

CAPABILITIES = {
    "--onnx-opset-versions": Capability("Oldest and newest ONNX operator set.", _opsets),
    "--onnx-element-types": Capability(
        "Element types for which verdicts are sound.", _element_types
    ),
    "--onnx-operators": Capability("ONNX operators and the types they support.", _operators),
    "--vnnlib-versions": Capability(
        "Oldest and newest version of the standard.", lambda: ["2.0", "2.0"]
    ),
    "--hidden-node-theories": Capability(
        "Queries without and with hidden nodes.", lambda: ["NH", "H"]
    ),
    "--multiple-input-output-theories": Capability(
        "Networks with several inputs and outputs.", lambda: ["SIO", "MIO"]
    ),
    "--multiple-network-theories": Capability(
        "Queries about several networks.", lambda: ["SNET", "MENET", "MINET", "MNET"]
    ),
    "--multiple-node-comparison-theories": Capability(
        "Comparisons between nodes.", lambda: ["SNC", "MNC"]
    ),
    "--arithmetic-complexity-theories": Capability(
        "Arithmetic of assertions: linear.", lambda: ["BND", "OUTC", "LIN"]
    ),
    "--optimised-disjunctive-reasoning": Capability(
        "Whether `or` is decided without an expansion to disjunctive normal form.", lambda: ["true"]
    ),
    "--serialise-assignments": Capability(
        "Whether `verify` writes assignments as files.", lambda: ["true"]
    ),
}
"""Dict from option of `supports` to capability. It contains all options that the standard requires,
in the order of the standard."""
