"""On a worker: one activation, trained on for some seconds from the state that it was sent."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ...core import InputError
from ...core.clock import read_clock
from ...executors.parcel import Parcel, packed, unpacked
from ...executors.shelf import Kept
from ...frontends.keras.api import keras
from .plan import Group, TrainedPart
from .trainings import Trainings


@dataclass(frozen=True)
class TrainingSlice:
    """What a worker is to do.

    Args:
        label: Of the activation.
        first: The tick where it is.
        until: The tick where it ends.
        seconds: Of training after the first tick, which may compile, until it ends earlier.
        left: Seconds that are left for the whole comparison.
    """

    label: str
    first: int
    until: int
    seconds: float
    left: float


def keras_settings() -> dict[str, str]:
    """What the arithmetic of a training hangs on, beside the model."""
    k = keras()
    return {
        "Keras": k.__version__,
        "backend": k.backend.backend(),
        "floatx": k.config.floatx(),
        "epsilon": str(k.config.epsilon()),
        "dtype policy": k.config.dtype_policy().name,
        "image data format": k.config.image_data_format(),
    }


def parcel_of(trainings: Trainings) -> Parcel:
    """What workers get once.

    Raises:
        InputError: A part of it cannot be sent.
    """
    try:
        return Parcel.of((keras_settings(), trainings))
    except InputError:
        raise
    except Exception as error:
        named = ((name, getattr(trainings, name)) for name in ("build", "losses", "metric"))
        which = next((name for name, part in named if not _packs(part)), "activations")
        raise InputError(
            "What workers train with must be something that cloudpickle can send, without locks "
            f"or open files in it. Received: `{which}`: {type(error).__name__}: {error}"
        ) from error


def _packs(thing: Any) -> bool:
    try:
        packed(thing)
    except Exception:  # whatever it is, the caller has it already, and tells it
        return False
    return True


def train_slice(kept: Kept, asked: TrainingSlice, state: Sequence[np.ndarray]) -> TrainedPart:
    """Train an activation on.

    Args:
        kept: What `parcel_of` made.
        asked: How far.
        state: Of the group, where it is.

    Raises:
        InputError: This worker would not compute the same, or lacks a module.
    """
    begin, name = read_clock(), f"group of {asked.label}"
    # A slice that nobody waits for any more may still run in this process.
    with kept.once(f"turn of {asked.label}", lambda _: threading.Lock()):
        group = kept.once(name, lambda _: _group(kept, asked.label, state))
        group.restore(state)
        found, compiled = [], None
        for tick in range(asked.first, asked.until):
            group.advance_from(tick)
            found.append(group.evaluate())
            now = read_clock()
            compiled = now if compiled is None else compiled
            if now - begin >= asked.left or now - compiled >= asked.seconds:
                break
        losses, metrics, spreads = zip(*found, strict=True)
        part = TrainedPart(losses, metrics, spreads[-1], group.state())
        is_last = asked.first + len(found) == group.options.ticks
        if is_last or read_clock() - begin >= asked.left:
            kept.drop(name)
    return part


@cache
def _building() -> threading.Lock:
    """Held while models are built: that sets the generators of the process, and sets them back."""
    return threading.Lock()


def _group(kept: Kept, label: str, state: Sequence[np.ndarray]) -> Group:
    with _building():
        group, _ = kept.once("trainings", _trainings).group(label)
    types = [array.dtype for array in group.state()]
    if types != [array.dtype for array in state]:
        raise InputError(
            "Workers train in the number types of the process that asks (JAX_ENABLE_X64, say). "
            f"Received: {sorted(set(map(str, types)))} on a worker."
        )
    return group


def _trainings(data: bytes) -> Trainings:
    try:
        asker, trainings = unpacked(data)
    except Exception as error:
        raise InputError(
            "Workers need Keras, and the modules that `build`, losses and metric are written in. "
            f"Received: {type(error).__name__}: {error}"
        ) from error
    for name, own in keras_settings().items():
        if own != asker[name]:
            raise InputError(
                "Workers need the Keras, backend and settings of the process that asks. "
                f"Received: {name} {own} on a worker, asked by {asker[name]}."
            )
    return trainings
