"""The description of one repair: the model, the properties, and the options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import Clock, Region
from ..frontends.network import Network
from .demand import Demand


TIME_ENDED = "the time limit ended the repair; a larger `time_limit` may help."
"""Reason that a repair states if it ran out of time."""


@dataclass(frozen=True, eq=False)
class RepairTask:
    """A repair: the model, the properties, and the options.

    Args:
        model: The user's Keras model, which is not changed.
        network: The graph of the same model.
        demands: The properties; all of them must hold in the end.
        clock: Clock with the time limit of the repair.
        load: Function that reads a Keras model into a graph.
        method: `"auto"`, `"weights"` or `"guard"`.
        x: The user's inputs, `(n, d)`, at which outputs should change little; None if there are
            none.
        domain: Further regions in which outputs should change little.
        decision: `"argmax"` or `"argmin"`: how outputs are read as a class. For `run_repair`, None
            means that it is inferred; after that, None means that outputs are numbers.
        seed: Seed of random inputs.
    """

    model: Any
    network: Network
    demands: Sequence[Demand]
    clock: Clock
    load: Callable[[Any], Network]
    method: str = "auto"
    x: np.ndarray | None = None
    domain: Sequence[Region] = ()
    decision: str | None = None
    seed: int = 0

    def seconds(self, share: float = 1.0) -> float | None:
        """Return a fraction of the remaining time in seconds; None without a limit."""
        return None if self.clock.limit == np.inf else max(share * self.clock.left, 1e-3)
