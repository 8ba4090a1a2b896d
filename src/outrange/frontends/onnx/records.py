"""Records of an ONNX file, independent of the `onnx` package."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class TensorInfo:
    """An input or output that an ONNX file declares.

    Args:
        name: Name of the tensor.
        kind: Element type, such as `"float32"`.
        dims: One int per axis, or a string (perhaps empty) where the file leaves the axis open.
            None if the file declares no shape.
        is_hidden: Whether it is an inner tensor that was made an output.
    """

    name: str
    kind: str
    dims: tuple[int | str, ...] | None
    is_hidden: bool = False


@dataclass(frozen=True)
class OnnxNode:
    """One node of an ONNX file.

    Args:
        op: Operator type, such as `"Gemm"`.
        domain: Operator set; `""` is ONNX's own.
        name: The node's name, made unique; for example `"Gemm_3"` if the file states no name.
        inputs: Names of the tensors that the node reads; `""` for an absent optional input.
        outputs: Names of the tensors that the node returns.
        attributes: Map from the name of an attribute to a number, a string, a list of numbers or
            strings, an array or a `Subgraph`. Any other attribute (such as a sparse tensor) is an
            `Opaque`.
    """

    op: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Subgraph:
    """A graph inside a node: a branch, or the body of a loop.

    Args:
        inputs: Names of the inputs of the subgraph.
        outputs: Names of the outputs of the subgraph.
        constants: Arrays stored in the subgraph, by name.
        nodes: Nodes in execution order.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: dict[str, np.ndarray]
    nodes: tuple[OnnxNode, ...]


@dataclass(frozen=True)
class Opaque:
    """An attribute of a kind that cannot be read, such as a sparse tensor."""

    kind: str


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """Inputs, constants, nodes and outputs of one ONNX file.

    Args:
        name: The file's name without its suffixes.
        opset: Version of ONNX's own operator set.
        inputs: Inputs in the file's order, without those that have a constant default.
        outputs: Outputs in the file's order.
        constants: Arrays stored in the file, by name.
        nodes: Nodes in the file's order.
        reference: Function that starts the reference evaluator of `onnx`, and returns a function
            from a dict of arrays by input name to a dict of arrays by tensor name.
        content: Function that returns the serialized model, for a runtime.
    """

    name: str
    opset: int
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    constants: dict[str, np.ndarray]
    nodes: tuple[OnnxNode, ...]
    reference: Callable[[], Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]]
    content: Callable[[], bytes]
