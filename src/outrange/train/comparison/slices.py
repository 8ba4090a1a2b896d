"""The worker's side of a comparison: trains one activation from a given state for a few seconds."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ...core import InputError
from ...core.clock import read_clock
from ...executors.payload import Payload, deserialize, serialize
from ...executors.worker_cache import CachedPayload
from ...frontends.keras.api import keras
from .plan import Group, TrainedPart
from .trainings import Trainings


@dataclass(frozen=True)
class TrainingSlice:
    """A task for a worker: to train the models of one activation for a limited time.

    Args:
        label: Label of the activation.
        first: The tick at which the slice starts.
        until: The latest tick at which the slice may end.
        seconds: Time limit of the training after its first tick, which may compile the model.
        left: Remaining seconds of the whole comparison when the slice was submitted.
    """

    label: str
    first: int
    until: int
    seconds: float
    left: float


def keras_settings() -> dict[str, str]:
    """Return settings of Keras, such as the backend, that affect training arithmetic."""
    k = keras()
    return {
        "Keras": k.__version__,
        "backend": k.backend.backend(),
        "floatx": k.config.floatx(),
        "epsilon": str(k.config.epsilon()),
        "dtype policy": k.config.dtype_policy().name,
        "image data format": k.config.image_data_format(),
    }


def pack_trainings(trainings: Trainings) -> Payload:
    """Pack `trainings` and the Keras settings into a payload, which each worker receives once.

    Raises:
        InputError: A part of `trainings` cannot be pickled.
    """
    try:
        return Payload.of((keras_settings(), trainings))
    except InputError:
        raise
    except Exception as error:
        named = ((name, getattr(trainings, name)) for name in ("build", "losses", "metric"))
        which = next((name for name, part in named if not _packs(part)), "activations")
        raise InputError(
            "The arguments of a comparison on workers must be picklable by cloudpickle, that is, "
            "without locks or open files. "
            f"Received: `{which}`: {type(error).__name__}: {error}"
        ) from error


def _packs(thing: Any) -> bool:
    try:
        serialize(thing)
    except Exception:  # the caller already has the exception and reports it
        return False
    return True


def train_slice(
    cached: CachedPayload, task: TrainingSlice, state: Sequence[np.ndarray]
) -> TrainedPart:
    """Continue the training runs of an activation; return their measurements and new state.

    Args:
        cached: The worker's cache of the serialized specification.
        task: The slice to train.
        state: The current state of the group.

    Raises:
        InputError: The worker's settings differ from the caller's, or it lacks a module.
    """
    begin, name = read_clock(), f"group of {task.label}"
    # An abandoned slice may still run in this process.
    with cached.get_or_make(f"turn of {task.label}", lambda _: threading.Lock()):
        group = cached.get_or_make(name, lambda _: _group(cached, task.label, state))
        group.restore(state)
        results, compiled = [], None
        for tick in range(task.first, task.until):
            group.advance_from(tick)
            results.append(group.evaluate())
            now = read_clock()
            compiled = now if compiled is None else compiled
            if now - begin >= task.left or now - compiled >= task.seconds:
                break
        losses, metrics, spreads = zip(*results, strict=True)
        part = TrainedPart(losses, metrics, spreads[-1], group.state())
        is_last = task.first + len(results) == group.options.ticks
        if is_last or read_clock() - begin >= task.left:
            cached.drop(name)
    return part


@cache
def _building() -> threading.Lock:
    """Return the process's lock for building models.

    Building a model temporarily changes the state of the process's random generators.
    """
    return threading.Lock()


def _group(cached: CachedPayload, label: str, state: Sequence[np.ndarray]) -> Group:
    with _building():
        group, _ = cached.get_or_make("trainings", _trainings).group(label)
    types = [array.dtype for array in group.state()]
    if types != [array.dtype for array in state]:
        raise InputError(
            "Workers must use the same number types as the calling process. "
            f"Received: {sorted(set(map(str, types)))} on a worker. For example, set "
            "JAX_ENABLE_X64 to the same value on the workers."
        )
    return group


def _trainings(data: bytes) -> Trainings:
    try:
        caller, trainings = deserialize(data)
    except Exception as error:
        raise InputError(
            "Workers need Keras and the modules that define `build`, the losses and the metric. "
            f"Received: {type(error).__name__}: {error}"
        ) from error
    for name, value in keras_settings().items():
        if value != caller[name]:
            raise InputError(
                "Workers need the same Keras, backend and settings as the calling process. "
                f"Received: {name} {value} on a worker, but {caller[name]} in the calling process."
            )
    return trainings
