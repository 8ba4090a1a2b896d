"""What the framework itself says when it is run, in records that name none of its objects."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Measured:
    """One evaluation of loss and gradients by the framework itself, at the stored weights.

    Args:
        loss: The mean loss.
        gradients: Weight index to gradient; None where the backend says there is no path.
        error: What the backend raised instead, or `""`.
        outputs: What the model returned, one array an output; empty where it was not kept.
    """

    loss: float
    gradients: Mapping[int, np.ndarray | None]
    error: str = ""
    outputs: tuple[np.ndarray, ...] = ()

    @property
    def spoiled(self) -> bool:
        """Whether an entry of a gradient is no finite number, so that a step spoils its weight."""
        return not all(np.isfinite(g).all() for g in self.gradients.values() if g is not None)

    @property
    def lives(self) -> bool:
        """Whether an entry of a gradient is not 0."""
        return any(g is not None and np.any(g != 0) for g in self.gradients.values())


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """A few training steps on a copy of the model.

    Args:
        losses: The loss of each step's rows, before the step.
        moved: Weight index to the largest change of an entry.
        size: Weight index to the largest entry before.
        error: What the backend raised, or `""`.
        looks: `(step, loss of the first rows)` before some of the steps, and after the last.
        outputs: What the copy returns at the first rows in the end, one array an output.
        in_training: The same as it computes it in training; empty where that is no other.
    """

    losses: tuple[float, ...]
    moved: Mapping[int, float]
    size: Mapping[int, float]
    error: str = ""
    looks: tuple[tuple[int, float], ...] = ()
    outputs: tuple[np.ndarray, ...] = ()
    in_training: tuple[np.ndarray, ...] = ()
