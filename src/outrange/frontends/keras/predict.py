"""Evaluation of the user's own model, in its own element type, on flat vectors."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .api import keras
from .compiled import CompiledCall
from .lower.lower import KerasGraph
from .lower.recurrent import is_stateful, keep_states
from .signature import Signature
from .trace.records import Trace


_CHUNK = 1 << 22
"""Approximate maximum number of input entries in one batch passed to the model."""

_BUCKET = 128
"""Smallest number of rows to which a JAX batch is padded. Larger batches are padded to 2, 4, 8, ...
times this number, so that JAX compiles for only a few sizes."""

_LARGE = 1 << 13
"""Input size at or above which `_BUCKET` is divided by 4, because padding also costs time."""

_HUGE = 1 << 19
"""Input size at or above which a JAX batch of one row is not padded."""


def predictor(model: Any, signature: Signature) -> Callable[[np.ndarray], np.ndarray]:
    """Return `model` at inference as a function from flat inputs to flat outputs, `(batch, n)`."""
    k = keras()
    size = sum(slot.size for slot in signature.slots)
    least = _BUCKET if size < _LARGE else _BUCKET // 4 if size < _HUGE else 1
    rows = signature.batch or max(least, _CHUNK // max(size, 1))
    compiles = k.backend.backend() == "jax"
    call = CompiledCall(model, signature) if compiles and not is_stateful(k, model) else None

    def predict(x: np.ndarray) -> np.ndarray:
        x = np.asarray(x)
        outputs = []
        for start in range(0, len(x), rows):
            chunk = x[start : start + rows]
            count = len(chunk)
            padded = signature.batch or (_bucket(count, least) if compiles else count)
            if count < padded:
                chunk = np.concatenate([chunk, np.repeat(chunk[-1:], padded - count, axis=0)])
            outputs.append(_run_fast(call, model, signature, chunk)[:count])
        return np.concatenate(outputs) if outputs else predict(np.zeros((1, size)))[:0]

    return predict


def _run_fast(
    call: CompiledCall | None, model: Any, signature: Signature, x: np.ndarray
) -> np.ndarray:
    if call is None:
        return run(model, signature, x)
    try:
        outputs = call(split(x, signature))
    except Exception:
        # Not every model compiles (it may read values, or its own weights as arrays). An error in
        # the model itself is raised again when Keras runs it layer by layer.
        return run(model, signature, x)
    return _flat(outputs, len(x))


def run(model: Any, signature: Signature, x: np.ndarray) -> np.ndarray:
    """Run the model on flat rows, layer by layer and without padding; return its flat outputs."""
    k = keras()
    with keep_states(k, model):
        outputs = model(signature.pack(split(x, signature)), training=False)
    return _flat(outputs, len(x))


def _flat(outputs: Any, rows: int) -> np.ndarray:
    k = keras()
    parts = [np.asarray(k.ops.convert_to_numpy(t)) for t in k.tree.flatten(outputs)]
    return np.concatenate([part.reshape(rows, -1) for part in parts], axis=1)


def _bucket(count: int, least: int) -> int:
    return max(least, 1 << (count - 1).bit_length())


def split(x: np.ndarray, signature: Signature) -> list[Any]:
    """Split flat rows into one tensor per input."""
    k, parts, start = keras(), [], 0
    for slot, dtype in zip(signature.slots, signature.dtypes, strict=True):
        part = x[:, start : start + slot.size].reshape(len(x), *slot.shape)
        parts.append(k.ops.convert_to_tensor(part.astype(dtype)))
        start += slot.size
    return parts


def prober(trace: Trace, lowered: KerasGraph, signature: Signature) -> Callable:
    """Return a function that computes the model's own inner values at one point.

    The function lets Keras run the recorded operations again, one by one.

    Returns:
        A function from a point of shape `(1, size)` to a dict. The dict maps the index of a graph
        value (before fusion) to the flat array that the model computes for this value.
    """
    k = keras()

    def probe(x: np.ndarray) -> dict[int, np.ndarray]:
        tensors = {
            id(symbol): tensor
            for symbol, tensor in zip(trace.inputs, split(x, signature), strict=True)
        }

        def concrete(t: Any) -> Any:
            return tensors.get(id(t), t) if isinstance(t, k.KerasTensor) else t

        for record in trace.records:
            args, kwargs = k.tree.map_structure(concrete, (record.args, record.kwargs))
            flat = k.tree.flatten((args, kwargs))
            if any(isinstance(t, k.KerasTensor) for t in flat):
                continue
            outputs = k.tree.flatten(record.op(*args, **kwargs))
            tensors.update(
                (id(symbol), tensor)
                for symbol, tensor in zip(k.tree.flatten(record.outputs), outputs, strict=True)
            )
        return {
            value: np.ravel(k.ops.convert_to_numpy(tensors[id(symbol)]))
            for symbol, value in lowered.values
            if id(symbol) in tensors
        }

    return probe
