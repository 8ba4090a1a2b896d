"""What a comparison trains: data, losses with the targets they need, optimizers, groups."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import InputError


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Training data as Keras takes it.

    Args:
        x: An array of inputs, batch axis first, or a list or dict of them.
        rows: How many.
    """

    x: Any
    rows: int


@dataclass(frozen=True, eq=False)
class Objective:
    """A loss, the targets in the form it needs, and the metric for what it reaches.

    Args:
        label: How tables call the loss.
        keras_loss: What `Model.compile` takes.
        value: `value(y, predictions)`: the loss of a batch, one number, in Keras operations.
        targets: `(rows, ...)`.
        metric: `metric(predictions)`: one number over all the data, in Keras operations.
    """

    label: str
    keras_loss: Any
    value: Callable[[Any, Any], Any]
    targets: np.ndarray
    metric: Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class OptimizerChoice:
    """An optimizer by label, and a way to make fresh ones."""

    label: str
    fresh: Callable[[], Any]


@dataclass(frozen=True)
class Options:
    """How every training goes.

    Args:
        epochs: Passes over the data.
        batch_size: Rows a step.
        stride: Epochs between two points of a curve.
        seed: Of the first start; the others follow it.
    """

    epochs: int
    batch_size: int
    stride: int
    seed: int

    @property
    def ticks(self) -> int:
        """Steps of the curves, from tick 0 to the last."""
        return -(-self.epochs // self.stride)

    def epoch(self, tick: int) -> int:
        """Epochs trained at a tick."""
        return min(tick * self.stride, self.epochs)


@dataclass(frozen=True, eq=False)
class TrainedPart:
    """What a worker measured, a tick after the other, and where the group is now.

    Args:
        losses: Of every lane, at each tick.
        metrics: Likewise.
        spreads: At the last of them.
        state: As `Group.state` returns it, then.
    """

    losses: Sequence[np.ndarray]
    metrics: Sequence[np.ndarray]
    spreads: np.ndarray
    state: Sequence[np.ndarray]


class Group(ABC):
    """Trainings of one activation, side by side.

    Lanes are numbered `(optimizer * losses + loss) * starts + start`.

    Args:
        models: One built, uncompiled model per start.
        rebuild: Makes another such model.
        objectives: The losses.
        optimizers: The optimizers.
        data: The training data.
        options: How to train.
    """

    engine: str
    carried: Any
    """The state of all lanes; never changed in place, so that a copy of the reference is one."""

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
        """How many trainings."""
        return len(self.optimizers) * len(self.objectives) * len(self.models)

    def place(self, lane: int) -> tuple[int, int, int]:
        """Optimizer, loss and start of a lane."""
        rest, start = divmod(lane, len(self.models))
        optimizer, loss = divmod(rest, len(self.objectives))
        return optimizer, loss, start

    def advance_from(self, tick: int) -> None:
        """Train from a tick to the next."""
        before, after = self.options.epoch(tick), self.options.epoch(tick + 1)
        self.advance(epoch_orders(self.options, self.data.rows, before, after - before))

    @abstractmethod
    def advance(self, orders: np.ndarray) -> None:
        """Train one epoch per row of `orders`: the order in which it takes the data's rows."""

    @abstractmethod
    def evaluate(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Loss, metric, and the largest spread of an output over the data, per lane."""

    @abstractmethod
    def steepness(self) -> np.ndarray:
        """The Euclidean norm of the loss's gradient over all the data, per lane."""

    @abstractmethod
    def predictions(self, lane: int) -> np.ndarray:
        """What a lane's model returns for the data now."""

    @abstractmethod
    def weights(self, lane: int) -> list[np.ndarray]:
        """The trainable weights of a lane now, in the model's order."""

    @abstractmethod
    def state(self) -> list[np.ndarray]:
        """The state needed to resume."""

    @abstractmethod
    def restore(self, arrays: Sequence[np.ndarray]) -> None:
        """Resume from what `state` returned.

        Raises:
            InputError: The arrays are those of other trainings.
        """


def epoch_orders(options: Options, rows: int, first: int, count: int) -> np.ndarray:
    """The order of the data's rows in epochs `first .. first + count`, `(count, rows)`.

    Of the seed alone: all combinations and starts see the same batches, and a resumed study sees
    those it would have seen. With one batch an epoch there is nothing to shuffle: `(count, 0)`.
    """
    if options.batch_size >= rows:
        return np.zeros((count, 0), np.int32)
    return np.stack(
        [
            np.random.default_rng([options.seed, epoch]).permutation(rows)
            for epoch in range(first, first + count)
        ]
    ).astype(np.int32)


def same_shapes(arrays: Sequence[np.ndarray], expected: Sequence[Any]) -> None:
    """Raise `InputError` unless saved arrays fit."""
    shapes = [tuple(np.shape(a)) for a in arrays]
    if shapes != [tuple(np.shape(a)) for a in expected]:
        raise InputError(
            "A study goes on with the models, losses and optimizers it was begun with; the saved "
            "state is that of others. Choose another file, or delete this one. "
            f"Received: {len(shapes)} arrays for {len(expected)}, or other shapes."
        )
