"""Recurrent layers as loops over their cell, whichever cell it is.

A recurrent layer hands its loop to the backend. While it is traced, that one method is replaced by
a loop over the steps of the sequence, which calls the cell as Keras does: what the cell computes is
then recorded like everything else. A stateful layer is read at the state it is in.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ....core import UnsupportedError


MOST_STEPS = 2**13
"""Each step is some fifteen operations, which are traced and bounded one by one."""


class Given:
    """A tensor made outside of the trace, entered as a constant so that nothing is rounded."""

    name = "given"

    def __call__(self, value: Any) -> Any:
        return value

    def get_config(self) -> dict:
        return {}


@contextlib.contextmanager
def unrolled(
    k: Any, layer: Any, constant: Callable[[Any], Any], *, zeros_recorded: bool = False
) -> Iterator[None]:
    """Replaces the loop of a recurrent `layer` for the duration of its call.

    Args:
        k: The module `keras`.
        layer: Any layer; those that do not loop are left alone.
        constant: Turns a tensor into a symbol that stands for it.
        zeros_recorded: Whether an initial state of zeros is such a symbol, too; if not, it is a
            tensor, with which the backend computes by itself.
    """
    put: dict[str, Any] = {}
    if isinstance(layer, k.layers.Bidirectional):
        # Keras may try a kernel of the backend that runs both directions at once.
        for name in ("_can_attempt_fused_lstm", "_can_attempt_fused_gru"):
            if hasattr(layer, name):
                put[name] = lambda *args, **kwargs: False
    for name in ("get_dropout_mask", "get_recurrent_dropout_mask"):
        # Cells draw masks of dropout before they ask whether it is training, and drop them if not.
        if hasattr(type(layer), name):
            put[name] = lambda *args, **kwargs: None
    if isinstance(layer, k.layers.RNN):
        put["inner_loop"] = _loop(k, layer)
        put["_maybe_config_dropout_masks"] = lambda *args, **kwargs: None
        put |= _at_its_state(k, layer)
        before = put.get("get_initial_state", layer.get_initial_state)
        put["get_initial_state"] = lambda *args, **kwargs: k.tree.map_structure(
            lambda t: _entered(k, t, constant), before(*args, **kwargs)
        )
        if zeros_recorded and not layer.stateful and _starts_at_zero(k, layer):
            put["get_initial_state"] = lambda batch_size=1: [
                constant(np.zeros((batch_size, size), layer.cell.compute_dtype))
                for size in k.tree.flatten(layer.cell.state_size)
            ]
    with _replaced(layer, put):
        yield


def _starts_at_zero(k: Any, layer: Any) -> bool:
    """Whether a layer is one of Keras's own that starts from zeros, in a type of NumPy.

    They need not be made by the backend then, which may compile for that, and for whatever is
    computed with them; and the recording holds no number that weights may change.
    """
    cell, own = layer.cell, (k.layers.LSTMCell, k.layers.GRUCell, k.layers.SimpleRNNCell)
    plain = type(layer).get_initial_state is k.layers.RNN.get_initial_state
    return type(cell) in own and plain and cell.compute_dtype in ("float32", "float64")


def is_stateful(k: Any, model: Any) -> bool:
    """Whether some recurrent layer of `model` starts from a state that it keeps."""
    return any(
        isinstance(layer, k.layers.RNN) and layer.stateful for layer in model._flatten_layers()
    )


@contextlib.contextmanager
def remembering(k: Any, model: Any) -> Iterator[None]:
    """While this lasts, every stateful layer of `model` starts from its state and keeps it."""
    with contextlib.ExitStack() as undo:
        for layer in model._flatten_layers():
            if isinstance(layer, k.layers.RNN) and layer.stateful:
                undo.enter_context(_replaced(layer, _at_its_state(k, layer)))
        yield


@contextlib.contextmanager
def _replaced(layer: Any, put: dict[str, Any]) -> Iterator[None]:
    """Attributes of one layer, past `Layer.__setattr__`, so that nothing in it notices."""
    own = vars(layer)
    kept = {name: own[name] for name in put if name in own}
    own.update(put)
    try:
        yield
    finally:
        for name in put:
            del own[name]
        own.update(kept)


def _at_its_state(k: Any, layer: Any) -> dict[str, Any]:
    """What makes a stateful layer one that starts from the state it is in."""
    if not layer.stateful:
        return {}
    state = _row(k, layer, layer.states)

    def first(batch_size: int = 1) -> list[Any]:
        return list(k.tree.map_structure(lambda t: k.ops.repeat(t, batch_size, axis=0), state))

    return {"stateful": False, "get_initial_state": first}


def _row(k: Any, layer: Any, states: Any) -> Any:
    """The state as one row, if all rows of the batch are in the same."""

    def row(variable: Any) -> Any:
        array = np.asarray(k.ops.convert_to_numpy(variable))
        if not (array == array[:1]).all():
            raise UnsupportedError(
                f"Layer `{layer.name}` is stateful, and the rows of its batch are in different "
                "states, so a row's output depends on where it stands. Give all rows one state, "
                f"or build it for a batch of 1. Received: states of {len(array)} rows."
            )
        return k.ops.convert_to_tensor(array[:1])

    return k.tree.map_structure(row, states)


def _entered(k: Any, tensor: Any, constant: Callable[[Any], Any]) -> Any:
    """Zeros fold without rounding; whatever else is computed with must not fold in float32."""
    if isinstance(tensor, k.KerasTensor) or not np.any(k.ops.convert_to_numpy(tensor)):
        return tensor
    return constant(tensor)


def _loop(k: Any, layer: Any) -> Callable:
    """What stands in for `layer.inner_loop`."""
    ops, tree = k.ops, k.tree
    # On JAX, a rolled loop repeats the first state where a step is masked; others the last output.
    by_state = k.backend.backend() == "jax" and not layer.unroll
    zeros = layer.zero_output_for_mask and not (k.backend.backend() == "jax" and layer.unroll)

    def run(sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        cell = layer.cell
        takes = inspect.signature(cell.call if isinstance(cell, k.Layer) else cell).parameters
        given = {"training": training} if "training" in takes else {}
        states = initial_state if tree.is_nested(initial_state) else [initial_state]
        steps = tree.flatten(sequences)[0].shape[1]
        if steps > MOST_STEPS:
            raise UnsupportedError(
                f"a sequence of more than {MOST_STEPS} steps is not described; cut it. "
                f"Received: {steps} steps."
            )
        outputs: list[Any] = []
        for t in range(steps - 1, -1, -1) if layer.go_backwards else range(steps):
            x = tree.map_structure(lambda s, t=t: s[:, t], sequences)
            output, new = cell(x, states, **given)
            new = new if tree.is_nested(new) else [new]
            if mask is not None:
                first = states[-1][0] if tree.is_nested(states[0]) else states[0]
                last = outputs[-1] if outputs else ops.zeros_like(output)
                last = first if by_state else last
                last = ops.zeros_like(output) if zeros else last
                on = mask[:, t]
                output = _selected(ops, on, output, last)
                new = tree.map_structure(
                    lambda a, b, on=on: _selected(ops, on, a, b), list(new), list(states)
                )
            outputs.append(output)
            states = new
        stacked = tree.map_structure(lambda *parts: ops.stack(parts, axis=1), *outputs)
        return outputs[-1], stacked, states

    return run


def _selected(ops: Any, on: Any, x: Any, y: Any) -> Any:
    """`x` in the rows where the mask is on, `y` in the others."""
    for _ in range(len(x.shape) - 1):
        on = ops.expand_dims(on, -1)
    return ops.where(on, x, y)
