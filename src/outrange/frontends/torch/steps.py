"""Conversion of exported programs to steps in core ATen operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core import ModelError, UnsupportedError
from ..traced import TracedProgram, TracedStep, random_numbers
from .api import quiet, torch
from .export import export_function, first_line
from .places import operation_place


def trace_program(program: Any) -> TracedProgram:
    """Read an exported program as a sequence of core ATen operations.

    Raises:
        ModelError: A weight is not finite, a constant is NaN, or PyTorch cannot decompose the
            program.
        UnsupportedError: The program draws random numbers.
    """
    t = torch()
    try:
        with quiet(), t.no_grad():
            program = program.run_decompositions()
    except Exception as error:
        raise ModelError(
            "PyTorch must be able to decompose the program into core ATen operations; export "
            "the program again with the installed version of PyTorch. Received: "
            f"{type(error).__name__}: {first_line(error)}"
        ) from error
    signature, constants, inputs, steps = program.graph_signature, {}, [], []
    for node in program.graph_module.graph.nodes:
        if node.op == "placeholder" and node.name in signature.user_inputs:
            inputs.append(node.name)
        elif node.op == "placeholder":
            constants[node.name] = _read_constant(t, program, node)
        elif node.op == "get_attr":
            value = getattr(program.graph_module, node.target)
            # The branch of a higher-order operation is not a tensor; such operations have no rule.
            constants[node.name] = _array(t, value) if t.is_tensor(value) else np.zeros(0)
        elif node.op == "call_function" and "_assert" not in str(node.target):
            # Assertions are about shapes and types, which the trace has fixed.
            steps.append(_step(t, node))
    (results,) = next(n.args for n in program.graph_module.graph.nodes if n.op == "output")
    pairs = zip(results, signature.output_specs, strict=True)
    outputs = [n.name for n, spec in pairs if spec.kind.name == "USER_OUTPUT" and _nodes(n)]
    return TracedProgram(inputs, steps, outputs, constants)


def _read_constant(t: Any, program: Any, node: Any) -> np.ndarray:
    """Return a parameter, buffer or constant of a program, or an empty array for a token.

    A buffer may have infinite entries, because it may be a mask.

    Raises:
        ModelError: The program uses the array, which has NaN entries or is a parameter with
            infinite entries.
    """
    signature = program.graph_signature
    parameter = signature.inputs_to_parameters.get(node.name)
    name = parameter or signature.inputs_to_buffers.get(node.name)
    name = name or signature.inputs_to_lifted_tensor_constants.get(node.name)
    if name is None:
        return np.zeros(0)
    array = _array(t, {**program.state_dict, **program.constants}[name])
    if array.dtype.kind == "f" and node.users:
        bad = np.argwhere(np.isnan(array) if parameter is None else ~np.isfinite(array))
        if len(bad):
            entry = ", ".join(str(i) for i in bad[0])
            word = "Constants" if parameter is None else "Weights"
            raise ModelError(
                f"{word} must be finite numbers; correct them in the module. Received: "
                f"{name}[{entry}]={float(array[tuple(bad[0])])} ({len(bad)} in total)."
            )
    return array


def _array(t: Any, tensor: Any) -> np.ndarray:
    """Convert a tensor or a Python number to an array; bfloat16 becomes float32.

    Raises:
        UnsupportedError: The numbers of the tensor cannot be read, because it is quantized or
            inside a function transform.
    """
    if isinstance(tensor, bool | int | float):  # the item of a tensor
        return np.asarray(tensor)
    tensor = tensor.detach().cpu()
    try:
        return (tensor.float() if tensor.dtype == t.bfloat16 else tensor).numpy()
    except (RuntimeError, TypeError) as error:
        raise UnsupportedError(
            "a constant of the program must be a dense tensor of numbers. Received: "
            f"{type(tensor).__name__} of {tensor.dtype}, and {first_line(error)}"
        ) from error


def _nodes(tree: Any) -> list[Any]:
    """Return all nodes of the program that occur in nested arguments, in order."""
    if hasattr(tree, "op") and hasattr(tree, "meta"):
        return [tree]
    if isinstance(tree, list | tuple):
        return [n for part in tree for n in _nodes(part)]
    return []


def _operands(node: Any) -> list[Any]:
    return _nodes([node.args, list(node.kwargs.values())])


def _step(t: Any, node: Any) -> TracedStep:
    reads = _operands(node)
    schema = getattr(node.target, "_schema", None)
    names = [] if schema is None else [a.name for a in schema.arguments]
    arguments = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
    place = {id(n): i for i, n in reversed(list(enumerate(reads)))}
    attributes = {k: _with_places(v, place) for k, v in arguments.items()}
    if not names:
        attributes = {str(i): _with_places(v, place) for i, v in enumerate(node.args)}
    where = operation_place(node)
    value = node.meta.get("val")
    has_many = isinstance(value, list | tuple)
    makes = [(node.name, i) for i in range(len(value))] if has_many else [node.name]
    kind = str(node.target).removeprefix("aten.")
    if schema is None:
        # One of Python's operators on sizes, or a higher-order operation.
        kind = f"{getattr(node.target, 'namespace', 'operator')}.{node.target.__name__}"
    trains = "training" in names and arguments.get("training", False)
    draws = t.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())
    if draws and (trains or "training" not in names):
        raise random_numbers(kind, where)
    if kind == "operator.getitem":
        source = node.args[0].name, node.args[1]
        return TracedStep("same", [source], makes, {}, lambda x: [x])
    dtypes = [_dtype(n.meta.get("val")) for n in reads]
    run = _runner(t, node, place)
    results = [_dtype(x) for x in (value if has_many else [value])]
    return TracedStep(kind, [n.name for n in reads], makes, attributes, run, dtypes, where, results)


def _dtype(tensor: Any) -> str:
    """Return the name of a tensor's dtype, or `""` for anything else."""
    return str(getattr(tensor, "dtype", "")).removeprefix("torch.")


