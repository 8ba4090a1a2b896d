"""Input sets that are not just boxes, and what a property file declares and states."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .box import Box
from .errors import InputError
from .formula import TRUE, Formula
from .source import PropertySource


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


@dataclass(frozen=True)
class DeclaredTensor:
    """An input or an output of a declared network.

    Args:
        name: In the file; the model may call it otherwise.
        element: Its element type, as the file writes it: `"real"`, `"float32"`.
        shape: Of all axes; empty for a scalar.
    """

    name: str
    element: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class DeclaredNetwork:
    """The interface of a network; a model is put in its place when the property is decided.

    Args:
        name: In the file.
        inputs: In the order of the model's own.
        outputs: Likewise.
        equal_to: The network that is the same model; empty for a model of its own.
        isomorphic_to: The network that has the same structure, with other weights; or empty.
    """

    name: str
    inputs: tuple[DeclaredTensor, ...]
    outputs: tuple[DeclaredTensor, ...]
    equal_to: str = ""
    isomorphic_to: str = ""


@dataclass(frozen=True, eq=False)
class Specification:
    """A property as a file states it: the network is safe if no input and output satisfy `unsafe`.

    Args:
        name: For reports.
        inputs: Number of flat inputs.
        outputs: Number of flat outputs.
        unsafe: Over `[x, y]`; the bounds of the inputs are in it.
        shapes: The shapes of the inputs and of the outputs, where the file declares them.
        elements: The element type of all of them: `"real"`, or the one that the file declares.
        networks: What the file declares, network by network; empty where it has no declarations.
            The flat inputs are those of the first, then those of the second; so are the outputs.
        source: The file, told by a hash.
    """

    name: str
    inputs: int
    outputs: int
    unsafe: Formula
    shapes: tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]] | None = None
    elements: str = "real"
    networks: tuple[DeclaredNetwork, ...] = ()
    source: PropertySource | None = None
