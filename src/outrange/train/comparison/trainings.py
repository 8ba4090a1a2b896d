"""The complete specification of a comparison's training runs, for this process and for workers."""

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
from .seeds import build_model, check_takes


LANE_NUMBERS = 5e7
"""Maximum number of weights of all training runs of one activation together. If there are more, the
models train one by one, not side by side."""


@dataclass(frozen=True, eq=False)
class Trainings:
    """The specification of all training runs of a comparison.

    Args:
        build: The user's function from an activation to a new model.
        activations: The activations by label.
        losses: The losses by label.
        optimizers: The optimizer factories with their labels.
        targets: The targets with their kind.
        data: The training inputs.
        options: The settings of every training run.
        starts: Number of different initial weights per combination.
        metric: The user's argument `metric`, or None.
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
    engine: str

    @property
    def labels(self) -> tuple[list[str], list[str], list[str]]:
        """The labels of activations, losses and optimizers."""
        return list(self.activations), list(self.losses), [o.label for o in self.optimizers]

    def group(self, label: str) -> tuple[Group, Yardstick]:
        """Create the group of one activation at its initial weights.

        Returns:
            The group, and the metric by which training runs are compared.

        Raises:
            InputError: `build` fails or returns no trainable model with one output, the metric is
                invalid, or the model does not fit the data.
        """
        activation, seed = self.activations[label], self.options.seed
        models = [build_model(self.build, activation, seed + s) for s in range(self.starts)]
        check_takes(models[0], self.data.x)
        outputs = tuple(models[0].outputs[0].shape[1:])
        measure = yardstick(self.metric, self.targets, outputs)
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
            lambda: build_model(self.build, activation, seed),
            objectives,
            self.optimizers,
            self.data,
            self.options,
        )
        return group, measure


def engine_of(name: str) -> type[Group]:
    """Return the subclass of `Group` that implements an engine on this backend.

    Raises:
        InputError: The engine is unknown, or needs another backend.
    """
    if name not in ("auto", "lanes", "one by one"):
        raise InputError(
            f'`engine` must be "auto", "lanes" or "one by one". Received: engine={name!r}.'
        )
    backend = keras().backend.backend()
    if name == "lanes" and backend != "jax":
        raise InputError(
            'engine="lanes", which trains models side by side, needs the JAX backend. '
            f"Received: backend {backend}."
        )
    if backend == "jax" and name != "one by one":
        from .vectorized import Lanes

        return Lanes
    from .sequential import Loops

    return Loops
