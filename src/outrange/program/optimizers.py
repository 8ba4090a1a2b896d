"""The optimizer, and the settings that determine its next steps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Optimizer:
    """An optimizer as the diagnosis rules see it.

    Args:
        kind: Name of its Keras class, for example `"SGD"`.
        rate: The learning rate; for a schedule, the largest rate at steps 0, 1, 10, 100 and 1000.
        momentum: The momentum; 0 for optimizers without one.
        options: Its numeric hyperparameters and switches, by their Keras names.
        scheduled: Whether the rate is a schedule or another function, not a number.
    """

    kind: str
    rate: float
    momentum: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)
    scheduled: bool = False


@dataclass(frozen=True, eq=False)
class Stepping:
    """The settings that determine the next steps of an optimizer.

    Args:
        kind: Name of its Keras class, for example `"Adam"`.
        options: Its numeric hyperparameters and switches, except the learning rate and unset ones.
        taken: The number of steps it has already taken.
        rates: `rates(n)` returns the learning rates of the next `n` steps as float64, possibly
            rounded up slightly, or None if they cannot be computed in advance.
        refusal: The reason why its steps cannot be bounded, or `""`.
    """

    kind: str
    options: Mapping[str, Any]
    taken: int
    rates: Callable[[int], np.ndarray | None]
    refusal: str = ""
