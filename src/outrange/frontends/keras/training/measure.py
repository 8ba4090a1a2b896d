"""Measurements by the framework itself: outputs, gradients, a few training steps."""

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ....program import Measured, Rehearsal
from .gradients import gradients
from .training import own_training


ROWS = 512
"""At most so many rows are given to the framework at once."""


def predictions(k: Any, model: Any) -> Callable[[Any], list[np.ndarray]]:
    """A function from data to the model's outputs at inference."""

    def predict(x: Any) -> list[np.ndarray]:
        rows, parts = len(k.tree.flatten(x)[0]), []
        for start in range(0, rows, ROWS):
            piece = k.tree.map_structure(lambda a, s=start: _tensor(k, a[s : s + ROWS]), x)
            outputs = k.tree.flatten(model(piece, training=False))
            parts.append([np.asarray(k.ops.convert_to_numpy(t)) for t in outputs])
        return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]

    return predict


def _tensor(k: Any, array: Any) -> Any:
    if array.dtype == np.float64:
        array = array.astype(k.backend.floatx())
    return k.ops.convert_to_tensor(array)


def measurer(k: Any, model: Any, index: dict[int, int]) -> Callable[[Any, Any], Measured]:
    """A function to loss and gradients at inference, at the model's present weights."""

    def measure(x: Any, y: Any) -> Measured:
        cut = k.tree.map_structure(lambda a: _tensor(k, a[:ROWS]), (x, y))
        with warnings.catch_warnings(), _metrics_kept(model):
            warnings.simplefilter("ignore")
            try:
                scalar, found = gradients(
                    k,
                    model,
                    lambda: model.compute_loss(
                        x=cut[0], y=cut[1], y_pred=model(cut[0], training=False), training=False
                    ),
                )
            except Exception as error:
                # The loss is the user's code on the user's data: what it raises is the answer.
                return Measured(float("nan"), {}, _first(error))
        places = [index[id(v)] for v in model.trainable_variables]
        return Measured(scalar, dict(zip(places, found, strict=True)))

    return measure


@contextlib.contextmanager
def _metrics_kept(model: Any) -> Iterator[None]:
    """Computing a loss counts it in the model's metrics; they get back what they had."""
    variables = [v for m in getattr(model, "metrics", ()) for v in m.variables]
    before = [(v, np.array(v.numpy())) for v in variables]
    try:
        yield
    finally:
        for variable, value in before:
            variable.assign(value)


def _first(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300] if lines else ''}"


def rehearser(
    k: Any, model: Any, index: dict[int, int]
) -> Callable[[Any, Any, int], Rehearsal] | None:
    """A function that trains a copy for a few steps; None where there is nothing to train."""
    if getattr(model, "optimizer", None) is None or own_training(k, model):
        return None

    def rehearse(x: Any, y: Any, steps: int) -> Rehearsal:
        cut = k.tree.map_structure(lambda a: a[:ROWS], (x, y))
        before = [np.array(k.ops.convert_to_numpy(v)) for v in model.weights]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                copy = _copy(k, model)
                losses = []
                for _ in range(steps):
                    losses.append(float(np.ravel(copy.train_on_batch(*cut))[0]))
            except Exception as error:
                # As above: a failing step of training is what the user would see.
                return Rehearsal((), {}, {}, _first(error))
        after = [np.asarray(k.ops.convert_to_numpy(v)) for v in copy.weights]
        moved, size = {}, {}
        for variable, a, b in zip(model.weights, before, after, strict=True):
            if a.dtype.kind == "f" or str(a.dtype) == "bfloat16":
                a, b = a.astype(np.float64), b.astype(np.float64)
                with np.errstate(invalid="ignore"):
                    moved[index[id(variable)]] = float(np.abs(b - a).max(initial=0.0))
                size[index[id(variable)]] = float(np.abs(a).max(initial=0.0))
        return Rehearsal(tuple(losses), moved, size)

    return rehearse


def _copy(k: Any, model: Any) -> Any:
    """A model of the same weights, loss and optimizer that shares nothing with the first."""
    copy = k.models.clone_model(model)
    if not copy.built:
        copy.build(model.input_shape)
    copy.set_weights(model.get_weights())
    for layer in copy._flatten_layers():
        # What an adapted layer computes with is derived from its weights, and not by `set_weights`.
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    compiled = model._compile_loss
    copy.compile(
        optimizer=optimizer,
        loss=compiled._user_loss,
        loss_weights=compiled._user_loss_weights,
        run_eagerly=model.run_eagerly,
        jit_compile=False,
    )
    return copy
