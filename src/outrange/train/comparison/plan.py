"""The training runs of a comparison: data, losses with their targets, optimizers, groups."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import InputError


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Training data as Keras accepts them.

    Args:
        x: An array of inputs whose first axis is the batch, or a list or dict of such arrays.
        rows: Number of data rows.
    """

    x: Any
    rows: int


@dataclass(frozen=True, eq=False)
class Objective:
    """A loss, the targets in the form it needs, and the metric of predictions.

    Args:
        label: Name of the loss in tables.
        keras_loss: The loss as an argument of `Model.compile`.
        value: `value(y, predictions)` computes the loss of a batch, a scalar, with Keras
            operations.
        targets: The targets in the form of the loss, `(rows, ...)`.
        metric: `metric(predictions)` computes a scalar over all the data, with Keras operations.
    """

    label: str
    keras_loss: Any
    value: Callable[[Any, Any], Any]
    targets: np.ndarray
    metric: Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class OptimizerChoice:
    """A factory of optimizers, `fresh`, with a label for tables."""

    label: str
    fresh: Callable[[], Any]


@dataclass(frozen=True)
class Options:
    """The settings that all training runs of a comparison share.

    Args:
        epochs: Number of passes over the data.
        batch_size: Number of rows per step.
        stride: Number of epochs between consecutive points of a curve.
        seed: Seed of the row order and of the initial weights of the first start. The other starts
            use the following integers for their initial weights.
    """

    epochs: int
    batch_size: int
    stride: int
    seed: int

    @property
    def ticks(self) -> int:
        """Index of the last tick. Each tick is a point of the curves; the first is tick 0."""
        return -(-self.epochs // self.stride)

    def epoch(self, tick: int) -> int:
        """Return the number of epochs that a run has completed at a tick."""
        return min(tick * self.stride, self.epochs)


@dataclass(frozen=True, eq=False)
class TrainedPart:
    """A worker's measurements of one group at each tick, and the group's final state.

    A tick is a point of the loss curves.

    Args:
        losses: Losses of all training runs at each tick.
        metrics: Metrics of all training runs at each tick.
        spreads: For each training run, the largest difference in any output between two rows, at
            the last tick.
        state: The state at the last tick, as `Group.state` returns it.
    """

    losses: Sequence[np.ndarray]
    metrics: Sequence[np.ndarray]
    spreads: np.ndarray
    state: Sequence[np.ndarray]


class Group(ABC):
    """The training runs of one activation; each training run is called a lane.

    Lanes are numbered `(optimizer * losses + loss) * starts + start`.

    Args:
        models: One built, uncompiled model per start.
        rebuild: Function that creates another model with the same layers, by the user's `build`.
        objectives: The losses with their targets and metrics.
        optimizers: The optimizer factories with their labels.
        data: The data of all training runs.
        options: The settings of every training run.
    """

    engine: str
    carried: Any
    """The state of all training runs; never changed in place, so a reference is a snapshot."""

    def __init__(
        self,
        models: Sequence[Any],
        rebuild: Callable[[], Any],
        objectives: Sequence[Objective],
        optimizers: Sequence[OptimizerChoice],
        data: TrainingData,
        options: Options,
    ) -> None:
        self.models = list(models)
        self.rebuild = rebuild
        self.objectives = list(objectives)
        self.optimizers = list(optimizers)
        self.data = data
        self.options = options

    @property
    def lanes(self) -> int:
        """Number of training runs."""
        return len(self.optimizers) * len(self.objectives) * len(self.models)

    def place(self, lane: int) -> tuple[int, int, int]:
        """Return the indices of the optimizer, the loss and the start of a training run."""
        rest, start = divmod(lane, len(self.models))
        optimizer, loss = divmod(rest, len(self.objectives))
        return optimizer, loss, start

    def advance_from(self, tick: int) -> None:
        """Continue all training runs from one tick (a point on the loss curves) to the next."""
        before, after = self.options.epoch(tick), self.options.epoch(tick + 1)
        self.advance(epoch_orders(self.options, self.data.rows, before, after - before))

    @abstractmethod
    def advance(self, orders: np.ndarray) -> None:
        """Continue all training runs by one epoch per row of `orders`, which permutes the data."""

    @abstractmethod
    def evaluate(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return three arrays with one entry per training run: loss, metric and spread.

        The spread is the largest difference in any output between two rows of the data.
        """

    @abstractmethod
    def steepness(self) -> np.ndarray:
        """Return the Euclidean norm of each training run's loss gradient over all the data."""

    @abstractmethod
    def predictions(self, lane: int) -> np.ndarray:
        """Return the predictions of a training run's model for the data, with current weights."""

    @abstractmethod
    def weights(self, lane: int) -> list[np.ndarray]:
        """Return the current trainable weights of a training run, in the model's order."""

    @abstractmethod
    def state(self) -> list[np.ndarray]:
        """Return the arrays that `restore` needs to resume the training runs."""

    @abstractmethod
    def restore(self, arrays: Sequence[np.ndarray]) -> None:
        """Set the state of all training runs to an earlier result of `state`.

        Raises:
            InputError: The arrays belong to other training runs.
        """


def epoch_orders(options: Options, rows: int, first: int, count: int) -> np.ndarray:
    """Return the row order of each of `count` epochs, an array `(count, rows)`.

    The order is determined by the seed, the epoch and the number of rows. So all combinations and
    starts get the same batches, and a resumed study gets the batches of an uninterrupted one. With
    one batch per epoch there is nothing to shuffle, and the shape is `(count, 0)`.

    Args:
        first: Index of the first of these epochs, from 0.
    """
    if options.batch_size >= rows:
        return np.zeros((count, 0), np.int32)
    return np.stack(
        [
            np.random.default_rng([options.seed, epoch]).permutation(rows)
            for epoch in range(first, first + count)
        ]
    ).astype(np.int32)


def check_shapes(arrays: Sequence[np.ndarray], expected: Sequence[Any]) -> None:
    """Raise `InputError` unless saved arrays have the expected shapes."""
    shapes = [tuple(np.shape(a)) for a in arrays]
    if shapes != [tuple(np.shape(a)) for a in expected]:
        raise InputError(
            "A study can be resumed only with its original models, losses and optimizers. "
            f"Received: a saved state of {len(shapes)} arrays, which do not have the number "
            f"({len(expected)}) or shapes expected. Choose another file, or delete this one."
        )
