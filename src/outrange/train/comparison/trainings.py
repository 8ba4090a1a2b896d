"""All that a process needs to train: the same here and on a worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import InputError
from ...frontends.keras.api import keras
from ..targets import Targets
from .objectives import Yardstick, objective, yardstick
from .plan import Group, OptimizerChoice, Options, TrainingData
from .seeds import built, check_takes


LANE_NUMBERS = 5e7
"""Weights of all lanes of a group, beyond which they are not trained side by side."""


@dataclass(frozen=True, eq=False)
class Trainings:
    """What is trained, and how.

    Args:
        build: As the user gave it.
        activations: By label, as the losses.
        losses: The losses.
        optimizers: The optimizers.
        targets: What is to be learnt.
        data: From what.
        options: How long, in which order.
        starts: How many.
        metric: As the user gave it.
        better: Likewise.
        engine: `"auto"`, `"lanes"` or `"one by one"`.
    """

    build: Callable[[Any], Any]
    activations: Mapping[str, Any]
    losses: Mapping[str, Any]
    optimizers: Sequence[OptimizerChoice]
    targets: Targets
    data: TrainingData
    options: Options
    starts: int
    metric: Any
    better: str | None
    engine: str

    @property
    def labels(self) -> tuple[list[str], list[str], list[str]]:
        """What tables call activations, losses and optimizers."""
        return list(self.activations), list(self.losses), [o.label for o in self.optimizers]

    def group(self, label: str) -> tuple[Group, Yardstick]:
        """The trainings of one activation, at their starts, and what they are measured by."""
        activation, seed = self.activations[label], self.options.seed
        models = [built(self.build, activation, seed + s) for s in range(self.starts)]
        check_takes(models[0], self.data.x)
        outputs = tuple(models[0].outputs[0].shape[1:])
        measure = yardstick(self.metric, self.better, self.targets, outputs)
        objectives = [
            objective(loss, thing, self.targets, outputs, measure)
            for loss, thing in self.losses.items()
        ]
        kind = engine_of(self.engine)
        weights = sum(int(np.prod(v.shape)) for v in models[0].trainable_variables)
        if weights * self.starts * len(objectives) * len(self.optimizers) > LANE_NUMBERS:
            kind = engine_of("one by one")
        group = kind(
            models,
            lambda: built(self.build, activation, seed),
            objectives,
            self.optimizers,
            self.data,
            self.options,
        )
        return group, measure


def engine_of(name: str) -> type[Group]:
    """The kind of group that an engine means on this backend."""
    if name not in ("auto", "lanes", "one by one"):
        raise InputError(f'`engine` is "auto", "lanes" or "one by one". Received: engine={name!r}.')
    backend = keras().backend.backend()
    if name == "lanes" and backend != "jax":
        raise InputError(
            'Trainings run side by side (engine="lanes") on the JAX backend only. '
            f"Received: backend {backend}."
        )
    if backend == "jax" and name != "one by one":
        from .vectorized import Lanes

        return Lanes
    from .sequential import Loops

    return Loops
