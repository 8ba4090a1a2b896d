"""Entry point: a Keras model, live or in a file, as a `Network`."""

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
from .trace.records import Trace, same_constants
from .trace.trace import trace


def load_keras(
    model: Any,
    *,
    custom_objects: dict[str, Any] | None = None,
    safe_mode: bool = True,
    like: Any = None,
) -> Network:
    """Read a Keras 3 model, and make sure that the graph read from it is the model.

    The model is run once on symbols and its operations are recorded; nothing in it is changed.

    Args:
        model: A Keras model or layer that is built, or the path of a `.keras`, `.h5` or `.hdf5`
            file.
        custom_objects: As in `keras.models.load_model`; files only.
        safe_mode: As in `keras.models.load_model`; files only. False lets the file run its own
            Python code.
        like: Arrays in the structure of the model's inputs, for the sizes that it leaves open.

    Returns:
        The network: its graph, the model itself as `predict`, its layers.

    Raises:
        InputError: `model` is no Keras model, or there is no such file.
        ModelError: The file is damaged, a weight is not finite, or the graph is not the model.
        UnsupportedError: The model does something that is not described; the layer is named.

    Example:
        >>> import keras as K
        >>> model = K.Sequential([K.Input((2,), name="x"), K.layers.Dense(1, name="y")])
        >>> load_keras(model).graph.outputs
        (Slot(name='y', shape=(1,)),)
    """
    with within_memory(model):
        return _load(model, custom_objects, safe_mode, like)


@contextlib.contextmanager
def within_memory(model: Any) -> Iterator[None]:
    """Let a lack of memory be an error about the model.

    Args:
        model: What is read.

    Raises:
        ModelError: The memory does not suffice.
    """
    try:
        yield
    except MemoryError as error:
        raise ModelError(
            "A model must fit the memory of this computer; make its layers narrower, or its images "
            f"smaller. Received: `{getattr(model, 'name', model)}`."
        ) from error


def _load(model: Any, custom_objects: dict[str, Any] | None, safe_mode: bool, like: Any) -> Network:
    k = keras()
    if isinstance(model, str | os.PathLike):
        model = read(Path(os.fsdecode(os.fspath(model))), custom_objects, safe_mode)
    if not isinstance(model, k.Layer):
        raise InputError(
            "A Keras model is a `keras.Model` or another `keras.Layer`, or the path of a file. "
            f"Received: {type(model).__module__}.{type(model).__qualname__}."
        )
    taken = signature(model, like)
    recording = recorded(model, taken)
    does_the_same_again(model, taken, recording)
    network = network_of(model, taken, recording)
    check_batches(network, model, taken, recording)
    compare(network, model, taken)
    return network


def recorded(model: Any, taken: Signature, *, zeros_recorded: bool = False) -> Trace:
    """Record what a model does.

    Args:
        model: A built Keras model.
        taken: Its inputs.
        zeros_recorded: See `trace`.

    Raises:
        ModelError: A weight is not finite.
        UnsupportedError: The model does something that cannot be recorded.
    """
    _finite_weights(keras(), model)
    return trace(model, taken.struct, zeros_recorded=zeros_recorded)


def network_of(model: Any, taken: Signature, recording: Trace) -> Network:
    """Make a network of what a model was recorded to do; nothing is compared.

    Args:
        model: The model.
        taken: Its inputs.
        recording: What it does.
    """
    names = output_names(model, recording.outputs)
    lowered = lower(recording, taken.slots, names)
    return Network(
        graph=lowered.graph,
        predict=predictor(model, taken),
        name=model.name,
        origin="keras",
        layers=lowered.layers,
        probe=prober(recording, lowered, taken),
        plain=lowered.plain,
        places=lowered.places,
        bypassed=lowered.bypassed,
    )


