"""Loader of Keras models, either in memory or in a file."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...core import InputError, ModelError, UnsupportedError
from ...core.progress import begin_phase
from ...graph.float32 import run_with_error_bounds
from ...graph.graph import graph_digest
from ..check import COMPARING, at_once, check_same, is_large, points
from ..network import Network
from ..row_mixing import COMMON_SIZES, BatchGraph, fits, mixing_part
from ..tolerance import tolerance
from .api import keras
from .files import read
from .lower.lower import lower
from .predict import predictor, prober, run
from .refuse import first_line
from .signature import Signature, batch_struct, output_names, signature
from .trace.records import Trace, first_different
from .trace.trace import trace


def load_keras(
    model: Any,
    *,
    custom_objects: dict[str, Any] | None = None,
    safe_mode: bool = True,
    like: Any = None,
) -> Network:
    """Read a Keras 3 model into a graph, and check that the graph matches the model.

    The model is run on symbols and its operations are recorded; the model is not changed.

    Args:
        model: A built Keras model or layer, or the path of a `.keras`, `.h5` or `.hdf5`
            file.
        custom_objects: As in `keras.models.load_model`, for files only.
        safe_mode: As in `keras.models.load_model`, for files only. False lets the file run its own
            Python code.
        like: Arrays in the structure of the model's inputs. They determine the sizes that the model
            leaves open.

    Returns:
        The network, with descriptions of its layers. Its `predict` runs the model itself.

    Raises:
        InputError: `model` is not a Keras model, or the file does not exist.
        ModelError: The file is damaged, a weight is not finite, or the graph differs from the
            model.
        UnsupportedError: The model does something unsupported; the message names the layer or the
            model.

    Example:
        >>> import keras as K
        >>> model = K.Sequential([K.Input((2,), name="x"), K.layers.Dense(1, name="y")])
        >>> load_keras(model).graph.outputs
        (Slot(name='y', shape=(1,)),)
    """
    with report_lack_of_memory(model):
        return _load(model, custom_objects, safe_mode, like)


@contextlib.contextmanager
def report_lack_of_memory(model: Any) -> Iterator[None]:
    """Convert a `MemoryError` in this context to an error about the model.

    Args:
        model: The model, or its path.

    Raises:
        ModelError: There is not enough memory.
    """
    try:
        yield
    except MemoryError as error:
        raise ModelError(
            "A model must fit in the memory of this computer; make its layers narrower, or its "
            f"images smaller. Received: `{getattr(model, 'name', model)}`."
        ) from error


def _load(model: Any, custom_objects: dict[str, Any] | None, safe_mode: bool, like: Any) -> Network:
    k = keras()
    if isinstance(model, str | os.PathLike):
        model = read(Path(os.fsdecode(os.fspath(model))), custom_objects, safe_mode)
    if not isinstance(model, k.Layer):
        raise InputError(
            "A Keras model must be a `keras.Model` or another `keras.Layer`, or the path of a "
            f"file. Received: {type(model).__module__}.{type(model).__qualname__}."
        )
    inputs = signature(model, like)
    recording = record_model(model, inputs)
    check_repeatable(model, inputs, recording)
    network = build_network(model, inputs, recording)
    check_batches(network, model, inputs, recording)
    compare(network, model, inputs)
    return network


def record_model(model: Any, inputs: Signature, *, record_zeros: bool = False) -> Trace:
    """Record the operations of a model.

    Args:
        model: A built Keras model.
        inputs: Signature of the model's inputs.
        record_zeros: Whether recurrent layers record an initial state of zeros as a constant.

    Raises:
        ModelError: A weight is not finite.
        UnsupportedError: The model does something that cannot be recorded.
    """
    _check_finite_weights(keras(), model)
    return trace(model, inputs.struct, record_zeros=record_zeros)


def build_network(model: Any, inputs: Signature, recording: Trace) -> Network:
    """Build the network from a recording, without comparing it with the model.

    Args:
        inputs: Signature of the model's inputs.
    """
    names = output_names(model, recording.outputs)
    lowered = lower(recording, inputs.slots, names)
    return Network(
        graph=lowered.graph,
        predict=predictor(model, inputs),
        name=model.name,
        origin="keras",
        layers=lowered.layers,
        probe=prober(recording, lowered, inputs),
        plain=lowered.plain,
        places=lowered.places,
        bypassed=lowered.bypassed,
    )


def check_repeatable(
    model: Any, inputs: Signature, recording: Trace, *, record_zeros: bool = False
) -> None:
    """Raise if a second recording of a model differs from the first one.

    Args:
        inputs: Signature of the model's inputs.
        recording: The first recording, with which the second one is compared.
        record_zeros: As in `record_model`, for the first recording.

    Raises:
        UnsupportedError: The second recording differs.
    """
    _check_same_recording(recording, trace(model, inputs.struct, record_zeros=record_zeros))


def check_batches(
    network: Network,
    model: Any,
    inputs: Signature,
    recording: Trace,
    *,
    record_zeros: bool = False,
) -> None:
    """Raise if a model's graph for a batch treats some row differently from the graph for one row.

    The points that `compare` evaluates may miss a step function, or a branch on the number of rows.
    Graphs for two rows are checked. If the model contains user code, graphs for the batch sizes in
    `COMMON_SIZES` are checked as well. A model that requires a fixed batch size is not checked
    here.

    Args:
        network: The network for one row.
        inputs: Signature of the model's inputs.
        recording: The recording from which the network was built.
        record_zeros: As in `record_model`, for that recording.

    Raises:
        UnsupportedError: The model mixes the rows of a batch.
    """
    if inputs.batch:
        return
    tensors = keras().tree.flatten(recording.outputs)
    alone = [tuple(getattr(t, "shape", ())) for t in tensors]
    has_code = any(not type(v.layer).__module__.startswith("keras.") for v in recording.visits)
    has_code |= not type(model).__module__.startswith("keras.")
    sizes = COMMON_SIZES if has_code else ()
    for rows in (2, *sizes):
        if not fits(network.written, rows):
            continue
        try:
            batch = _batch_graph(network, model, inputs, rows, record_zeros)
            part = mixing_part(network.written, batch, alone)
            if part is None:
                continue
            again = _batch_graph(network, model, inputs, rows, record_zeros)
        except ModelError:
            continue  # only the evaluation can check a batch of that size
        if graph_digest(again.graph) == graph_digest(batch.graph):
            raise _rows_mixed_error(network, f" Received: {part}.")
        return  # the model behaves differently at every run, which `compare` reports


def _batch_graph(
    network: Network, model: Any, inputs: Signature, rows: int, record_zeros: bool
) -> BatchGraph:
    several = trace(model, batch_struct(inputs, rows), record_zeros=record_zeros)
    slots = [replace(slot, shape=(rows, *slot.shape)) for slot in inputs.slots]
    lowered = lower(several, slots, [slot.name for slot in network.graph.outputs])
    shapes = [tuple(getattr(t, "shape", ())) for t in keras().tree.flatten(several.outputs)]
    sizes = [slot.size for slot in inputs.slots]
    return BatchGraph(lowered.plain or lowered.graph, rows, sizes, shapes)


def compare(network: Network, model: Any, inputs: Signature) -> None:
    """Compare a network with the model from which it was built.

    Args:
        network: The network returned by `build_network`, with the current weights.
        inputs: Signature of the model's inputs.

    Raises:
        ModelError: The network and the model differ.
        UnsupportedError: The model mixes the rows of a batch, or its outputs differ between runs.
    """
    predict = network.predict or predictor(model, inputs)

    def predict_one(x: np.ndarray) -> np.ndarray:
        return run(model, inputs, x[: inputs.batch or 1])

    _check_rows_independent(network, predict, predict_one)
    try:
        check_same(network)
    except ModelError:
        _check_row_position(network, predict, predict_one)
        raise


def _check_finite_weights(k: Any, model: Any) -> None:
    for weight in model.weights:
        if not k.backend.is_float_dtype(weight.dtype):
            continue
        array = np.asarray(k.ops.convert_to_numpy(weight))
        bad = np.argwhere(~np.isfinite(array.astype(np.float64)))
        if len(bad):
            entry = ", ".join(str(i) for i in bad[0])
            raise ModelError(
                "All weights must be finite numbers; train the model again, or load weights "
                "without NaN and infinity. Received: "
                f"{weight.path}[{entry}]={float(array[tuple(bad[0])])} ({len(bad)} in total)."
            )


def _check_same_recording(first: Any, second: Any) -> None:
    changed = first_different(first, second)
    if changed is not None or len(first.records) != len(second.records):
        where = "The model" if changed is None else f"Layer `{changed.source}`"
        raise _not_repeatable(where)


def _not_repeatable(where: str) -> UnsupportedError:
    return UnsupportedError(
        f"{where} computes a different result in every run (random numbers, a counter, the time), "
        "so its output is not a function of its input."
    )


def _check_rows_independent(
    network: Network,
    predict: Callable[[np.ndarray], np.ndarray],
    predict_one: Callable[[np.ndarray], np.ndarray],
) -> None:
    """Raise if a model's output for a row depends on the other rows of a batch.

    A dependence on the size of the batch is detected later, when `compare` compares the model with
    the graph, which is for one row.

    Args:
        network: The network for one row.
        predict: Function that runs the model on a batch of rows.
        predict_one: Function that runs the model on the first row only, or on the first batch if
            the batch size is fixed.

    Raises:
        ModelError: The model fails even on one row.
        UnsupportedError: The output depends on other rows or differs between two runs, or the model
            runs only on single rows.
    """
    begin_phase(COMPARING)
    graph = network.written
    x = points(graph, None, 0, few=is_large(graph))
    small = np.abs(x).max(axis=1, initial=0.0) < 10.0
    reason = ""
    try:
        outputs, changed = predict(x)[small], predict(np.where(small[:, None], x, 0.5))[small]
        alone = predict(np.where((np.arange(len(x)) == _ALONE)[:, None], x, 0.5))[_ALONE]
    except Exception as error:
        _check_runs(network, predict_one, x)
        reason = f" Received: {type(error).__name__}: {first_line(error)[:200]}"
    else:
        where = int(small[:_ALONE].sum())
        shapes = {outputs.shape[1:], changed.shape[1:], alone.shape}
        if shapes != {(graph.value_size(graph.output),)}:
            raise _rows_mixed_error(network)
        with np.errstate(invalid="ignore"):  # at a pole both are infinite
            change = np.abs(outputs - changed)
            change[where] = np.fmax(change[where], np.abs(outputs[where] - alone))
        # The tolerance is expensive for a large model, and usually no output has changed.
        rows = np.flatnonzero((change != 0).any(axis=1))
        chosen = x[small][rows]
        same = all(
            not (
                change[rows[part]]
                > 2.0 * tolerance(graph, run_with_error_bounds(graph, chosen[part]))
            ).any()
            for part in at_once(graph, len(rows))
        )
        if same:
            return
        allowed = 2.0 * tolerance(graph, run_with_error_bounds(graph, chosen[:1]))
        _check_same_outputs(predict, x, float(allowed.max()))
    raise _rows_mixed_error(network, reason)


def _rows_mixed_error(network: Network, reason: str = "") -> UnsupportedError:
    return UnsupportedError(
        f"Model `{network.name}` mixes the rows of a batch: its output for an input depends on the "
        "other inputs of the batch, so it is not a function of one input. Look for a reduction or "
        "a reshape over axis 0, or a constant whose number of rows is not that of the batch "
        f"(`ops.shape(x)[0]`).{reason}"
    )


def _check_same_outputs(predict: Callable, x: np.ndarray, allowed: float) -> None:
    """Raise if two runs on the same batch return outputs that differ by more than `allowed`."""
    with np.errstate(invalid="ignore"):
        if (np.abs(predict(x) - predict(x)) > allowed).any():
            raise _not_repeatable("The model")


def _check_row_position(network: Network, predict: Callable, predict_one: Callable) -> None:
    """Raise if a model's output for a row depends on its position, or on the number of rows.

    This is checked if the graph, which is for one row, differs from the model.
    """
    x = points(network.written, None, 0, few=True)
    last_first = x[::-1]
    allowed = (
        2.0 * tolerance(network.written, run_with_error_bounds(network.written, last_first[:1]))[0]
    )
    batched, alone = predict(x)[-1], np.ravel(predict_one(last_first))[: allowed.size]
    with np.errstate(invalid="ignore"):
        if (np.abs(batched - alone) > allowed).any():
            _check_same_outputs(predict_one, x, allowed.max())
            raise _rows_mixed_error(network)


def _check_runs(network: Network, predict_one: Callable, x: np.ndarray) -> None:
    """Raise if a model also fails on a single row, since then other rows are not the cause."""
    try:
        predict_one(x)
    except Exception as error:
        raise ModelError(
            f"Model `{network.name}` fails when Keras runs it on one input (tracing succeeded): "
            f"make sure that `model.predict` runs on this backend ({keras().backend.backend()}), "
            "or choose another backend with the environment variable KERAS_BACKEND. "
            f"Received: {type(error).__name__}: {first_line(error)[:300]}"
        ) from error


_ALONE = 4
"""Index of the point that is also run in a batch whose other rows are all identical."""
