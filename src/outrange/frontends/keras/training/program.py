"""Entry point: a Keras model, compiled or not, and its data as a `Program`."""

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ....core import InputError, ModelError
from ....program import Head, Layer, Loss, Program, Weight
from ..api import is_keras_object, keras
from ..files import read
from ..precision import cast_inputs, copy_in_float32, formats
from ..signature import output_names
from ..trace.tolerant import TolerantRun, follow, symbols
from .batch_statistics import batch_statistics
from .copies.lent import numbers_kept
from .measure import Measurement
from .modes import Mode, dropped, modes, unlike
from .output_heads import dropping, head
from .parts import model_part, whole_again
from .randomness import chance_kept, may_draw, own_code_may_draw
from .rehearsal import Rehearser
from .repair import repairer
from .runnable import lasting_parts, when_run
from .stepping import slots, steady, stepping, understood, uneven, varied
from .steps import steps
from .training import loss_record, losses, makes_masks, optimizer_record


def read_program(model: Any, x: Any, y: Any, rehearser: Rehearser | None = None) -> Program:
    """Everything that diagnosis wants to know of a model.

    Args:
        model: A built Keras model; nothing in it is changed.
        x: Its inputs: arrays in the model's structure, rows first.
        y: Its targets, or None.
        rehearser: One of the same model that goes on; None for a new one.

    Returns:
        The program. What could not be followed is named in `unread`.

    Raises:
        ModelError: The model is not built.
        InputError: `x` does not fit the model's inputs.
    """
    k = keras()
    if not isinstance(model, k.Layer):
        raise InputError(f"A Keras model is needed. Received: {type(model).__qualname__}.")
    _built(k, model, x)
    index = {id(v): i for i, v in enumerate(model.weights)}
    struct = _fitting(k, model, x)
    wide = copy_in_float32(k, model)
    if wide is not model:
        # The recording is of the wide copy, whose variables stand in the same order.
        index |= {id(v): i for i, v in enumerate(wide.weights)}
    found, objects, unread = _followed(k, wide, struct, y, model)
    made, number = steps(k, found, index) if found else ([], {})
    outputs = k.tree.flatten(found.trace.outputs) if found else []
    records = _losses(found, objects, number)
    heads = dropping(k, model, x, _heads(k, model, found, outputs, number, records))
    weights = tuple(_weight(k, v) for v in model.weights)
    whole, free, missing = lasting_parts(k, model, found, number, struct)
    compiled = getattr(model, "_compile_loss", None) is not None
    asked = compiled and y is not None
    made_of = modes(k, model, found) if found else []
    layers = tuple(_layers(k, found, number, formats(model, wide), made_of)) if found else ()
    changed = not found or unlike(k, model) or any(mode.noisy for mode in made_of)
    draws = may_draw(k, model)
    rehearser = rehearser or Rehearser(Measurement(k, model, index, draws or changed))
    measurement = rehearser.measurement
    again = partial(whole_again, k, found, number, struct)
    program = Program(
        name=model.name,
        backend=k.backend.backend(),
        inputs=tuple(tuple(t.shape[1:]) for t in k.tree.flatten(struct)),
        outputs=_outputs(model, found, outputs),
        output_tensors=tuple(number[id(t)] for t in outputs),
        layers=layers,
        weights=weights,
        escaped=_escaped(found, index),
        steps=tuple(made),
        heads=heads,
        losses=tuple(records),
        optimizer=optimizer_record(k, model) if compiled else None,
        whole=whole,
        free=free,
        predict=measurement.predict,
        measure=measurement.measure if asked else None,
        rehearse=rehearser.rehearse if asked and rehearser.possible else None,
        unread=tuple(dict.fromkeys([*unread, *missing])),
        changed_in_training=changed,
        chance_in_training=draws,
        own_chance=own_code_may_draw(k, model),
        batch_statistics=partial(batch_statistics, k, model, struct),
        taken=partial(cast_inputs, k, k.tree.flatten(struct)),
        **_steps_ahead(k, model, wide, found, index, compiled, whole, again),
        repair=repairer(k, rehearser, x, y, read_program) if compiled else None,
        **when_run(k, model, struct, x, measurement),
    )
    run = partial(_in_training, program, k, model, wide, struct, objects, index)
    return replace(program, in_training=run) if changed and objects else program


def _heads(
    k: Any, model: Any, found: TolerantRun | None, outputs: list[Any], number: dict[int, int],
    records: list[Loss],
) -> tuple[Head, ...]:  # fmt: skip
    if found is None:
        return ()
    names = {loss.output: loss.name for loss in records}
    part = model_part(found)
    return tuple(head(k, model, part, t, number, names.get(i, "")) for i, t in enumerate(outputs))


def _escaped(found: TolerantRun | None, index: dict[int, int]) -> frozenset[int]:
    """Weights with uses that are not recorded."""
    read = found.escaped if found else index
    return frozenset(index[i] for i in read if i in index)


