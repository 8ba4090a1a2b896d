"""Reader of a Keras model, compiled or not, and of its data as a `Program`."""

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ....core import InputError, ModelError
from ....program import Head, Layer, Loss, Program, Weight
from ..api import is_keras_object, keras, keras_2_advice
from ..files import read
from ..precision import cast_inputs, copy_in_float32, formats
from ..signature import output_names
from ..trace.tolerant import TolerantRun, follow, symbols
from .batch_statistics import batch_statistics
from .copies.borrowed import preserve_variables
from .measure import Measurement
from .modes import Mode, dropout_rate, may_differ_as_whole, modes
from .output_heads import head, without_inactive_dropout
from .parts import lower_whole_again, model_part
from .randomness import may_draw, preserve_random_state, user_code_may_draw
from .rehearsal import Rehearser
from .repair import repairer
from .runnable import lasting_parts, run_fields
from .stepping import (
    describe_stepping,
    known_reads,
    lower_with_weights,
    position_dependent_code,
    steady_weights,
    weight_state,
)
from .steps import steps
from .training import loss_record, losses, makes_masks, metrics, optimizer_record


def read_program(model: Any, x: Any, y: Any, rehearser: Rehearser | None = None) -> Program:
    """Read the facts about a model that a diagnosis uses.

    Args:
        model: A Keras model. It is not changed, except that unbuilt layers are built.
        x: The model's inputs: arrays in the model's structure, with the batch axis first.
        y: The model's targets, or None.
        rehearser: A rehearser of the same model to reuse, or None for a new one.

    Returns:
        The program. Its `unread` lists parts that could not be read.

    Raises:
        ModelError: The model is not built, and cannot be run on a row of `x`.
        InputError: `model` is not a Keras model, or `x` does not fit its inputs.
    """
    k = keras()
    if not isinstance(model, k.Layer):
        raise InputError(f"The model must be a Keras model. Received: {type(model).__qualname__}.")
    _ensure_built(k, model, x)
    index = {id(v): i for i, v in enumerate(model.weights)}
    struct = _check_inputs(k, model, x)
    wide = copy_in_float32(k, model)
    if wide is not model:
        # The recording is of the float32 copy, whose variables have the same order.
        index |= {id(v): i for i, v in enumerate(wide.weights)}
    run, objects, unread = _follow_model(k, wide, struct, y, model)
    recorded_steps, number = steps(k, run, index) if run else ([], {})
    outputs = k.tree.flatten(run.trace.outputs) if run else []
    records = _losses(run, objects, number)
    measures, unknown = metrics(k, model, y, outputs)
    heads = without_inactive_dropout(k, model, x, _heads(k, model, run, outputs, number, records))
    weights = tuple(_weight(k, v) for v in model.weights)
    whole, free, missing = lasting_parts(k, model, run, number, struct)
    compiled = getattr(model, "_compile_loss", None) is not None
    has_targets = compiled and y is not None
    layer_modes = modes(k, model, run) if run else []
    layers = tuple(_layers(k, run, number, formats(model, wide), layer_modes)) if run else ()
    is_changed = not run or may_differ_as_whole(k, model) or any(mode.noisy for mode in layer_modes)
    draws = may_draw(k, model)
    rehearser = rehearser or Rehearser(Measurement(k, model, index, draws or is_changed))
    measurement = rehearser.measurement
    again = partial(lower_whole_again, k, run, number, struct)
    program = Program(
        name=model.name,
        backend=k.backend.backend(),
        inputs=tuple(tuple(t.shape[1:]) for t in k.tree.flatten(struct)),
        outputs=_outputs(model, run, outputs),
        output_tensors=tuple(number[id(t)] for t in outputs),
        layers=layers,
        weights=weights,
        escaped=_untraced_weights(run, index),
        steps=tuple(recorded_steps),
        heads=heads,
        losses=tuple(records),
        optimizer=optimizer_record(k, model) if compiled else None,
        whole=whole,
        free=free,
        predict=measurement.predict,
        measure=measurement.measure if has_targets else None,
        rehearse=rehearser.rehearse if has_targets and rehearser.possible else None,
        unread=tuple(dict.fromkeys([*unread, *unknown, *missing])),
        changed_in_training=is_changed,
        chance_in_training=draws,
        own_chance=user_code_may_draw(k, model),
        batch_statistics=partial(batch_statistics, k, model, struct),
        taken=partial(cast_inputs, k, k.tree.flatten(struct)),
        **_steps_ahead(k, model, wide, run, index, compiled, whole, again),
        metrics=tuple(measures),
        repair=repairer(k, rehearser, x, y, read_program) if compiled else None,
        **run_fields(k, model, struct, x, measurement),
    )
    in_training = partial(_in_training, program, k, model, wide, struct, objects, index)
    return replace(program, in_training=in_training) if is_changed and objects else program