class Place(int):
    """The position of a tensor among the operands of a step."""


def _with_places(tree: Any, place: dict[int, int]) -> Any:
    if id(tree) in place:
        return Place(place[id(tree)])
    if isinstance(tree, list | tuple):
        return [_with_places(part, place) for part in tree]
    return tree


def _runner(t: Any, node: Any, place: dict[int, int]) -> Callable[..., list[np.ndarray]]:
    """Return a function that runs the operation on operands, or on positions of their entries."""
    dtypes = [getattr(n.meta.get("val"), "dtype", None) for n in _operands(node)]
    # A program overwrites uninitialized memory before it reads it, so any numbers can stand there.
    # If it does not, its runs differ from its graph, and the model is refused.
    is_blank = str(node.target).startswith(("aten.empty", "aten.new_empty"))

    def run(*arrays: np.ndarray) -> list[np.ndarray]:
        tensors = [_tensor(t, x, dtype) for x, dtype in zip(arrays, dtypes, strict=True)]

        def fill(tree: Any) -> Any:
            if id(tree) in place:
                return tensors[place[id(tree)]]
            if isinstance(tree, list | tuple):
                return type(tree)(fill(part) for part in tree)
            return tree

        kwargs = {k: fill(v) for k, v in node.kwargs.items()}
        results = node.target(*(fill(a) for a in node.args), **kwargs)
        results = results if isinstance(results, list | tuple) else [results]
        return [_array(t, t.zeros_like(x) if is_blank else x) for x in results]

    return run


def _tensor(t: Any, array: np.ndarray, dtype: Any) -> Any:
    """Convert an operand to a tensor; numbers stored as floats get the recorded type.

    Integers in place of real numbers are positions of entries. They become float64, which
    represents them exactly and is accepted by every operation that moves real numbers.
    """
    tensor = t.from_numpy(np.array(array, order="C"))
    if dtype is None or (dtype.is_floating_point and array.dtype.kind in "iu"):
        return tensor if dtype is None else tensor.double()
    return tensor.to(dtype) if array.dtype.kind == "f" else tensor


def trace_function(
    function: Callable, specs: Sequence[tuple[tuple[int, ...], str]]
) -> TracedProgram:
    """Trace a function from tensors to a flat list of tensors, and read it as steps."""
    t = torch()
    examples = [t.zeros(shape, dtype=getattr(t, dtype)) for shape, dtype in specs]
    return trace_program(export_function(function, examples))