def does_the_same_again(
    model: Any, taken: Signature, recording: Trace, *, zeros_recorded: bool = False
) -> None:
    """Refuse a model that does something else at every run.

    Args:
        model: The model.
        taken: Its inputs.
        recording: What it did just now.
        zeros_recorded: As it was recorded.

    Raises:
        UnsupportedError: A second recording is another one.
    """
    _same_again(recording, trace(model, taken.struct, zeros_recorded=zeros_recorded))


def check_batches(
    network: Network,
    model: Any,
    taken: Signature,
    recording: Trace,
    *,
    zeros_recorded: bool = False,
) -> None:
    """Refuse a model whose graph of several rows is not that of each row.

    The points of `compare` may miss a step, or a branch on the number of rows.

    Args:
        network: The network of one row.
        model: The model.
        taken: Its inputs.
        recording: The recording that the network was made of.
        zeros_recorded: The same as for the recording.

    Raises:
        UnsupportedError: The model mixes the rows of a batch.
    """
    if taken.batch:
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
            batch = _batch_graph(network, model, taken, rows, zeros_recorded)
            part = mixing_part(network.written, batch, alone)
            if part is None:
                continue
            again = _batch_graph(network, model, taken, rows, zeros_recorded)
        except ModelError:
            continue  # Evaluation alone decides about a batch of that size.
        if graph_digest(again.graph) == graph_digest(batch.graph):
            raise _rows_mixed(network, f" Received: {part}.")
        return  # It computes something else at every run, which `compare` reports.


def _batch_graph(
    network: Network, model: Any, taken: Signature, rows: int, zeros_recorded: bool
) -> BatchGraph:
    several = trace(model, batch_struct(taken, rows), zeros_recorded=zeros_recorded)
    slots = [replace(slot, shape=(rows, *slot.shape)) for slot in taken.slots]
    lowered = lower(several, slots, [slot.name for slot in network.graph.outputs])
    shapes = [tuple(getattr(t, "shape", ())) for t in keras().tree.flatten(several.outputs)]
    sizes = [slot.size for slot in taken.slots]
    return BatchGraph(lowered.plain or lowered.graph, rows, sizes, shapes)


def compare(network: Network, model: Any, taken: Signature) -> None:
    """Compare a network with the model it was made of.

    Args:
        network: As `network_of` made it, with the weights of now.
        model: The model.
        taken: Its inputs.

    Raises:
        ModelError: They differ.
        UnsupportedError: The model mixes the rows of a batch.
    """
    predict = network.predict or predictor(model, taken)

    def predict_one(x: np.ndarray) -> np.ndarray:
        return run(model, taken, x[: taken.batch or 1])

    _rows_apart(network, predict, predict_one)
    try:
        check_same(network)
    except ModelError:
        _same_size(network, predict, predict_one)
        raise


def _finite_weights(k: Any, model: Any) -> None:
    for weight in model.weights:
        if not k.backend.is_float_dtype(weight.dtype):
            continue
        array = np.asarray(k.ops.convert_to_numpy(weight))
        bad = np.argwhere(~np.isfinite(array.astype(np.float64)))
        if len(bad):
            entry = ", ".join(str(i) for i in bad[0])
            raise ModelError(
                f"Weights must be finite numbers. Received: {weight.path}[{entry}]="
                f"{float(array[tuple(bad[0])])} ({len(bad)} such entries)."
            )


def _same_again(first: Any, second: Any) -> None:
    changed = same_constants(first, second)
    if changed is not None or len(first.records) != len(second.records):
        where = "The model" if changed is None else f"Layer `{changed.source}`"
        raise _other_at_every_run(where)


def _other_at_every_run(where: str) -> UnsupportedError:
    return UnsupportedError(
        f"{where} computes something else at every run (random numbers, a counter, the time), "
        "so its output is no function of its input."
    )


