"""Entry point: a PyTorch module, an exported program or a `.pt2` file as a `Network`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...core import InputError, ModelError, UnsupportedError
from ...graph import Builder, Slot, Value
from ..check import check_same
from ..network import LayerInfo, Network
from ..traced import lower
from . import api, files
from .rules import TABLE


def load_torch(
    model: Any, *, input_shape: Sequence[int] | None = None, safe_mode: bool = True
) -> Network:
    """Read a PyTorch model, and make sure that the graph read from it is the model.

    A module is exported by `torch.export` in evaluation mode, in core ATen operations.

    Args:
        model: A `torch.nn.Module`, an exported program, or the path of a `.pt2` file.
        input_shape: Shape of one input, without the batch axis; modules only. By default the
            number of features that a first `Linear` takes.
        safe_mode: Refuse files that could run code of their own.

    Returns:
        The network: its graph, the model itself as `predict`.

    Raises:
        InputError: The shape of the input is not known.
        ModelError: The model cannot be exported, or the graph is not the model.
        UnsupportedError: An operation is not described.
    """
    name = "model"
    if isinstance(model, str | os.PathLike):
        path = Path(os.fsdecode(os.fspath(model)))
        if safe_mode:
            files.check(path)
        model, name = api.opened(path, safe_mode), path.stem
    runner = model
    if api.is_program(model):
        program, runner = model, model.module()
        shapes = [shape for _, shape, _ in api.input_shapes(program)]
        if any(shape and shape[0] is None for shape in shapes):
            # Sizes that are formulas of the batch become numbers.
            fixed = [tuple(n or 1 for n in shape) for shape in shapes]
            program = api.exported(runner, [np.zeros(s, np.float32) for s in fixed])
    else:
        name = type(model).__name__
        shape = _first_shape(model) if input_shape is None else tuple(int(n) for n in input_shape)
        program = api.exported(model, [np.zeros((1, *shape), np.float32)])
    network = _network(program, runner, name)
    check_same(network)
    return network


def _first_shape(module: Any) -> tuple[int, ...]:
    """What a first `Linear` takes."""
    for part in module.modules():
        features = getattr(part, "in_features", None)
        if features is not None:
            return (int(features),)
        if getattr(part, "weight", None) is not None:
            break
    raise InputError(
        "A PyTorch module does not say what it takes. Read it once with its shape, "
        "`outrange.load(module, input_shape=(3, 32, 32))`, and ask the network that returns. "
        f"Received: `{type(module).__name__}` without `input_shape`."
    )


def _network(program: Any, runner: Any, name: str) -> Network:
    slots, batches = [], []
    for title, shape, dtype in api.input_shapes(program):
        known = dtype in ("float32", "float64")
        if not shape or any(n is None for n in shape[1:]) or not known:
            raise ModelError(
                "Every input must hold real numbers and have a fixed shape but for its "
                "batch. "
                f"Received: `{title}` of shape {shape} and dtype {dtype}."
            )
        if shape[0] not in (1, None):
            raise ModelError(
                f"The program must be exported for a batch of 1 or a free one. "
                f"Received: `{title}` of shape {shape}."
            )
        batches.append(shape[0])
        slots.append((Slot(title, tuple(int(n) for n in shape[1:])), dtype))
    recording = api.recorded(program)
    b = Builder([slot for slot, _ in slots], source=name)
    try:
        found = lower(b, recording, b.input_values(), TABLE)
    except UnsupportedError as error:
        raise UnsupportedError(f"Model `{name}`: {error}") from error
    outputs = [x if isinstance(x, Value) else np.asarray(x, float) for x in found]
    for x in outputs:
        if not x.shape or x.shape[0] != 1:
            raise UnsupportedError(
                "The model must keep the batch axis. "
                f"Received: an output of shape {tuple(x.shape)} for a batch of 1."
            )
    names = ["output"] if len(outputs) == 1 else [f"output_{i}" for i in range(len(outputs))]
    for title, x in zip(names, outputs, strict=True):
        b.mark_layer(title, x)
    graph = b.finish(outputs, names)
    infos = tuple(
        LayerInfo(title, "Output", tuple(x.shape[1:]), 0, None, b.moved[x.index])
        for title, x in zip(names, outputs, strict=True)
        if isinstance(x, Value)
    )
    predict = _predictor(runner, slots, one_by_one=all(n == 1 for n in batches))
    return Network(graph, predict, name, "torch", infos, None, b.plain, b.places, b.bypassed)


def _predictor(
    runner: Any, slots: Sequence[tuple[Slot, Any]], one_by_one: bool
) -> Callable[[np.ndarray], np.ndarray]:
    """Flat inputs `(batch, size)` to flat outputs, by the model itself."""
    run = api.predictor(runner)

    def parts(x: np.ndarray) -> list[np.ndarray]:
        found, start = [], 0
        for slot, dtype in slots:
            part = x[:, start : start + slot.size].reshape(len(x), *slot.shape)
            found.append(part.astype(dtype))
            start += slot.size
        return found

    def predict(x: np.ndarray) -> np.ndarray:
        x = np.asarray(x)
        if one_by_one:
            return np.concatenate([run(parts(row[None])) for row in x] or [np.zeros((0, 0))])
        return run(parts(x))

    return predict
