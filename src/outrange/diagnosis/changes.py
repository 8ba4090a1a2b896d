"""The part of a diagnosed program that short training runs read, and the changes they apply."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..program import Head, Loss, Program
from .plan import Plan


class Case(Protocol):
    """The part of `DiagnosisContext` that short training runs need."""

    program: Program
    user_data: tuple[Any, Any]
    steps: int | None
    unread: list[str]
    plan: Plan | None
    training_rows: np.ndarray | None

    @property
    def rows(self) -> int:
        """The number of data rows."""
        ...

    @property
    def flat(self) -> np.ndarray:
        """The flattened inputs, `(rows, size)`."""
        ...

    @property
    def finite_rows(self) -> np.ndarray:
        """Mask of the rows whose entries are all finite."""
        ...

    @property
    def runs(self) -> bool:
        """Whether the model may be run; a large model is run only if `steps` is given."""
        ...

    @property
    def batch_size(self) -> int | None:
        """Rows per batch in the planned training; None if there is no plan."""
        ...

    @property
    def batch_normalized(self) -> bool:
        """Whether some layer may use batch statistics, or run other code, in training only."""
        ...

    def targets(self, loss: Loss) -> np.ndarray | None:
        """Return the targets of one loss; None if they are missing or not numeric."""
        ...

    def head(self, loss: Loss) -> Head | None:
        """Return the record of the last activation of a loss's output; None if there is none."""
        ...


@dataclass(frozen=True)
class Change:
    """Differences between one short training run and the user's program.

    Args:
        rate: Factor applied to the learning rate.
        scaled_x: Whether the inputs are scaled to mean 0 and standard deviation 1. It has no effect
            on models with an `Embedding` layer.
        scaled_y: Whether the targets are scaled to mean 0 and standard deviation 1.
        redrawn: Whether the training starts from newly drawn weights.
        without: The mechanism that is disabled: `"penalties"`, `"noise"`, `"clipping"` or
            `"freezing"`.
        held_out: Whether some rows are excluded from the batches. A quarter of the rows is
            excluded, or all rows outside `training_rows` if the case has this attribute.
        bent: Pairs of a layer's name and its new activation; `"identity"` leaves the layer out.
        loss: Name of a different loss to train with; results are still compared by the user's loss.
        steps: Maximum number of steps; 0 for the default maximum of short training runs.
        batch: Rows per step; 0 for the planned batch size, or 32 if there is no plan.
    """

    rate: float = 1.0
    scaled_x: bool = False
    scaled_y: bool = False
    redrawn: bool = False
    without: str = ""
    held_out: bool = False
    bent: tuple[tuple[str, str], ...] = ()
    loss: str = ""
    steps: int = 0
    batch: int = 0


AS_IS = Change()


def replaced_with(paths: Iterable[str], new: str = "relu") -> Change:
    """Return the change that replaces the activation of the layers with the given paths.

    Args:
        paths: Paths of the layers, such as `"model/dense_1"`.
        new: Name of the new activation; `"identity"` leaves the layers out.
    """
    return Change(bent=tuple((path.split("/")[-1], new) for path in paths))


def standardize(data: Any) -> Any:
    """Scale each column of the arrays in a nested structure to mean 0 and standard deviation 1.

    A constant column becomes 0.
    """
    if isinstance(data, dict):
        return {key: standardize(part) for key, part in data.items()}
    if isinstance(data, list | tuple):
        return type(data)(standardize(part) for part in data)
    data = data.astype(np.float64)
    spread = data.std(axis=0)
    return ((data - data.mean(axis=0)) / np.where(spread > 0, spread, 1.0)).astype(np.float32)


def redraw_weights(program: Program, seed: int) -> dict[int, np.ndarray]:
    """Draw new values for a program's trainable weights; the program itself is unchanged.

    Matrices and kernels are drawn as `glorot_uniform` does, and biases are 0.

    Returns:
        Map from the index of each redrawn weight to its new value. Other trainable vectors, such as
        scales, are omitted, and so are weights that are not trainable.
    """
    rng, weights = np.random.default_rng(seed), {}
    for i, weight in enumerate(program.weights):
        if not weight.trainable:
            continue
        if len(weight.shape) >= 2:
            field = int(np.prod(weight.shape[:-2]))
            limit = np.sqrt(6.0 / (field * (weight.shape[-1] + weight.shape[-2])))
            weights[i] = rng.uniform(-limit, limit, weight.shape)
        elif weight.path.endswith("bias"):
            weights[i] = np.zeros(weight.shape)
    return weights
