"""The one file that imports PyTorch: modules and functions in core ATen operations."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...core import ModelError, pip_install
from ..traced import TracedProgram, TracedStep


def torch() -> Any:
    """The module `torch`.

    Raises:
        ModelError: It is not installed.
    """
    try:
        import torch  # pyright: ignore[reportMissingImports]  # an optional framework
    except ImportError:
        raise ModelError(
            f"PyTorch is needed for that, and is not installed. Run {pip_install('torch')}."
        ) from None
    return torch


def dispatch_mode(handle: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]) -> Any:
    """A context in which every operation below automatic differentiation is handed over.

    Args:
        handle: Gets the operation and its arguments; what it returns is the operation's result.
    """
    from torch.utils._python_dispatch import (  # pyright: ignore[reportMissingImports]  # an optional framework
        TorchDispatchMode,
    )

    class Handing(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
        ) -> Any:
            return handle(func, args, kwargs or {})

    return Handing()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Exporting warns of its own internals."""
    loggers = [logging.getLogger(name) for name in ("torch.export", "torch._export", "torch")]
    levels = [log.level for log in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for log in loggers:
            log.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for log, level in zip(loggers, levels, strict=True):
                log.setLevel(level)


@contextlib.contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """A module in evaluation mode; that of an exported program is fixed."""
    switches = (
        module.training
        and not hasattr(module, "validate_inputs")
        and not (type(module).__module__.startswith("torch.fx"))
    )
    if switches:
        module.eval()
    try:
        yield
    finally:
        if switches:
            module.train()


def exported(module: Any, examples: Sequence[np.ndarray]) -> Any:
    """A module as a program, by `torch.export`, in evaluation mode.

    Raises:
        ModelError: Its code cannot be exported.
    """
    t = torch()
    tensors = tuple(t.as_tensor(x) for x in examples)
    try:
        with quiet(), t.no_grad(), evaluating(module):
            return t.export.export(module, tensors)
    except Exception as error:
        first = str(error).strip().splitlines()[0][:300] if str(error).strip() else ""
        raise ModelError(
            f"`torch.export` must be able to export the module `{type(module).__name__}` for an "
            f"input of shape {tuple(examples[0].shape)}. "
            f"Received: {type(error).__name__}: {first}."
        ) from error


def opened(path: Path, safe: bool) -> Any:
    """The program in a `.pt2` file; with `safe` nothing in it is unpickled but tensors.

    Raises:
        ModelError: The file cannot be read.
    """
    t, name = torch(), "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    if safe:
        os.environ[name] = "1"
    try:
        with quiet():
            return t.export.load(os.fspath(path))
    except Exception as error:
        first = str(error).strip().splitlines()[0][:300] if str(error).strip() else ""
        raise ModelError(
            f"`{path.name}` must be a program that `torch.export.save` wrote. "
            f"Received: {type(error).__name__}: {first}."
        ) from error
    finally:
        if safe:
            os.environ.pop(name, None)
            if before is not None:
                os.environ[name] = before


def is_program(model: Any) -> bool:
    """Whether `model` is an exported program."""
    return isinstance(model, torch().export.ExportedProgram)


def input_shapes(program: Any) -> list[tuple[str, tuple, str]]:
    """Name, shape (a free size as None) and dtype of each input of an exported program."""
    found = []
    users = set(program.graph_signature.user_inputs)
    for node in program.graph_module.graph.nodes:
        if node.op == "placeholder" and node.name in users:
            value = node.meta["val"]
            shape = tuple(n if isinstance(n, int) else None for n in value.shape)
            found.append((node.name, shape, str(value.dtype).removeprefix("torch.")))
    return found


def recorded(program: Any) -> TracedProgram:
    """An exported program in core ATen operations."""
    t = torch()
    with quiet(), t.no_grad():
        program = program.run_decompositions()
    signature = program.graph_signature
    stored = {**program.state_dict, **program.constants}
    named = {
        **signature.inputs_to_parameters, **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }  # fmt: skip
    constants, inputs, steps, outputs = {}, [], [], []
    for node in program.graph_module.graph.nodes:
        if node.op == "placeholder":
            if node.name in named:
                constants[node.name] = stored[named[node.name]].detach().cpu().numpy()
            else:
                inputs.append(node.name)
        elif node.op == "output":
            outputs = [n.name for n in _nodes(node.args[0])]
        elif "_assert" in str(node.target):
            continue  # Of shapes and types, which the trace has fixed.
        elif node.op == "get_attr":
            constants[node.name] = getattr(program.graph_module, node.target).detach().numpy()
        else:
            steps.append(_step(t, node))
    mutated = len(signature.buffers_to_mutate) + len(signature.user_inputs_to_mutate)
    return TracedProgram(inputs, steps, outputs[mutated:], constants)


def _nodes(tree: Any) -> list[Any]:
    """The nodes in nested arguments, in order."""
    if hasattr(tree, "op") and hasattr(tree, "meta"):
        return [tree]
    if isinstance(tree, list | tuple):
        return [n for part in tree for n in _nodes(part)]
    return []


def _step(t: Any, node: Any) -> TracedStep:
    reads = _nodes([node.args, list(node.kwargs.values())])
    schema = getattr(node.target, "_schema", None)
    names = [] if schema is None else [a.name for a in schema.arguments]
    given = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
    place = {id(n): i for i, n in reversed(list(enumerate(reads)))}
    attributes = {k: _with_places(v, place) for k, v in given.items()}
    if not names:
        attributes = {str(i): _with_places(v, place) for i, v in enumerate(node.args)}
    value = node.meta.get("val")
    many = isinstance(value, list | tuple)
    makes = [(node.name, i) for i in range(len(value))] if many else [node.name]
    if schema is None:
        kind = f"operator.{node.target.__name__}"
    else:
        kind = str(node.target).removeprefix("aten.")
    if kind == "operator.getitem":
        source = node.args[0].name, node.args[1]
        return TracedStep("same", [source], makes, {}, lambda x: [x])
    dtypes = [str(getattr(n.meta.get("val"), "dtype", "")).removeprefix("torch.") for n in reads]
    run = _runner(t, node, place)
    return TracedStep(kind, [n.name for n in reads], makes, attributes, run, dtypes)


class Place(int):
    """The place of a tensor among the operands of a step."""


def _with_places(tree: Any, place: dict[int, int]) -> Any:
    if id(tree) in place:
        return Place(place[id(tree)])
    if isinstance(tree, list | tuple):
        return [_with_places(part, place) for part in tree]
    return tree


def _runner(t: Any, node: Any, place: dict[int, int]) -> Callable[..., list[np.ndarray]]:
    """The operation itself, on arrays of any type."""

    def run(*arrays: np.ndarray) -> list[np.ndarray]:
        tensors = [t.from_numpy(np.array(x, order="C")) for x in arrays]

        def filled(tree: Any) -> Any:
            if id(tree) in place:
                return tensors[place[id(tree)]]
            if isinstance(tree, list | tuple):
                return type(tree)(filled(part) for part in tree)
            return tree

        kwargs = {k: filled(v) for k, v in node.kwargs.items()}
        found = node.target(*(filled(a) for a in node.args), **kwargs)
        return [x.numpy() for x in (found if isinstance(found, list | tuple) else [found])]

    return run


def recorded_function(
    function: Callable, specs: Sequence[tuple[tuple[int, ...], str]]
) -> TracedProgram:
    """A function of tensors, with a flat list of results, in core ATen operations."""
    t = torch()

    class Wrapped(t.nn.Module):
        def forward(self, *tensors: Any) -> tuple[Any, ...]:
            return tuple(function(*tensors))

    examples = tuple(t.zeros(shape, dtype=getattr(t, dtype)) for shape, dtype in specs)
    with quiet(), t.no_grad():
        return recorded(t.export.export(Wrapped(), examples))


def predictor(module: Any) -> Callable[[Sequence[np.ndarray]], np.ndarray]:
    """A module (or the module of a program) on a batch of arrays: flat outputs, row by row."""
    t = torch()

    def predict(parts: Sequence[np.ndarray]) -> np.ndarray:
        with t.no_grad(), quiet(), evaluating(module):
            found = module(*(t.from_numpy(np.ascontiguousarray(p)) for p in parts))
        flat = t.utils._pytree.tree_leaves(found)
        return np.concatenate(
            [np.asarray(x.detach().cpu()).reshape(len(parts[0]), -1) for x in flat], 1
        )

    return predict
