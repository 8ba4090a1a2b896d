"""What is different in one of several short trainings."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..program import Program


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
        bent: Layers without an activation that get a relu.
    """

    rate: float = 1.0
    scaled_x: bool = False
    scaled_y: bool = False
    redrawn: bool = False
    without: str = ""
    held_out: bool = False
    bent: tuple[str, ...] = ()


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