def _outputs(
    model: Any, found: TolerantRun | None, outputs: list[Any]
) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Name and shape of each."""
    labels = output_names(model, found.trace.outputs) if found else []
    return tuple((n, tuple(t.shape[1:])) for n, t in zip(labels, outputs, strict=True))


def _built(k: Any, model: Any, x: Any) -> None:
    """A model whose layers wait for their first call gets it: a row of the data."""
    if all(layer.built for layer in model._flatten_layers()):
        return
    try:
        model(k.tree.map_structure(lambda a: k.ops.convert_to_tensor(a[:1]), x), training=False)
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        raise ModelError(
            f"Model `{model.name}` is not built, and fails on a row of `x`. Received: "
            f"{type(error).__name__}: {first[:300]}"
        ) from error


def _fitting(k: Any, model: Any, x: Any) -> Any:
    try:
        struct = symbols(model, x)
    except ModelError:
        raise
    except Exception as error:
        raise InputError(
            "`x` must have one array per input of the model, in its structure. "
            f"Received: {len(k.tree.flatten(x))} arrays ({type(error).__name__}: {error})."
        ) from None
    for tensor, array in zip(k.tree.flatten(struct), k.tree.flatten(x), strict=True):
        if tuple(array.shape[1:]) != tuple(tensor.shape[1:]):
            raise InputError(
                f"`x` must hold rows of the model's input shape {tuple(tensor.shape[1:])}. "
                f"Received: an array of shape {tuple(array.shape)}."
            )
    return struct


def _followed(
    k: Any, model: Any, struct: Any, y: Any, compiled: Any
) -> tuple[TolerantRun | None, list[Any], list[str]]:
    """The recording with its losses, the loss objects, and what could not be read."""
    try:
        first = follow(model, struct, [])
        outputs = k.tree.flatten(first.trace.outputs)
        objects, unread = losses(k, compiled, y, outputs)
        found = follow(model, struct, objects) if objects else first
    except ModelError as error:
        return None, [], [str(error)]
    return found, objects, [*unread, *found.reasons]


def _in_training(
    program: Program, k: Any, model: Any, wide: Any, struct: Any, objects: list, index: dict
) -> Program | None:
    """The program with the steps of a run in training; None if that cannot be recorded."""
    try:
        with chance_kept(k), numbers_kept(k, model):
            found = follow(wide, struct, objects, training=True)
    except ModelError:
        return None
    made, number = steps(k, found, index)
    return replace(
        program,
        steps=tuple(made),
        losses=tuple(_losses(found, objects, number)),
        escaped=_escaped(found, index),
    )


def _losses(found: TolerantRun | None, objects: list, number: dict[int, int]) -> list[Loss]:
    if found is None:
        return []
    k = keras()
    # What a layer that is not followed does to a mask is not seen.
    unseen = bool(found.opaque) and makes_masks(k, found)
    outputs = k.tree.flatten(found.trace.outputs)
    return [
        loss_record(
            k, loss, output, None if tensor is None else number.get(id(tensor)), weight,
            len(outputs[output].shape),
            unseen or getattr(outputs[output], "_keras_mask", None) is not None,
        )
        for (loss, output, _, weight), tensor in zip(objects, found.losses, strict=True)
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
    k: Any, found: TolerantRun, number: dict[int, int], narrow: dict[int, str], made_of: list[Mode]
) -> Iterator[Layer]:
    for visit, mode in zip(found.trace.visits, made_of, strict=True):
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
            dropped(k, visit.layer),
            mode.behind,
            mode.statistics,
        )  # fmt: skip


def _steps_ahead(
    k: Any,
    model: Any,
    wide: Any,
    found: TolerantRun | None,
    index: dict[int, int],
    compiled: bool,
    whole: Any,
    again: Any,
) -> dict[str, Any]:
    """What the program says of the steps that training takes."""
    return {
        "stepping": stepping(k, model) if compiled else None,
        "understood": understood(k, found, index) if found else {},
        "steady": steady(k, wide, found, index) if found else frozenset(),
        "uneven": uneven(k, model),
        "slots": partial(slots, k, model, index),
        "varied": None if whole is None else varied(k, wide.weights, again),
    }


def read_compiled(model: Any, *, custom_objects: Any = None, safe_mode: bool = True) -> Any:
    """The Keras model itself, from a file with the loss and optimizer stored in it.

    Raises:
        InputError: It is no Keras model, or there is no such file.
        ModelError: The file is damaged or holds code.
    """
    if isinstance(model, str | os.PathLike):
        return read(Path(os.fsdecode(os.fspath(model))), custom_objects, safe_mode, compiled=True)
    if not is_keras_object(model):
        raise InputError(
            "Diagnosis needs a Keras model, or the path of a `.keras` or `.h5` file. "
            f"Received: {type(model).__module__}.{type(model).__qualname__}."
        )
    return model
