"""Lowering of the records of a file to a graph, node by node."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...core import InputError, ModelError, UnsupportedError, check_deadline
from ...core.sizes import INPUTS, LARGEST_VALUE, NODES, WEIGHTS, Tally
from ...graph import Builder, Graph, Slot, Value
from ...graph.builder import Operand
from ..input_limits import ValueLimit, limited_inputs
from ..network import LayerInfo
from .api import evaluate_node
from .declared_sizes import check_total_size
from .element_types import FLOATS, Tensor
from .fuse import fuse_bias
from .quantized.kernels import kernel_of
from .quantized.rewrites import find_quantized
from .quantized.state import Quantization
from .records import OnnxModel, OnnxNode, TensorInfo
from .rules import (  # these fill the table
    arithmetic as arithmetic,
    constants as constants,
    convolution as convolution,
    logic as logic,
    quantized as quantized,
    recurrent as recurrent,
    reductions as reductions,
    resize as resize,
    shapes as shapes,
    windows as windows,
)
from .rules.control import CONTROL, RANDOM, Env
from .rules.elementwise import ACTIVATIONS
from .rules.table import TABLE, OnnxCall
from .type_changes import TypeChanges


_NOT_IN_SUMMARY = {"Constant", "ConstantOfShape", "Identity", "Shape", "Cast", "Dropout"}
"""Operators that are not listed in a summary."""

_MAY_BE_INFINITE = {"Clip", "Max", "Min", "Where", "Pad", "Identity", "Reshape"}
"""Operators in which an infinite constant means "no limit" or is a placeholder."""


OPSETS = (7, 24)
"""The oldest and the newest supported operator set. Files with other operator sets are not rejected
for their version: they are read if their operators can be lowered."""


def operators() -> list[str]:
    """Return the names of the ONNX operators that have a lowering rule.

    A rule may reject attributes, inputs or element types of its operator.
    """
    return sorted(name for name in {*TABLE, *CONTROL} if "+" not in name)


@dataclass(frozen=True, eq=False)
class OnnxGraph:
    """The graph of an ONNX file, and the relation of its values to the file's layers and tensors.

    Args:
        graph: The graph, after elementwise sub-graphs were fused into curves.
        layers: One entry per node that a summary lists, in order.
        values: Map from the name of a tensor of the file to the index of its value in `plain` (or
            in `graph`, if `plain` is None). Constant tensors are absent.
        plain: The graph before the fusion; None if nothing was fused.
        places: Map from the index of a value of `graph` to the index of the same value in `plain`.
        bypassed: Indices of the values of `graph` that a fused curve bypasses.
        undescribed: Text that names the first node whose rounding the graph does not describe;
            empty if there is none. See `frontends.network.Network`.
        is_quantized: Whether some value that depends on the input is quantized.
    """

    graph: Graph
    layers: tuple[LayerInfo, ...]
    values: dict[str, int]
    plain: Graph | None = None
    places: dict[int, int] = field(default_factory=dict)
    bypassed: frozenset[int] = frozenset()
    undescribed: str = ""
    is_quantized: bool = False


def input_shape(info: TensorInfo) -> tuple[int, ...]:
    """Return the full shape of an input, with 1 as the size of an open batch axis.

    Raises:
        ModelError: The file declares no shape, leaves an axis other than the batch axis open, or
            declares too large a size.
        UnsupportedError: The element type of the input is neither float32 nor float64.
    """
    if info.kind not in FLOATS:
        raise UnsupportedError(
            f"Input `{info.name}` must contain float32 or float64 numbers; export the model with "
            f"such an input, and a cast after it. Received: {info.kind}."
        )
    if info.dims is None:
        raise ModelError(
            f"Input `{info.name}` must declare its shape; export the model with a "
            "fixed input shape. Received: no shape."
        )
    shape = []
    for i, n in enumerate(info.dims):
        free = isinstance(n, str) or n <= 0
        if free and (i > 0 or len(info.dims) == 1):
            raise ModelError(
                f"Input `{info.name}` may leave open only its first axis, the batch; export the "
                f"model with a fixed size. Received: shape {info.dims}."
            )
        shape.append(1 if free else int(n))
    Tally(INPUTS).add(shape, f"input `{info.name}`")
    return tuple(shape)


def _has_batch(shape: tuple[int, ...]) -> bool:
    return len(shape) > 1 and shape[0] == 1


class Feeds:
    """Converter of flat points to the arrays that a runtime expects.

    Args:
        model: The records of the file.
    """

    def __init__(self, model: OnnxModel) -> None:
        self._inputs, start = [], 0
        for info in model.inputs:
            shape = input_shape(info)
            end = start + int(np.prod(shape))
            self._inputs.append((info.name, slice(start, end), shape, info.kind))
            start = end

    def __call__(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Convert one flat point `(inputs,)` to a dict from input name to array."""
        return {
            name: x[part].reshape(shape).astype(kind) for name, part, shape, kind in self._inputs
        }


