"""Interface of all trainable copies of a model."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import numpy as np


class Look(NamedTuple):
    """Loss and outputs of a copy on the rows of data passed to `Copy.look`.

    Args:
        loss: The loss in training, including any penalties.
        outputs: The outputs at inference.
        in_training: The outputs in training; empty if the model computes `outputs` in training,
            too.
    """

    loss: float
    outputs: list[np.ndarray]
    in_training: list[np.ndarray]


class Copy(Protocol):
    """A copy of the model, or the model itself, that can be trained and then restored."""

    def in_use(self) -> AbstractContextManager[None]:
        """Open a context for training the copy, starting from the stored weights."""
        ...

    def steps(self, x: Any, y: Any, due: Any, rows: Any) -> tuple[list[float], list[float]]:
        """Take training steps, and stop early if a loss is not finite.

        Args:
            x: Inputs of each step, stacked along an additional first axis.
            y: Targets of each step, stacked in the same way.
            due: For each step, whether to measure the loss on `rows` before it (a look).
            rows: Inputs and targets of the rows on which each look measures the loss.

        Returns:
            The loss before each step, on the rows of that step, and the loss at each look.
        """
        ...

    def look(self, x: Any, y: Any) -> Look:
        """Compute the loss and the outputs with the current weights."""
        ...

    def weights(self) -> list[np.ndarray]:
        """Return the current weights, in the model's order."""
        ...

    def multiply_rate(self, factor: float) -> None:
        """Multiply the learning rate by `factor`.

        Raises:
            TypeError: The learning rate follows a schedule.
        """
        ...

    def start_with(self, values: Mapping[int, np.ndarray | None]) -> None:
        """Replace the values of the weights of the copy that `values` lists.

        Args:
            values: Map from the `id` of a variable of the model to its value in the copy. A weight
                that is absent or None stays unchanged.
        """
        ...
