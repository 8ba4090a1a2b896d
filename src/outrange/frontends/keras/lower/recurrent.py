"""Lowering of recurrent layers, with any cell, as unrolled loops over the cell.

A recurrent layer passes its loop to the backend. During a trace, the layer's `inner_loop` is
replaced by a loop over the steps of the sequence, which calls the cell as Keras does. So the
operations of the cell are recorded too. A stateful layer is lowered in its current state.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ....core import UnsupportedError


MOST_STEPS = 2**13
"""Limit on the number of steps. An LSTM step adds about fifteen operations to trace and bound."""


class ConstantTensor:
    """Operation that returns a constant tensor from outside the trace.

    Because the tensor is recorded, operations on it can become graph nodes, with their roundings.
    """

    name = "given"

    def __call__(self, value: Any) -> Any:
        return value

    def get_config(self) -> dict:
        return {}


@contextlib.contextmanager
def unroll(
    k: Any, layer: Any, constant: Callable[[Any], Any], *, record_zeros: bool = False
) -> Iterator[None]:
    """Replace the loop of a recurrent layer by an unrolled one for the duration of its call.

    Args:
        layer: Any layer. If it has no loop, it is changed only if it is `Bidirectional` or a cell
            with dropout masks.
        constant: Function that records a tensor as a constant, and returns its symbol.
        record_zeros: Whether to record initial zeros of Keras's own cells as constants, too.
            Otherwise they stay tensors, and the backend evaluates operations on them during the
            trace.
    """
    replacements: dict[str, Any] = {}
    if isinstance(layer, k.layers.Bidirectional):
        # Keras may try a kernel of the backend that runs both directions at once.
        for name in ("_can_attempt_fused_lstm", "_can_attempt_fused_gru"):
            if hasattr(layer, name):
                replacements[name] = lambda *args, **kwargs: False
    for name in ("get_dropout_mask", "get_recurrent_dropout_mask"):
        # Keras draws dropout masks even at inference, although it does not use them there.
        if hasattr(type(layer), name):
            replacements[name] = lambda *args, **kwargs: None
    if isinstance(layer, k.layers.RNN):
        replacements["inner_loop"] = _loop(k, layer)
        replacements["_maybe_config_dropout_masks"] = lambda *args, **kwargs: None
        replacements |= _current_state_attributes(k, layer)
        before = replacements.get("get_initial_state", layer.get_initial_state)
        replacements["get_initial_state"] = lambda *args, **kwargs: k.tree.map_structure(
            lambda t: _record_nonzero(k, t, constant), before(*args, **kwargs)
        )
        if record_zeros and not layer.stateful and _starts_at_zero(k, layer):
            replacements["get_initial_state"] = lambda batch_size=1: [
                constant(np.zeros((batch_size, size), layer.cell.compute_dtype))
                for size in k.tree.flatten(layer.cell.state_size)
            ]
    with _replace_attributes(layer, replacements):
        yield


def _starts_at_zero(k: Any, layer: Any) -> bool:
    """Return whether a layer has one of Keras's own cells and starts from float32 or float64 zeros.

    If so, the backend need not create the zeros or compile operations on them, and the recording
    contains no products of the zeros with the weights.
    """
    cell, keras_cells = layer.cell, (k.layers.LSTMCell, k.layers.GRUCell, k.layers.SimpleRNNCell)
    plain = type(layer).get_initial_state is k.layers.RNN.get_initial_state
    return type(cell) in keras_cells and plain and cell.compute_dtype in ("float32", "float64")


def is_stateful(k: Any, model: Any) -> bool:
    """Return whether a recurrent layer of `model` keeps its state between calls."""
    return any(
        isinstance(layer, k.layers.RNN) and layer.stateful for layer in model._flatten_layers()
    )


@contextlib.contextmanager
def keep_states(k: Any, model: Any) -> Iterator[None]:
    """Let stateful recurrent layers start from their current states, which stay unchanged."""
    with contextlib.ExitStack() as undo:
        for layer in model._flatten_layers():
            if isinstance(layer, k.layers.RNN) and layer.stateful:
                undo.enter_context(_replace_attributes(layer, _current_state_attributes(k, layer)))
        yield


@contextlib.contextmanager
def _replace_attributes(layer: Any, put: dict[str, Any]) -> Iterator[None]:
    """Replace attributes of one layer, bypassing `Layer.__setattr__`; restore them afterward."""
    attributes = vars(layer)
    saved = {name: attributes[name] for name in put if name in attributes}
    attributes.update(put)
    try:
        yield
    finally:
        for name in put:
            del attributes[name]
        attributes.update(saved)


def _current_state_attributes(k: Any, layer: Any) -> dict[str, Any]:
    """Return replacements that make a stateful layer start from its current state."""
    if not layer.stateful:
        return {}
    state = _row(k, layer, layer.states)

    def first(batch_size: int = 1) -> list[Any]:
        return list(k.tree.map_structure(lambda t: k.ops.repeat(t, batch_size, axis=0), state))

    return {"stateful": False, "get_initial_state": first}


def _row(k: Any, layer: Any, states: Any) -> Any:
    """Return the state of a layer as one row.

    Raises:
        UnsupportedError: The rows of the batch have different states.
    """

    def row(variable: Any) -> Any:
        array = np.asarray(k.ops.convert_to_numpy(variable))
        if not (array == array[:1]).all():
            raise UnsupportedError(
                f"Layer `{layer.name}` is stateful, and the rows of its batch are in different "
                "states, so a row's output depends on its position. Give all rows the same state, "
                f"or build the layer for a batch of 1. Received: states of {len(array)} rows."
            )
        return k.ops.convert_to_tensor(array[:1])

    return k.tree.map_structure(row, states)


def _record_nonzero(k: Any, tensor: Any, constant: Callable[[Any], Any]) -> Any:
    """Record a tensor as a constant, unless it is all zeros, which fold without rounding."""
    if isinstance(tensor, k.KerasTensor) or not np.any(k.ops.convert_to_numpy(tensor)):
        return tensor
    return constant(tensor)


def _loop(k: Any, layer: Any) -> Callable:
    """Return a replacement for `layer.inner_loop` that runs the cell step by step."""
    ops, tree = k.ops, k.tree
    # On JAX, a rolled loop repeats the first state at a masked step, other loops the last output.
    by_state = k.backend.backend() == "jax" and not layer.unroll
    zeros = layer.zero_output_for_mask and not (k.backend.backend() == "jax" and layer.unroll)

    def run(sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        cell = layer.cell
        takes = inspect.signature(cell.call if isinstance(cell, k.Layer) else cell).parameters
        options = {"training": training} if "training" in takes else {}
        states = initial_state if tree.is_nested(initial_state) else [initial_state]
        steps = tree.flatten(sequences)[0].shape[1]
        if steps > MOST_STEPS:
            raise UnsupportedError(
                f"a sequence of more than {MOST_STEPS} steps is not supported; shorten the "
                f"sequence. Received: {steps} steps."
            )
        outputs: list[Any] = []
        for t in range(steps - 1, -1, -1) if layer.go_backwards else range(steps):
            x = tree.map_structure(lambda s, t=t: s[:, t], sequences)
            output, new = cell(x, states, **options)
            new = new if tree.is_nested(new) else [new]
            if mask is not None:
                first = states[-1][0] if tree.is_nested(states[0]) else states[0]
                last = outputs[-1] if outputs else ops.zeros_like(output)
                last = first if by_state else last
                last = ops.zeros_like(output) if zeros else last
                on = mask[:, t]
                output = _select(ops, on, output, last)
                new = tree.map_structure(
                    lambda a, b, on=on: _select(ops, on, a, b), list(new), list(states)
                )
            outputs.append(output)
            states = new
        stacked = tree.map_structure(lambda *parts: ops.stack(parts, axis=1), *outputs)
        return outputs[-1], stacked, states

    return run


def _select(ops: Any, on: Any, x: Any, y: Any) -> Any:
    """Return `x` in the rows where the mask `on` is true, and `y` in the others."""
    for _ in range(len(x.shape) - 1):
        on = ops.expand_dims(on, -1)
    return ops.where(on, x, y)