def _heads(
    k: Any, model: Any, run: TolerantRun | None, outputs: list[Any], number: dict[int, int],
    records: list[Loss],
) -> tuple[Head, ...]:  # fmt: skip
    if run is None:
        return ()
    names = {loss.output: loss.name for loss in records}
    part = model_part(run)
    return tuple(head(k, model, part, t, number, names.get(i, "")) for i, t in enumerate(outputs))


def _untraced_weights(run: TolerantRun | None, index: dict[int, int]) -> frozenset[int]:
    """Return the indices of the weights that are read outside recorded operations.

    Without a recording, these are all weights.
    """
    read = run.escaped if run else index
    return frozenset(index[i] for i in read if i in index)


def _outputs(
    model: Any, run: TolerantRun | None, outputs: list[Any]
) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return the name and the shape, without the batch axis, of each output."""
    labels = output_names(model, run.trace.outputs) if run else []
    return tuple((n, tuple(t.shape[1:])) for n, t in zip(labels, outputs, strict=True))


def _ensure_built(k: Any, model: Any, x: Any) -> None:
    """Build the layers that are not built yet, by calling the model on one row of the data."""
    if all(layer.built for layer in model._flatten_layers()):
        return
    try:
        model(k.tree.map_structure(lambda a: k.ops.convert_to_tensor(a[:1]), x), training=False)
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        raise ModelError(
            "A model that is not built yet must be able to process one row of `x`, but "
            f"`{model.name}` fails: check the shape of `x`, or build the model first. Received: "
            f"{type(error).__name__}: {first[:300]}"
        ) from error


def _check_inputs(k: Any, model: Any, x: Any) -> Any:
    try:
        struct = symbols(model, x)
    except ModelError:
        raise
    except Exception as error:
        raise InputError(
            "`x` must have one array per input of the model, in the same structure. "
            f"Received: {len(k.tree.flatten(x))} arrays ({type(error).__name__}: {error})."
        ) from None
    for tensor, array in zip(k.tree.flatten(struct), k.tree.flatten(x), strict=True):
        if tuple(array.shape[1:]) != tuple(tensor.shape[1:]):
            raise InputError(
                f"`x` must contain rows of the model's input shape {tuple(tensor.shape[1:])}. "
                f"Received: an array of shape {tuple(array.shape)}."
            )
    return struct


def _follow_model(
    k: Any, model: Any, struct: Any, y: Any, compiled: Any
) -> tuple[TolerantRun | None, list[Any], list[str]]:
    """Return the recording with its losses, the loss tuples, and a list of unread parts.

    The recording is None, and the list has the reason, if the model cannot be run on symbols.
    """
    try:
        first = follow(model, struct, [])
        outputs = k.tree.flatten(first.trace.outputs)
        objects, unread = losses(k, compiled, y, outputs)
        run = follow(model, struct, objects) if objects else first
    except ModelError as error:
        return None, [], [str(error)]
    return run, objects, [*unread, *run.reasons]


def _in_training(
    program: Program, k: Any, model: Any, wide: Any, struct: Any, objects: list, index: dict
) -> Program | None:
    """Return the program with the recorded operations of a run in training mode, or None.

    The result is None if the recording fails.
    """
    try:
        with preserve_random_state(k), preserve_variables(k, model):
            run = follow(wide, struct, objects, training=True)
    except ModelError:
        return None
    recorded_steps, number = steps(k, run, index)
    return replace(
        program,
        steps=tuple(recorded_steps),
        losses=tuple(_losses(run, objects, number)),
        escaped=_untraced_weights(run, index),
    )


def _losses(run: TolerantRun | None, objects: list, number: dict[int, int]) -> list[Loss]:
    if run is None:
        return []
    k = keras()
    # The effect of an opaque layer on a mask is unknown.
    unseen = bool(run.opaque) and makes_masks(k, run)
    outputs = k.tree.flatten(run.trace.outputs)
    return [
        loss_record(
            k, loss, output, None if tensor is None else number.get(id(tensor)), weight,
            len(outputs[output].shape),
            unseen or getattr(outputs[output], "_keras_mask", None) is not None,
        )
        for (loss, output, _, weight), tensor in zip(objects, run.losses, strict=True)
    ]  # fmt: skip


def _weight(k: Any, variable: Any) -> Weight:
    path = "/".join(variable.path.split("/")[-2:])
    return Weight(
        path,
        path.split("/")[0],
        tuple(variable.shape),
        bool(variable.trainable),
        lambda: np.asarray(k.ops.convert_to_numpy(variable)),
        getattr(variable, "constraint", None) is not None,
    )


def _layers(
    k: Any,
    run: TolerantRun,
    number: dict[int, int],
    narrow: dict[int, str],
    layer_modes: list[Mode],
) -> Iterator[Layer]:
    for visit, mode in zip(run.trace.visits, layer_modes, strict=True):
        outputs = [t for t in k.tree.flatten(visit.outputs) if isinstance(t, k.KerasTensor)]
        if not outputs or isinstance(visit.layer, k.Model):
            continue
        kind = type(visit.layer).__name__
        before = number.get(id(visit.before)) if visit.before is not None else None
        real = str(outputs[0].dtype).startswith(("float", "bfloat"))
        yield Layer(
            visit.path,
            kind,
            before,
            number.get(id(outputs[0]), -1),
            tuple(outputs[0].shape[1:]),
            mode.noisy,
            narrow.get(id(visit.layer), "float32") if real else "float32",
            tuple(number[id(t)] for t in outputs[1:] if id(t) in number),
            dropout_rate(k, visit.layer),
            mode.behind,
            mode.statistics,
        )  # fmt: skip


def _steps_ahead(
    k: Any,
    model: Any,
    wide: Any,
    run: TolerantRun | None,
    index: dict[int, int],
    compiled: bool,
    whole: Any,
    again: Any,
) -> dict[str, Any]:
    """Return the fields of the program that describe future training steps."""
    return {
        "stepping": describe_stepping(k, model) if compiled else None,
        "understood": known_reads(k, run, index) if run else {},
        "steady": steady_weights(k, wide, run, index) if run else frozenset(),
        "uneven": position_dependent_code(k, model),
        "slots": partial(weight_state, k, model, index),
        "varied": None if whole is None else lower_with_weights(k, wide.weights, again),
    }


def read_compiled(model: Any, safe_mode: bool = True) -> Any:
    """Return the Keras model itself, read from a file with its loss and optimizer if necessary.

    Raises:
        InputError: The argument is not a Keras model, or the file does not exist.
        ModelError: The file cannot be read, for example because it is damaged.
    """
    if isinstance(model, str | os.PathLike):
        return read(Path(os.fsdecode(os.fspath(model))), None, safe_mode, compiled=True)
    if not is_keras_object(model):
        raise InputError(
            "Diagnosis needs a Keras model, or the path of a `.keras` or `.h5` file."
            f"{keras_2_advice(model)} "
            f"Received: {type(model).__module__}.{type(model).__qualname__}."
        )
    return model
