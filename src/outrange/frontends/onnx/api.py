"""Conversion of ONNX files to plain records; the only module that imports `onnx`.

Importing `onnx` takes about as long as all other steps of reading a small network. It is therefore
imported on the first call.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from ...core import InputError, ModelError, UnsupportedError, did_you_mean, pip_install
from ...core.sizes import WEIGHTS
from .files import read_bytes, stem
from .inlined_sizes import check_declared
from .records import OnnxModel, OnnxNode, Opaque, Subgraph, TensorInfo


_LARGEST_ENTRY = 16
"""Bytes per entry of the widest element type, complex128."""


def api() -> Any:
    """Import the `onnx` package on the first call, and return it.

    Raises:
        InputError: `onnx` is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise InputError(
            "Reading an `.onnx` file needs the package `onnx`: run "
            f"{pip_install('onnx', 'onnxruntime')}. Received: {error}."
        ) from error
    return onnx


def read_onnx(path: Path) -> OnnxModel:
    """Read the records of an `.onnx` or `.onnx.gz` file.

    Raises:
        InputError: There is no such file, or `onnx` is not installed.
        ModelError: The file is damaged, or a tensor is too large for any memory, is stored outside
            the file's folder, or contains NaN.
        UnsupportedError: The file has sparse initializers, or an input or an output that is not a
            tensor.
    """
    onnx = api()
    content = read_bytes(path)
    try:
        proto = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's own error class is not part of its interface
        raise ModelError(
            f"`{path.name}` is not an ONNX file, or is truncated; fetch it again. "
            f"Received: {type(error).__name__}: {error}."
        ) from error
    if any(not isinstance(word, str) for word in _words(proto)):
        raise ModelError(
            f"The names in `{path.name}` must be in UTF-8; the file is damaged. "
            "Received: bytes that are not UTF-8."
        )
    if not proto.graph.node or not proto.graph.output:
        raise ModelError(
            f"`{path.name}` must contain a graph with nodes and outputs; it may be truncated. "
            f"Received: {len(proto.graph.node)} nodes, {len(proto.graph.output)} outputs."
        )
    check_declared(proto)
    if proto.functions:
        from onnx.inliner import inline_local_functions

        proto = inline_local_functions(proto)
    if proto.graph.sparse_initializer:
        raise UnsupportedError(
            f"`{path.name}` must not have sparse initializers; export it with dense ones. "
            f"Received: `{proto.graph.sparse_initializer[0].values.name}`."
        )
    constants = {t.name: _array(onnx, t, path.parent) for t in proto.graph.initializer}
    inputs = tuple(_info(onnx, v) for v in proto.graph.input if v.name not in constants)
    return OnnxModel(
        name=stem(path),
        opset=_opset(path, proto),
        inputs=inputs,
        outputs=tuple(_info(onnx, v) for v in proto.graph.output),
        constants=constants,
        nodes=_nodes(onnx, proto.graph, path.parent),
        reference=lambda: _reference(proto),
        content=proto.SerializeToString,
    )


def add_outputs(model: OnnxModel, hidden: Mapping[str, str]) -> OnnxModel:
    """Return the model with inner tensors appended to its outputs.

    Args:
        model: The records of the file.
        hidden: The element type of each tensor, by its name. `"real"` stands for any type. Each
            tensor must be an output of a node of the main graph.

    Raises:
        InputError: A name in `hidden` is not an output of any node, or is already an output of
            the model.
    """
    if not hidden:
        return model
    outputs = [info.name for info in model.outputs]
    inner = {name for node in model.nodes for name in node.outputs if name}.difference(outputs)
    for name in hidden:
        if name in outputs:
            raise InputError(
                f"A hidden tensor must not be an output of `{model.name}`: use the output itself. "
                f"Received: `{name}`."
            )
        if name not in inner:
            raise InputError(
                f"A hidden tensor must be an output of a node of `{model.name}`."
                f"{did_you_mean(name, inner)} Received: `{name}`."
            )
    onnx = api()
    proto = onnx.load_model_from_string(model.content())
    # An output without a type gets the one that the runtime infers.
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in hidden)
    kinds = {name: "" if element == "real" else element for name, element in hidden.items()}
    return replace(
        model,
        outputs=model.outputs + tuple(TensorInfo(n, k, None, True) for n, k in kinds.items()),
        reference=lambda: _reference(proto),
        content=proto.SerializeToString,
    )