@dataclass(frozen=True)
class _Counts:
    """Totals of a file: entries of its constants, and nodes weighted by how often they run.

    The record also collects the changes of element types and the quantized tensors of the file.
    """

    constants: Tally
    nodes: Tally
    types: TypeChanges
    quantization: Quantization


def lower(model: OnnxModel, kernel: str = "any") -> OnnxGraph:
    """Lower `model` to a graph that encloses the results of the kernels that `kernel` names.

    Raises:
        UnsupportedError: A node, or an attribute of one, is not supported.
        ModelError: The file is not a legal graph, or it is too large.
    """
    if not model.inputs:
        raise ModelError(f"`{model.name}` must have at least one input. Received: no inputs.")
    full = [input_shape(info) for info in model.inputs]
    slots = [
        Slot(info.name, shape[1:] if _has_batch(shape) else shape)
        for info, shape in zip(model.inputs, full, strict=True)
    ]
    b = Builder(slots)
    check_total_size(model, dict(zip((info.name for info in model.inputs), full, strict=True)))
    types = TypeChanges(frozenset(info.kind for info in model.inputs))
    nodes, constants = fuse_bias(model)
    quantization = Quantization(b, kernel_of(kernel), find_quantized(nodes, constants))
    counts = _Counts(Tally(WEIGHTS), Tally(NODES), types, quantization)
    for name, array in model.constants.items():
        counts.constants.add(array.shape, f"`{name}`")
    env = {name: Tensor.of(array) for name, array in model.constants.items()}
    for info, shape, value in zip(model.inputs, full, b.input_values(), strict=True):
        env[info.name] = Tensor(b.reshape(value, shape), info.kind)
    layers: list[LayerInfo] = []
    limits: list[ValueLimit] = []
    for node in nodes:
        check_deadline()
        b.source = node.name
        layers += _layer(model, b, node, env, _lower_node(model, b, node, env, limits, counts))
    outputs = [
        quantization.output(_output(b, env, info), info.name, env[info.name].kind)
        for info in model.outputs
    ]
    b.inputs = limited_inputs(b, limits)
    keep = [v for info in layers for v in (info.before, info.after) if v is not None]
    graph = b.finish(outputs, [info.name for info in model.outputs], keep)
    new_indices = b.moved
    infos = tuple(
        replace(
            i,
            after=new_indices[i.after],
            before=None if i.before is None else new_indices[i.before],
        )
        for i in layers
    )
    values = {name: t.operand.index for name, t in env.items() if isinstance(t.operand, Value)}
    undescribed = counts.types.undescribed
    fused = b.plain, b.places, b.bypassed
    return OnnxGraph(graph, infos, values, *fused, undescribed, quantization.quantizers > 0)


