"""From the records of a file to a graph, node by node."""

from dataclasses import dataclass

import numpy as np

from ...core import ModelError, UnsupportedError
from ...graph import Builder, Graph, Slot, Value
from ...graph.builder import Operand
from ..network import LayerInfo
from . import (  # these fill the table
    arithmetic as arithmetic,
    constants as constants,
    logic as logic,
    recurrent as recurrent,
    reductions as reductions,
    shapes as shapes,
)
from .elementwise import ACTIVATIONS
from .fuse import fuse_bias
from .records import LARGEST_VALUE, OnnxModel, OnnxNode, TensorInfo
from .table import Call


_HIDDEN = {"Constant", "ConstantOfShape", "Identity", "Shape", "Cast", "Dropout"}
"""Operators not worth a row in a summary."""

_MAY_BE_INFINITE = {"Clip", "Max", "Min", "Where", "Pad", "Identity", "Reshape"}
"""Operators in which an infinite constant means "no limit" or marks a place."""


@dataclass(frozen=True, eq=False)
class Lowered:
    """A graph, its layers, and the graph value of each tensor of the file (by name)."""

    graph: Graph
    layers: tuple[LayerInfo, ...]
    values: dict[str, int]


def input_shape(info: TensorInfo) -> tuple[int, ...]:
    """The full shape of an input, a batch axis of 1 included.

    Raises:
        ModelError: The file leaves another axis than the first open, or the size is absurd.
        UnsupportedError: The input is not of floating point numbers of 32 or 64 bits.
    """
    if info.kind not in ("float32", "float64"):
        raise UnsupportedError(
            f"Input `{info.name}` must hold float32 or float64 numbers. Received: {info.kind}."
        )
    if info.dims is None:
        raise ModelError(f"Input `{info.name}` must declare its shape. Received: none.")
    shape = []
    for i, n in enumerate(info.dims):
        free = isinstance(n, str) or n <= 0
        if free and (i > 0 or len(info.dims) == 1):
            raise ModelError(
                f"Input `{info.name}` may leave only its first axis, the batch, open; export the "
                f"model with a fixed size. Received: shape {info.dims}."
            )
        shape.append(1 if free else int(n))
    if int(np.prod(shape, dtype=object)) > LARGEST_VALUE:
        raise ModelError(
            f"Input `{info.name}` must have a size that fits a computer. "
            f"Received: shape {info.dims}."
        )
    return tuple(shape)


def _has_batch(shape: tuple[int, ...]) -> bool:
    return len(shape) > 1 and shape[0] == 1


def feeds(model: OnnxModel, x: np.ndarray) -> dict[str, np.ndarray]:
    """One flat point as the arrays a runtime takes."""
    found, start = {}, 0
    for info in model.inputs:
        shape = input_shape(info)
        count = int(np.prod(shape))
        found[info.name] = x[start : start + count].reshape(shape).astype(info.kind)
        start += count
    return found


def lower(model: OnnxModel) -> Lowered:
    """The graph of `model`.

    Raises:
        UnsupportedError: A node, or an attribute of one, is not described.
        ModelError: The file is not a legal graph.
    """
    if not model.inputs:
        raise ModelError(f"`{model.name}` must have an input. Received: none.")
    full = [input_shape(info) for info in model.inputs]
    slots = [
        Slot(info.name, shape[1:] if _has_batch(shape) else shape)
        for info, shape in zip(model.inputs, full, strict=True)
    ]
    b = Builder(slots)
    env: dict[str, Operand] = dict(model.constants)
    for info, shape, value in zip(model.inputs, full, b.input_values(), strict=True):
        env[info.name] = b.reshape(value, shape)
    layers: list[LayerInfo] = []
    for node in fuse_bias(model):
        b.source = node.name
        layers += _layer(model, b, node, env, _lower_node(model, b, node, env))
    outputs = [_output(b, env, info) for info in model.outputs]
    graph = b.finish(outputs, [info.name for info in model.outputs])
    values = {name: v.index for name, v in env.items() if isinstance(v, Value)}
    return Lowered(graph, tuple(layers), values)


def _lower_node(model: OnnxModel, b: Builder, node: OnnxNode, env) -> list[Operand]:
    operands: list[Operand | None] = []
    for name in node.inputs:
        if name and name not in env:
            raise ModelError(
                f"Every node must read what earlier nodes return; the file is damaged, or its "
                f"graph runs in a circle. Received: node `{node.name}` ({node.op}) reads `{name}`."
            )
        found = env[name] if name else None
        if isinstance(found, np.ndarray) and node.op not in _MAY_BE_INFINITE:
            _refuse_infinite(node, name, found)
        operands.append(found)
    results = Call(b, node, operands, model.opset).run()
    for name, result in zip(node.outputs, results, strict=False):
        if name in env:
            raise ModelError(
                f"Every tensor must be returned once. Received: `{name}` twice, by `{node.name}`."
            )
        if name:
            env[name] = result
    return results


def _refuse_infinite(node: OnnxNode, name: str, array: np.ndarray) -> None:
    if array.dtype.kind == "f" and np.isinf(array).any():
        raise ModelError(
            f"Every weight must be finite; the network was not trained or saved properly. "
            f"Received: an infinity in `{name}`, read by node `{node.name}` ({node.op})."
        )


def _layer(model, b: Builder, node: OnnxNode, env, results) -> list[LayerInfo]:
    """The rows of a summary for one node: one, or none."""
    found = results[0] if results else None
    if not isinstance(found, Value):
        return []
    b.mark_layer(node.name, found)
    first = env.get(node.inputs[0]) if node.inputs else None
    first = first.index if isinstance(first, Value) else None
    if node.op in _HIDDEN or first == found.index:
        return []
    last = b.nodes[found.index - 1]
    one_input = len([i for i in node.inputs if isinstance(env.get(i), Value)]) == 1
    before = first if node.op in ACTIVATIONS and one_input else None
    weights = sum(model.constants[i].size for i in node.inputs if i in model.constants)
    shape = last.shape[1:] if _has_batch(last.shape) else last.shape
    return [LayerInfo(node.name, node.op, tuple(shape), int(weights), before, found.index)]


def _output(b: Builder, env: dict[str, Operand], info: TensorInfo) -> Operand:
    if info.name not in env:
        raise ModelError(
            f"Every output must be returned by a node; the file may be cut short. "
            f"Received: output `{info.name}`, which none returns."
        )
    found = env[info.name]
    found = found if isinstance(found, Value) else np.asarray(found, np.float64)
    shape = tuple(found.shape)
    return found if _has_batch(shape) else b.reshape(found, (1, *shape))
