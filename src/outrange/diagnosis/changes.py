"""What short trainings need of a program, and what may be different in one of them."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..program import Head, Loss, Program
from .plan import Plan


class Case(Protocol):
    """What of a diagnosed program the trainings need; see `DiagnosisContext`."""

    program: Program
    given: tuple[Any, Any]
    steps: int | None
    unread: list[str]
    plan: Plan | None
    taken: np.ndarray | None

    @property
    def rows(self) -> int:
        """Rows of data."""
        ...

    @property
    def flat(self) -> np.ndarray:
        """The inputs, `(rows, size)`."""
        ...

    @property
    def sound_rows(self) -> np.ndarray:
        """Which rows are finite."""
        ...

    @property
    def runs(self) -> bool:
        """Whether the framework is run."""
        ...

    @property
    def batch_size(self) -> int | None:
        """Rows of a batch, where the user said so."""
        ...

    @property
    def batch_normalized(self) -> bool:
        """Whether training sees other numbers than inference."""
        ...

    def targets(self, loss: Loss) -> np.ndarray | None:
        """The targets of one loss."""
        ...

    def head(self, loss: Loss) -> Head | None:
        """The head that a loss reads."""
        ...


@dataclass(frozen=True)
class Change:
    """What is different in a training.

    Args:
        rate: By what the learning rate is multiplied.
        scaled_x: Whether the inputs have mean 0 and deviation 1.
        scaled_y: Whether the targets have.
        redrawn: Whether it starts from other weights.
        without: What is left out: `"penalties"`, `"noise"`, `"clipping"` or `"freezing"`.
        held_out: Whether a quarter of the rows is left out of the batches.
        bent: Layers that get a relu for their activation.
        loss: Name of another loss to train with; the results are compared by the own one.
        steps: How many steps are taken; 0 for as many as other trainings take.
        batch: Rows a step; 0 for the program's own.
    """

    rate: float = 1.0
    scaled_x: bool = False
    scaled_y: bool = False
    redrawn: bool = False
    without: str = ""
    held_out: bool = False
    bent: tuple[str, ...] = ()
    loss: str = ""
    steps: int = 0
    batch: int = 0


AS_IS = Change()


def scaled(data: Any) -> Any:
    """Arrays in a structure, each column of mean 0 and deviation 1."""
    if isinstance(data, dict):
        return {key: scaled(part) for key, part in data.items()}
    if isinstance(data, list | tuple):
        return type(data)(scaled(part) for part in data)
    data = data.astype(np.float64)
    spread = data.std(axis=0)
    return ((data - data.mean(axis=0)) / np.where(spread > 0, spread, 1.0)).astype(np.float32)


def redrawn(program: Program, seed: int) -> dict[int, np.ndarray]:
    """Matrices and kernels as `glorot_uniform` draws them, biases of 0."""
    rng, found = np.random.default_rng(seed), {}
    for i, weight in enumerate(program.weights):
        if not weight.trainable:
            continue
        if len(weight.shape) >= 2:
            field = int(np.prod(weight.shape[:-2]))
            limit = np.sqrt(6.0 / (field * (weight.shape[-1] + weight.shape[-2])))
            found[i] = rng.uniform(-limit, limit, weight.shape)
        elif weight.path.endswith("bias"):
            found[i] = np.zeros(weight.shape)
    return found