def _rows_apart(
    network: Network,
    predict: Callable[[np.ndarray], np.ndarray],
    predict_one: Callable[[np.ndarray], np.ndarray],
) -> None:
    """Refuse a model that looks at the other rows of a batch.

    A dependence on the size of the batch shows in the final comparison: the graph is of one row.

    Args:
        network: What was read.
        predict: The model on rows.
        predict_one: The model on the first of some rows, with no others beside it.
    """
    begin_phase(COMPARING)
    graph = network.written
    x = points(graph, None, 0, few=is_large(graph))
    kept = np.abs(x).max(axis=1, initial=0.0) < 10.0
    reason = ""
    try:
        found, again = predict(x)[kept], predict(np.where(kept[:, None], x, 0.5))[kept]
        alone = predict(np.where((np.arange(len(x)) == _ALONE)[:, None], x, 0.5))[_ALONE]
    except Exception as error:
        _check_runs(network, predict_one, x)
        reason = f" Received: {type(error).__name__}: {first_line(error)[:200]}"
    else:
        where = int(kept[:_ALONE].sum())
        shapes = {found.shape[1:], again.shape[1:], alone.shape}
        if shapes != {(graph.value_size(graph.output),)}:
            raise _rows_mixed(network)
        with np.errstate(invalid="ignore"):  # At a pole both are infinite.
            moved = np.abs(found - again)
            moved[where] = np.fmax(moved[where], np.abs(found[where] - alone))
        # What rounding explains takes long in a large model; mostly nothing has moved.
        rows = np.flatnonzero((moved != 0).any(axis=1))
        chosen = x[kept][rows]
        same = all(
            not (
                moved[rows[part]]
                > 2.0 * tolerance(graph, run_with_error_bounds(graph, chosen[part]))
            ).any()
            for part in at_once(graph, len(rows))
        )
        if same:
            return
        allowed = 2.0 * tolerance(graph, run_with_error_bounds(graph, chosen[:1]))
        _same_twice(predict, x, float(allowed.max()))
    raise _rows_mixed(network, reason)


def _rows_mixed(network: Network, reason: str = "") -> UnsupportedError:
    return UnsupportedError(
        f"Model `{network.name}` mixes the rows of a batch: an input gives other outputs in other "
        "company, so its output is no function of one input. Look for a reduction or a "
        "reshape over axis 0, or a constant with another number of rows than the batch "
        f"(`ops.shape(x)[0]`).{reason}"
    )


def _same_twice(predict: Callable, x: np.ndarray, allowed: float) -> None:
    """Refuse a model that returns two outputs for one batch."""
    with np.errstate(invalid="ignore"):
        if (np.abs(predict(x) - predict(x)) > allowed).any():
            raise _other_at_every_run("The model")


def _same_size(network: Network, predict: Callable, predict_one: Callable) -> None:
    """Refuse a model whose output for a row depends on its place, or on the number of rows.

    It is asked where the graph, which is of one row, is not the model.
    """
    x = points(network.written, None, 0, few=True)
    last_first = x[::-1]
    allowed = (
        2.0 * tolerance(network.written, run_with_error_bounds(network.written, last_first[:1]))[0]
    )
    together, alone = predict(x)[-1], np.ravel(predict_one(last_first))[: allowed.size]
    with np.errstate(invalid="ignore"):
        if (np.abs(together - alone) > allowed).any():
            _same_twice(predict_one, x, allowed.max())
            raise _rows_mixed(network)


def _check_runs(network: Network, predict_one: Callable, x: np.ndarray) -> None:
    """Refuse a model that fails on a single row too: other rows are not to blame then."""
    try:
        predict_one(x)
    except Exception as error:
        raise ModelError(
            f"Model `{network.name}` fails when Keras runs it on one input (its symbols are fine): "
            f"make `model.predict` run, on this backend ({keras().backend.backend()}) or on "
            "another, by the environment variable KERAS_BACKEND. "
            f"Received: {type(error).__name__}: {first_line(error)[:300]}"
        ) from error


_ALONE = 4
"""The point that is also run among rows that are all the same."""
