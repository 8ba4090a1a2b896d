"""What every copy can do."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import numpy as np


class Look(NamedTuple):
    """What a copy does at some rows.

    Args:
        loss: In training, penalties included.
        in_training: The outputs in training; empty where they are the same.
    """

    loss: float
    outputs: list[np.ndarray]
    in_training: list[np.ndarray]


class Copy(Protocol):
    """Something that is trained in the model's place."""

    def in_use(self) -> AbstractContextManager[None]:
        """While it is trained, from the stored weights on."""
        ...

    def steps(self, x: Any, y: Any, due: Any, rows: Any) -> tuple[list[float], list[float]]:
        """Take steps, up to the first whose loss is not finite.

        Args:
            x: Inputs of each step, one after the other along a first axis more.
            due: Whether a look comes before each step.
            rows: Inputs and targets of the looks.

        Returns:
            The loss before each step, of its own rows; and that of each look.
        """
        ...

    def look(self, x: Any, y: Any) -> Look:
        """Loss and outputs at the weights reached."""
        ...

    def weights(self) -> list[np.ndarray]:
        """The weights reached, in the model's order."""
        ...

    def multiply_rate(self, factor: float) -> None:
        """Train at another rate; a schedule raises."""
        ...

    def start_with(self, values: Mapping[int, np.ndarray | None]) -> None:
        """Put other values in, by `id` of the model's variable."""
        ...