def _lower_node(
    model: OnnxModel,
    b: Builder,
    node: OnnxNode,
    env: Env,
    limits: list[ValueLimit],
    counts: _Counts,
) -> list[Tensor]:
    counts.nodes.add((), f"node `{node.name}` ({node.op})")
    b.operation = node.op

    def run(nodes: Sequence[OnnxNode], inner: Env) -> None:
        for part in nodes:
            b.source = f"{node.name}/{part.name}"
            _lower_node(model, b, part, inner, limits, counts)

    tensors: list[Tensor | None] = []
    for name in node.inputs:
        if name and name not in env:
            raise ModelError(
                "Every node must read only inputs, constants and results of earlier nodes; the "
                f"file is damaged, or its graph has a cycle. Received: node `{node.name}` "
                f"({node.op}) reads `{name}`."
            )
        tensor = env[name] if name else None
        if tensor is not None and node.op not in _MAY_BE_INFINITE:
            _check_finite(node, name, tensor.operand)
        tensors.append(tensor)
    if node.op in CONTROL and not node.domain:
        results = CONTROL[node.op](b, node, env, run)
    elif _is_constant(node, tensors):
        results = _evaluate_constants(model, node, tensors)
    else:
        results = OnnxCall(b, node, tensors, model.opset, limits, counts.quantization).run()
    counts.quantization.follow(node, tensors, results)
    for name, result in zip(node.outputs, results, strict=False):
        if name in env:
            raise ModelError(
                f"Each tensor must be returned by only one node. Received: `{name}`, returned "
                f"again by `{node.name}`."
            )
        varies = isinstance(result.operand, Value)
        if varies:
            counts.types.add(node, tensors, result.kind)
        if not varies:
            counts.constants.add(np.shape(result.operand), f"node `{node.name}` ({node.op})")
        if name:
            env[name] = result
    return results


def _is_constant(node: OnnxNode, tensors: list[Tensor | None]) -> bool:
    """Return whether the `onnx` package evaluates a node, because its operands are constant.

    This applies to ONNX's own operators without a rule, except for random ones.
    """
    has_rule = node.domain or node.op in TABLE or node.op in RANDOM
    return not has_rule and not any(t is not None and isinstance(t.operand, Value) for t in tensors)


def _evaluate_constants(
    model: OnnxModel, node: OnnxNode, tensors: list[Tensor | None]
) -> list[Tensor]:
    operands: list[Any] = [None if t is None else t.operand for t in tensors]
    try:
        results = evaluate_node(node, operands, model.opset)
    except Exception as error:  # the reference evaluation raises many classes
        raise UnsupportedError(
            f"Node `{node.name}` ({node.op}), which reads only constants, cannot be evaluated. "
            f"Received: {type(error).__name__}: {str(error)[:200]}."
        ) from error
    for x in results:
        if np.size(x) > LARGEST_VALUE:
            raise ModelError(
                f"Node `{node.name}` ({node.op}) must return a tensor that fits in memory. "
                f"Received: shape {np.shape(x)}."
            )
    return [Tensor.of(x) for x in results]


def _check_finite(node: OnnxNode, name: str, x: Operand) -> None:
    if isinstance(x, np.ndarray) and x.dtype.kind == "f" and np.isinf(x).any():
        raise ModelError(
            "Every weight must be finite; train or export the network again. Received: an infinity "
            f"in `{name}`, read by node `{node.name}` ({node.op})."
        )


def _layer(
    model: OnnxModel, b: Builder, node: OnnxNode, env: Env, results: list[Tensor]
) -> list[LayerInfo]:
    """Return a list with a node's entry in the summary, or `[]` if the node is not listed."""
    result = results[0].operand if results else None
    if not isinstance(result, Value):
        return []
    b.mark_layer(node.name, result)
    read = [env[name].operand for name in node.inputs if name in env]
    varying = [x for x in read if isinstance(x, Value)]
    first = varying[0].index if varying and read[0] is varying[0] else None
    if node.op in _NOT_IN_SUMMARY or first == result.index:
        return []
    last = b.nodes[result.index - 1]
    before = first if node.op in ACTIVATIONS and len(varying) == 1 else None
    weights = sum(model.constants[i].size for i in node.inputs if i in model.constants)
    shape = last.shape[1:] if _has_batch(last.shape) else last.shape
    return [LayerInfo(node.name, node.op, tuple(shape), int(weights), before, result.index)]


def _output(b: Builder, env: Env, info: TensorInfo) -> Operand:
    if info.name not in env:
        raise ModelError(
            "A node must produce every graph output; the file may be truncated. "
            f"Received: output `{info.name}`, which no node produces."
        )
    kind = env[info.name].kind
    if info.is_hidden and info.kind not in ("", kind):
        raise InputError(
            f"The hidden tensor `{info.name}` must be declared with its type, which is {kind} in "
            f"the ONNX file. Received: {info.kind}."
        )
    result = env[info.name].operand
    result = result if isinstance(result, Value) else np.asarray(result, np.float64)
    shape = tuple(result.shape)
    return result if _has_batch(shape) else b.reshape(result, (1, *shape))
