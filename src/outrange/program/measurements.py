"""Measurements that the framework itself made, as records free of framework objects."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Measured:
    """One evaluation of the loss and its gradients by the framework, at the stored weights.

    Args:
        loss: The value of the loss; NaN if there was an error.
        gradients: Maps a weight index to the weight's gradient, or to None if the backend reports
            no gradient path from the loss to the weight.
        error: The message of the backend's exception, or `""`.
        outputs: The model's outputs, one array per output; empty if they were not stored.
    """

    loss: float
    gradients: Mapping[int, np.ndarray | None]
    error: str = ""
    outputs: tuple[np.ndarray, ...] = ()

    @property
    def has_nonfinite_gradient(self) -> bool:
        """Whether any gradient has a non-finite entry."""
        return not all(np.isfinite(g).all() for g in self.gradients.values() if g is not None)

    @property
    def has_nonzero_gradient(self) -> bool:
        """Whether any gradient has a nonzero entry."""
        return any(g is not None and np.any(g != 0) for g in self.gradients.values())


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """The results of a few training steps that leave the user's model as it was.

    Args:
        losses: The loss before each step, on the rows of that step.
        moved: Maps a weight index to the largest change of any of the weight's entries.
        size: Maps a weight index to the weight's largest absolute entry before the first step.
        error: The message of the backend's exception, or `""`.
        looks: `(step, loss on the first rows of the data)` before some or all of the steps, and
            after the last step.
        outputs: The outputs on the first rows after the last step, one array per output.
        in_training: The outputs on the first rows in training mode after the last step; empty if
            training mode computes the same values as inference.
    """

    losses: tuple[float, ...]
    moved: Mapping[int, float]
    size: Mapping[int, float]
    error: str = ""
    looks: tuple[tuple[int, float], ...] = ()
    outputs: tuple[np.ndarray, ...] = ()
    in_training: tuple[np.ndarray, ...] = ()
