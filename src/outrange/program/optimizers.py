"""The optimizer, and what its next steps are made with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Optimizer:
    """The optimizer.

    Args:
        kind: Its class, `"SGD"`.
        rate: The learning rate; of a schedule, the largest of its first thousand steps.
        momentum: 0 where it has none.
        options: Its other numbers.
        scheduled: Whether the rate is another one in later steps.
    """

    kind: str
    rate: float
    momentum: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)
    scheduled: bool = False


@dataclass(frozen=True, eq=False)
class Stepping:
    """What the next steps of an optimizer are made with.

    Args:
        kind: Its class, `"Adam"`.
        options: Its plain numbers and switches, those that are not set left out.
        taken: How many steps it has taken.
        rates: `rates(n)`: the learning rates of the first `n` steps, float64; None if they cannot
            be known beforehand.
        refusal: Why nothing is known of its steps, or `""`.
    """

    kind: str
    options: Mapping[str, Any]
    taken: int
    rates: Callable[[int], np.ndarray | None]
    refusal: str = ""
