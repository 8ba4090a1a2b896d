"""An ONNX file as plain Python, free of the `onnx` package."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class TensorInfo:
    """A declared input or output.

    Args:
        name: Its name.
        kind: Element type, `"float32"`.
        dims: An int per axis; a string (perhaps empty) where the file leaves it open. None if
            the file declares no shape at all.
    """

    name: str
    kind: str
    dims: tuple[int | str, ...] | None


@dataclass(frozen=True)
class OnnxNode:
    """One node of the file.

    Args:
        op: Operator type, `"Gemm"`.
        domain: Operator set; `""` is ONNX's own.
        name: The node's name, made unique; `"Gemm_3"` where the file gives none.
        inputs: Names of the tensors it reads; `""` for an absent optional input.
        outputs: Names of the tensors it returns.
        attributes: Name to a number, a string, a list of them, an array or a `Subgraph`. What
            has no such form (a sparse tensor, say) is an `Opaque`.
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
        inputs: Names of what it is given.
        outputs: Names of what it returns.
        constants: Initialisers by name.
        nodes: In order.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: dict[str, np.ndarray]
    nodes: tuple[OnnxNode, ...]


@dataclass(frozen=True)
class Opaque:
    """An attribute that is not data."""

    kind: str


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """One file.

    Args:
        name: The file's name without its suffixes.
        opset: Version of ONNX's own operator set.
        inputs: Those the user has to feed (initialisers left out).
        outputs: In the file's order.
        constants: Initialisers by name.
        nodes: In the file's order.
        reference: Starts the reference evaluation that comes with `onnx`: feeds to every tensor.
        content: The serialised model, for a runtime.
    """

    name: str
    opset: int
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    constants: dict[str, np.ndarray]
    nodes: tuple[OnnxNode, ...]
    reference: Callable[[], Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]]
    content: Callable[[], bytes]
