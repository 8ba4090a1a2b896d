"""Input sets that are not just boxes: the part of a box where further conditions hold."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .box import Box
from .errors import InputError
from .formula import TRUE, Formula


@dataclass(frozen=True, eq=False)
class Distance:
    """`norm(x[index] - center) <= radius`.

    Args:
        index: `(k,)` which flat inputs.
        center: `(k,)` float64.
        radius: At least 0.
        order: 1 for the sum of absolute values, 2 for the Euclidean norm.
    """

    index: np.ndarray
    center: np.ndarray
    radius: float
    order: int


@dataclass(frozen=True, eq=False)
class Region:
    """All `x` of a box where the integer inputs are whole numbers and every condition holds.

    Args:
        box: `(d,)`, finite.
        integer: `(d,)` bool: the inputs that take whole numbers only; none by default.
        condition: Over the flat inputs (indices below `d`).
        distances: Norm balls, all of which must hold.
    """

    box: Box
    integer: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    condition: Formula = TRUE
    distances: tuple[Distance, ...] = ()

    def __post_init__(self) -> None:
        integer = np.asarray(self.integer, bool)
        if not integer.size:
            integer = np.zeros(self.box.size, bool)
        if integer.shape != (self.box.size,):
            raise InputError(
                "`integer` needs one flag per flat input. "
                f"Received: {integer.shape}, {self.box.size} inputs."
            )
        object.__setattr__(self, "integer", integer)

    @property
    def is_box(self) -> bool:
        """Whether the region is all of its box."""
        return not self.integer.any() and self.condition == TRUE and not self.distances


@dataclass(frozen=True, eq=False)
class Specification:
    """A property as a file states it: the network is safe if no input and output satisfy `unsafe`.

    Args:
        name: For reports.
        inputs: Number of flat inputs.
        outputs: Number of flat outputs.
        unsafe: Over `[x, y]`; the bounds of the inputs are in it.
        shapes: The shapes of the inputs and of the outputs, where the file declares them.
    """

    name: str
    inputs: int
    outputs: int
    unsafe: Formula
    shapes: tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]] | None = None