def _words(proto: Any) -> Iterator[str]:
    """Yield the names in the main graph.

    Each name is a string, except that older versions of protobuf return damaged names as bytes.
    """
    graph = proto.graph
    for node in graph.node:
        yield from (node.op_type, node.domain, node.name, *node.input, *node.output)
        yield from (attribute.name for attribute in node.attribute)
    yield from (item.name for part in (graph.input, graph.output) for item in part)
    yield from (tensor.name for tensor in graph.initializer)


def _opset(path: Path, proto: Any) -> int:
    versions = [o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")]
    if not versions:
        raise ModelError(
            f"`{path.name}` must import the standard ONNX operator set with a version; the file "
            "may be damaged, so export it again. Received: imports of the operator sets "
            f"{[o.domain for o in proto.opset_import]}."
        )
    return int(versions[0])


def _kind(onnx: Any, elem_type: int) -> str:
    try:
        return str(onnx.helper.tensor_dtype_to_np_dtype(elem_type))
    except (KeyError, TypeError, ValueError):
        return f"element type {elem_type}"


def _info(onnx: Any, value: Any) -> TensorInfo:
    form = value.type.WhichOneof("value")
    if form != "tensor_type":
        raise UnsupportedError(
            f"The ONNX value `{value.name}` must be a tensor. Received: "
            f"{form or 'a value without a type'}."
        )
    tensor = value.type.tensor_type
    kind = _kind(onnx, tensor.elem_type)
    if not tensor.HasField("shape"):
        return TensorInfo(value.name, kind, None)
    dims = tuple(
        int(d.dim_value) if d.HasField("dim_value") else str(d.dim_param) for d in tensor.shape.dim
    )
    return TensorInfo(value.name, kind, dims)


def _nodes(onnx: Any, graph: Any, folder: Path) -> tuple[OnnxNode, ...]:
    nodes: list[OnnxNode] = []
    used_names: set[str] = set()
    for i, node in enumerate(graph.node):
        name = node.name or f"{node.op_type}_{i}"
        while name in used_names:
            name = f"{name}_{i}"
        used_names.add(name)
        attributes = {a.name: _attribute(onnx, a, folder) for a in node.attribute}
        domain = "" if node.domain == "ai.onnx" else node.domain
        nodes.append(
            OnnxNode(node.op_type, domain, name, tuple(node.input), tuple(node.output), attributes)
        )
    return tuple(nodes)


def _attribute(onnx: Any, attribute: Any, folder: Path) -> Any:
    kinds = onnx.AttributeProto
    if attribute.ref_attr_name:
        return Opaque(f"a reference to `{attribute.ref_attr_name}`")
    if attribute.type == kinds.TENSOR:
        return _array(onnx, attribute.t, folder)
    if attribute.type == kinds.GRAPH:
        inside = attribute.g
        return Subgraph(
            tuple(v.name for v in inside.input),
            tuple(v.name for v in inside.output),
            {t.name: _array(onnx, t, folder) for t in inside.initializer},
            _nodes(onnx, inside, folder),
        )
    plain = (kinds.FLOAT, kinds.INT, kinds.STRING, kinds.FLOATS, kinds.INTS, kinds.STRINGS)
    if attribute.type not in plain:
        return Opaque(kinds.AttributeType.Name(attribute.type).lower())
    value = onnx.helper.get_attribute_value(attribute)
    if attribute.type in (kinds.FLOAT, kinds.FLOATS) and np.isnan(value).any():
        raise ModelError(
            f"An attribute must not contain NaN. Received: NaN in attribute `{attribute.name}`."
        )
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if attribute.type == kinds.STRINGS:
        return [v.decode("utf-8", "replace") for v in value]
    return list(value) if attribute.type in (kinds.FLOATS, kinds.INTS) else value


def _array(onnx: Any, tensor: Any, folder: Path) -> np.ndarray:
    """Return the entries of one tensor, after loading external data into it."""
    dims = [int(d) for d in tensor.dims]
    if min(dims, default=0) < 0 or math.prod(dims) > WEIGHTS.most:
        raise ModelError(
            f"Tensor `{tensor.name}` must fit in the memory of a computer; the file is damaged or "
            f"malicious. Received: shape {tuple(dims)}."
        )
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        _load_external_data(tensor, folder, onnx)
    try:
        array = np.array(onnx.numpy_helper.to_array(tensor))
    except Exception as error:  # `onnx` raises many classes for damaged tensors
        raise ModelError(
            f"Tensor `{tensor.name}` of shape {tuple(dims)} cannot be read; the file is damaged. "
            f"Received: {type(error).__name__}: {error}."
        ) from error
    if array.dtype.kind == "f" and np.isnan(array).any():
        at = np.argwhere(np.isnan(array))
        raise ModelError(
            "No weight may be NaN; train or export the network again. Received: NaN in "
            f"`{tensor.name}` at index {tuple(int(i) for i in at[0])} ({len(at)} in total)."
        )
    return array


def evaluate_node(
    node: OnnxNode, operands: Sequence[np.ndarray | None], opset: int
) -> list[np.ndarray]:
    """Evaluate a node on constants with the reference evaluator of `onnx`."""
    onnx = api()
    from onnx.reference import ReferenceEvaluator

    operands_by_name = {f"x{i}": x for i, x in enumerate(operands) if x is not None}
    names = [f"x{i}" if x is not None else "" for i, x in enumerate(operands)]
    outputs = [f"y{i}" for i, _ in enumerate(node.outputs)]
    attributes: dict[str, Any] = {
        k: onnx.numpy_helper.from_array(v) if isinstance(v, np.ndarray) else v
        for k, v in node.attributes.items()
    }
    constant_node = onnx.helper.make_node(node.op, names, outputs, domain=node.domain, **attributes)
    kinds = {k: onnx.helper.np_dtype_to_tensor_dtype(v.dtype) for k, v in operands_by_name.items()}
    graph = onnx.helper.make_graph(
        [constant_node],
        "constants",
        [
            onnx.helper.make_tensor_value_info(k, kinds[k], v.shape)
            for k, v in operands_by_name.items()
        ],
        [onnx.helper.make_value_info(k, onnx.TypeProto()) for k in outputs],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    results: Any = ReferenceEvaluator(model).run(None, operands_by_name)
    return list(results)


def serialize_array(name: str, array: np.ndarray) -> bytes:
    """Serialize an array as an ONNX tensor."""
    return api().numpy_helper.from_array(array, name).SerializeToString()


def _load_external_data(tensor: Any, folder: Path, onnx: Any) -> None:
    """Load a tensor's external data into the message, from files in the model's folder only."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    home = folder.resolve()
    target = (home / location).resolve()
    if not location or not target.is_relative_to(home) or not target.is_file():
        raise ModelError(
            f"Tensor `{tensor.name}` must be stored in a file inside the model's own folder. "
            f"Received: location `{location}`."
        )
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", -1))
        size = target.stat().st_size
        if offset < 0 or offset + max(length, 0) > size:
            raise ValueError(f"bytes {offset} to {offset + length} of a file of {size} bytes")
        length = size - offset if length < 0 else length
        if length > _LARGEST_ENTRY * math.prod(tensor.dims):
            raise ValueError(f"{length} bytes for {math.prod(tensor.dims)} entries")
        with target.open("rb") as file:
            file.seek(offset)
            tensor.raw_data = file.read(length)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"Tensor `{tensor.name}` cannot be read from `{location}`; fetch that file again. "
            f"Received: {error}."
        ) from error
    tensor.data_location = onnx.TensorProto.DEFAULT
    del tensor.external_data[:]


def _reference(proto: Any) -> Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """Return a function that runs the model with the reference evaluator of `onnx`.

    It maps arrays by input name to arrays by tensor name, for all tensors of the model. Older
    versions of `onnx` compute the outputs only.
    """
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(proto)
    names = [output.name for output in proto.graph.output]
    # Older versions of `onnx` return only the outputs.
    has_inner = "intermediate" in signature(evaluator.run).parameters
    options: dict[str, Any] = {"intermediate": True} if has_inner else {}

    def run(feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        with np.errstate(all="ignore"):
            results = evaluator.run(None, feeds, **options)
        return results if isinstance(results, dict) else dict(zip(names, results, strict=True))

    return run
