"""Lowering of the records of a file to a graph, node by node."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...core import ModelError, UnsupportedError, check_deadline
from ...core.sizes import INPUTS, LARGEST_VALUE, NODES, WEIGHTS, Tally
from ...graph import Builder, Graph, Slot, Value
from ...graph.builder import Operand
from ..input_limits import ValueLimit, limited_inputs
from ..network import LayerInfo
from .api import evaluated
from .declared import add_up
from .fuse import fuse_bias
from .kinds import FLOATS, Tensor
from .records import OnnxModel, OnnxNode, TensorInfo
from .rules import (  # these fill the table
    arithmetic as arithmetic,
    constants as constants,
    convolution as convolution,
    logic as logic,
    recurrent as recurrent,
    reductions as reductions,
    resize as resize,
    shapes as shapes,
    windows as windows,
)
from .rules.control import CONTROL, RANDOM, Env
from .rules.elementwise import ACTIVATIONS
from .rules.table import TABLE, OnnxCall


_HIDDEN = {"Constant", "ConstantOfShape", "Identity", "Shape", "Cast", "Dropout"}
"""Operators not worth a row in a summary."""

_MAY_BE_INFINITE = {"Clip", "Max", "Min", "Where", "Pad", "Identity", "Reshape"}
"""Operators in which an infinite constant means "no limit" or marks a place."""


OPSETS = (7, 24)
"""The oldest and the newest operator set whose operators are described as they are there; files of
others are read where their operators are the same."""


def operators() -> list[str]:
    """The operators of ONNX that are read, by name; some of them in some forms only."""
    return sorted(name for name in {*TABLE, *CONTROL} if name.isalnum())


@dataclass(frozen=True, eq=False)
class OnnxGraph:
    """A graph, its layers, and where each tensor of the file is in the graph as written.

    `plain` is the graph as written, if elementwise sub-graphs became single curves; `places` leads
    from each value of `graph` to its value there; `bypassed` are those that such a curve bypasses.
    """

    graph: Graph
    layers: tuple[LayerInfo, ...]
    values: dict[str, int]
    plain: Graph | None = None
    places: dict[int, int] = field(default_factory=dict)
    bypassed: frozenset[int] = frozenset()


def input_shape(info: TensorInfo) -> tuple[int, ...]:
    """The full shape of an input, a batch axis of 1 included.

    Raises:
        ModelError: The file leaves another axis than the first open, or the size is absurd.
        UnsupportedError: The input is of numbers of another type.
    """
    if info.kind not in FLOATS:
        raise UnsupportedError(
            f"Input `{info.name}` must hold float32 or float64 numbers; export the model with such "
            f"an input, and a cast behind it. Received: {info.kind}."
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
    Tally(INPUTS).add(shape, f"input `{info.name}`")
    return tuple(shape)


def _has_batch(shape: tuple[int, ...]) -> bool:
    return len(shape) > 1 and shape[0] == 1


class Feeds:
    """Flat points as the arrays a runtime takes.

    Args:
        model: The file, whose inputs they are.
    """

    def __init__(self, model: OnnxModel) -> None:
        self._inputs, start = [], 0
        for info in model.inputs:
            shape = input_shape(info)
            end = start + int(np.prod(shape))
            self._inputs.append((info.name, slice(start, end), shape, info.kind))
            start = end

    def __call__(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """One point `(inputs,)` by the inputs' names."""
        return {
            name: x[part].reshape(shape).astype(kind) for name, part, shape, kind in self._inputs
        }


@dataclass(frozen=True)
class _Counts:
    """What is added up of a file: entries of its constants, and nodes as often as they run."""

    constants: Tally
    nodes: Tally


def lower(model: OnnxModel) -> OnnxGraph:
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
    add_up(model, dict(zip((info.name for info in model.inputs), full, strict=True)))
    counts = _Counts(Tally(WEIGHTS), Tally(NODES))
    for name, array in model.constants.items():
        counts.constants.add(array.shape, f"`{name}`")
    env = {name: Tensor.of(array) for name, array in model.constants.items()}
    for info, shape, value in zip(model.inputs, full, b.input_values(), strict=True):
        env[info.name] = Tensor(b.reshape(value, shape), info.kind)
    layers: list[LayerInfo] = []
    wanted: list[ValueLimit] = []
    for node in fuse_bias(model):
        check_deadline()
        b.source = node.name
        layers += _layer(model, b, node, env, _lower_node(model, b, node, env, wanted, counts))
    outputs = [_output(b, env, info) for info in model.outputs]
    b.inputs = limited_inputs(b, wanted)
    kept = [v for info in layers for v in (info.before, info.after) if v is not None]
    graph = b.finish(outputs, [info.name for info in model.outputs], kept)
    moved = b.moved
    infos = tuple(
        replace(i, after=moved[i.after], before=None if i.before is None else moved[i.before])
        for i in layers
    )
    values = {name: t.operand.index for name, t in env.items() if isinstance(t.operand, Value)}
    return OnnxGraph(graph, infos, values, b.plain, b.places, b.bypassed)


