"""Loader of PyTorch modules, exported programs and `.pt2` files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...core import InputError, ModelError, OutrangeError, UnsupportedError
from ...graph import Builder, Slot, Value
from ...graph.float32 import FLOAT32, FLOAT64
from ..check import check_same
from ..input_limits import limited_inputs
from ..network import LayerInfo, Network
from ..traced import lower
from . import api, files
from .export import export_module, first_line
from .rows import RowRunner, check_rows_independent
from .rules import TABLE
from .steps import trace_program


def load_torch(
    model: Any, *, input_shape: Sequence[int] | None = None, safe_mode: bool = True
) -> Network:
    """Read a PyTorch model into a graph, and check that the graph matches the model.

    A module is exported by `torch.export` in evaluation mode, to core ATen operations.

    Args:
        model: A `torch.nn.Module`, an exported program, or the path of a `.pt2` file.
        input_shape: Shape of one input, without the batch axis, for modules only. The default is
            the number of input features of the first layer with weights, if that layer is `Linear`.
        safe_mode: Whether to reject files that could run arbitrary code.

    Returns:
        The network, with the model itself as `predict`.

    Raises:
        InputError: `input_shape` is invalid, or it is missing and there is no default.
        ModelError: The file is unreadable or unsafe, the model cannot be exported, a weight is not
            finite, or the graph differs from the model.
        UnsupportedError: An operation is not supported, or the model mixes the rows of a batch.
    """
    name = type(model).__name__
    if isinstance(model, str | os.PathLike):
        path = Path(os.fsdecode(os.fspath(model)))
        if safe_mode:
            files.check(path)
        model, name = api.load_program(path, safe_mode), path.stem
    with _as_model_errors(name):
        return _load(model, name, input_shape)


@contextlib.contextmanager
def _as_model_errors(name: str) -> Iterator[None]:
    """Convert exceptions of other libraries, or from a bug in this one, to a `ModelError`."""
    try:
        yield
    except OutrangeError:
        raise
    except MemoryError as error:
        raise ModelError(
            "A model must fit in the memory of this computer; make its layers narrower, or its "
            f"images smaller. Received: `{name}`."
        ) from error
    except Exception as error:
        raise ModelError(
            f"Model `{name}` cannot be read. This is a bug in outrange; please report it. "
            f"Received: {type(error).__name__}: {first_line(error)}."
        ) from error


def _load(model: Any, name: str, input_shape: Sequence[int] | None) -> Network:
    if api.is_program(model):
        program, module = model, model.module()
        inputs = api.input_shapes(program)
        if any(shape and shape[0] is None for _, shape, _ in inputs):
            # Sizes that are formulas of the batch become numbers.
            fixed = [np.zeros([n or 1 for n in shape], dtype) for _, shape, dtype in inputs]
            program = export_module(module, fixed)
    else:
        module, dtype = model, _computed_type(model, name)
        shape = _first_shape(model) if input_shape is None else _check_shape(input_shape)
        program = export_module(model, [np.zeros((1, *shape), dtype)])
    network, rows = _network(program, module, name)
    check_rows_independent(network, rows)
    check_same(network)
    return network


def _computed_type(module: Any, name: str) -> str:
    """Return the dtype in which a module computes.

    Raises:
        UnsupportedError: The dtype is neither float32 nor float64.
    """
    dtype = api.floating_type(module)
    if dtype not in ("float32", "float64"):
        raise UnsupportedError(
            f"Module `{name}` computes in {dtype}, whose rounding is not supported. Load it as "
            f"`module.float()`. Received: parameters of {dtype}."
        )
    return dtype


def _check_shape(shape: Any) -> tuple[int, ...]:
    """Return an input shape as a tuple.

    Raises:
        InputError: `shape` is not a sequence of positive integers.
    """
    is_sequence = isinstance(shape, Sequence) and not isinstance(shape, str)
    if not is_sequence or not all(isinstance(n, int) and n > 0 for n in shape):
        raise InputError(
            "`input_shape` must be a sequence of positive integers, the shape of the module's "
            "one input without the batch axis, such as (3, 32, 32). "
            f"Received: input_shape={shape!r}."
        )
    return tuple(shape)


def _first_shape(module: Any) -> tuple[int, ...]:
    """Return the input shape of a module whose first layer with weights has `in_features`.

    Raises:
        InputError: The first layer with weights has no `in_features`, or no layer has weights.
    """
    for part in module.modules():
        features = getattr(part, "in_features", None)
        if features is not None:
            return (int(features),)
        if getattr(part, "weight", None) is not None:
            break
    raise InputError(
        "A PyTorch module does not state its input shape. Load it once with the shape, "
        "`outrange.load(module, input_shape=(3, 32, 32))`, and pass the resulting network. "
        f"Received: `{type(module).__name__}` without `input_shape`."
    )


def _network(program: Any, module: Any, name: str) -> tuple[Network, RowRunner]:
    """Build the network of a program, and a `RowRunner` of its module."""
    slots, batches = [], []
    for title, shape, dtype in api.input_shapes(program):
        is_float = dtype in ("float32", "float64")
        if not shape or any(n is None for n in shape[1:]) or not is_float:
            raise ModelError(
                "Every input must contain real numbers and have a fixed shape except for its "
                "batch axis. "
                f"Received: `{title}` of shape {shape} and dtype {dtype}."
            )
        if shape[0] not in (1, None):
            raise ModelError(
                "The program must be exported for a batch of 1, or with a dynamic batch axis. "
                f"Received: `{title}` of shape {shape}."
            )
        batches.append(shape[0])
        slots.append((Slot(title, tuple(int(n) for n in shape[1:])), dtype))
    b = Builder([slot for slot, _ in slots], source=name)
    try:
        recording = trace_program(program)
        results = lower(b, recording, b.input_values(), TABLE)
    except ModelError as error:
        raise type(error)(f"Model `{name}`: {error}") from error
    outputs = [x if isinstance(x, Value) else np.asarray(x, float) for x in results]
    if not outputs:
        raise ModelError(
            f"A model must return at least one tensor. Received: no tensor from `{name}`."
        )
    for x in outputs:
        if not x.shape or x.shape[0] != 1:
            raise UnsupportedError(
                "The first axis of every output must be the batch axis, as in the input. "
                f"Received: an output of shape {tuple(x.shape)} for a batch of 1."
            )
    names = ["output"] if len(outputs) == 1 else [f"output_{i}" for i in range(len(outputs))]
    for title, x in zip(names, outputs, strict=True):
        b.mark_layer(title, x)
    b.inputs = limited_inputs(b, [])
    graph = b.finish(outputs, names)
    infos = tuple(
        LayerInfo(title, "Output", tuple(x.shape[1:]), 0, None, b.moved[x.index])
        for title, x in zip(names, outputs, strict=True)
        if isinstance(x, Value)
    )
    rows = RowRunner(module, slots)
    predict = rows.one_by_one if all(n == 1 for n in batches) else rows.as_batch
    dtypes = {d for step in recording.steps for d in step.dtypes} | {d for _, d in slots}
    computed = FLOAT32 if "float32" in dtypes else FLOAT64
    network = Network(
        graph, predict, name, "torch", infos, None, b.plain, b.places, b.bypassed, computed=computed
    )
    return network, rows