def _lower_node(
    model: OnnxModel,
    b: Builder,
    node: OnnxNode,
    env: Env,
    wanted: list[ValueLimit],
    counts: _Counts,
) -> list[Tensor]:
    counts.nodes.add((), f"node `{node.name}` ({node.op})")
    b.operation = node.op

    def run(nodes: Sequence[OnnxNode], inner: Env) -> None:
        for part in nodes:
            b.source = f"{node.name}/{part.name}"
            _lower_node(model, b, part, inner, wanted, counts)

    tensors: list[Tensor | None] = []
    for name in node.inputs:
        if name and name not in env:
            raise ModelError(
                f"Every node must read what earlier nodes return; the file is damaged, or its "
                f"graph runs in a circle. Received: node `{node.name}` ({node.op}) reads `{name}`."
            )
        found = env[name] if name else None
        if found is not None and node.op not in _MAY_BE_INFINITE:
            _refuse_infinite(node, name, found.operand)
        tensors.append(found)
    if node.op in CONTROL and not node.domain:
        results = CONTROL[node.op](b, node, env, run)
    elif _is_constant(node, tensors):
        results = _evaluated(model, node, tensors)
    else:
        results = OnnxCall(b, node, tensors, model.opset, wanted).run()
    for name, result in zip(node.outputs, results, strict=False):
        if name in env:
            raise ModelError(
                f"Every tensor must be returned once. Received: `{name}` twice, by `{node.name}`."
            )
        if not isinstance(result.operand, Value):
            counts.constants.add(np.shape(result.operand), f"node `{node.name}` ({node.op})")
        if name:
            env[name] = result
    return results


def _is_constant(node: OnnxNode, tensors: list[Tensor | None]) -> bool:
    """Whether no rule is needed: an operator without one, of constants."""
    known = node.domain or node.op in TABLE or node.op in RANDOM
    return not known and not any(t is not None and isinstance(t.operand, Value) for t in tensors)


def _evaluated(model: OnnxModel, node: OnnxNode, tensors: list[Tensor | None]) -> list[Tensor]:
    operands: list[Any] = [None if t is None else t.operand for t in tensors]
    try:
        found = evaluated(node, operands, model.opset)
    except Exception as error:  # the reference evaluation raises many classes
        raise UnsupportedError(
            f"Node `{node.name}` ({node.op}) of constants cannot be evaluated. "
            f"Received: {type(error).__name__}: {str(error)[:200]}."
        ) from error
    for x in found:
        if np.size(x) > LARGEST_VALUE:
            raise ModelError(
                f"Node `{node.name}` ({node.op}) must return a tensor that fits a computer. "
                f"Received: shape {np.shape(x)}."
            )
    return [Tensor.of(x) for x in found]


def _refuse_infinite(node: OnnxNode, name: str, x: Operand) -> None:
    if isinstance(x, np.ndarray) and x.dtype.kind == "f" and np.isinf(x).any():
        raise ModelError(
            f"Every weight must be finite; the network was not trained or saved properly. "
            f"Received: an infinity in `{name}`, read by node `{node.name}` ({node.op})."
        )


def _layer(
    model: OnnxModel, b: Builder, node: OnnxNode, env: Env, results: list[Tensor]
) -> list[LayerInfo]:
    """The rows of a summary for one node: one, or none."""
    found = results[0].operand if results else None
    if not isinstance(found, Value):
        return []
    b.mark_layer(node.name, found)
    read = [env[name].operand for name in node.inputs if name in env]
    varying = [x for x in read if isinstance(x, Value)]
    first = varying[0].index if varying and read[0] is varying[0] else None
    if node.op in _HIDDEN or first == found.index:
        return []
    last = b.nodes[found.index - 1]
    before = first if node.op in ACTIVATIONS and len(varying) == 1 else None
    weights = sum(model.constants[i].size for i in node.inputs if i in model.constants)
    shape = last.shape[1:] if _has_batch(last.shape) else last.shape
    return [LayerInfo(node.name, node.op, tuple(shape), int(weights), before, found.index)]


def _output(b: Builder, env: Env, info: TensorInfo) -> Operand:
    if info.name not in env:
        raise ModelError(
            f"Every output must be returned by a node; the file may be cut short. "
            f"Received: output `{info.name}`, which none returns."
        )
    found = env[info.name].operand
    found = found if isinstance(found, Value) else np.asarray(found, np.float64)
    shape = tuple(found.shape)
    return found if _has_batch(shape) else b.reshape(found, (1, *shape))
