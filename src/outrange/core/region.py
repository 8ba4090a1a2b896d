"""Input sets more general than boxes, and the contents of a property file."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .box import Box
from .errors import InputError
from .formula import TRUE, Formula
from .source import PropertySource


@dataclass(frozen=True, eq=False)
class Distance:
    """A norm ball `norm(x[index] - center) <= radius`.

    Args:
        index: `(k,)` flat input indices.
        center: `(k,)` float64, the center.
        radius: A number, at least 0.
        order: 1 for the sum of absolute values, 2 for the Euclidean norm.
    """

    index: np.ndarray
    center: np.ndarray
    radius: float
    order: int


@dataclass(frozen=True, eq=False)
class Region:
    """The points of a box at which every condition holds and all integer inputs are integers.

    Args:
        box: A finite box of `d` inputs.
        integer: `(d,)` bool: the inputs that accept only integers; none by default.
        condition: A condition on the flat inputs (indices below `d`).
        distances: Norm balls, all of which must contain the point.
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
                "`integer` must have one flag for each entry of the flattened input. "
                f"Received: shape {integer.shape} for {self.box.size} inputs."
            )
        object.__setattr__(self, "integer", integer)

    @property
    def is_box(self) -> bool:
        """Whether the region has no integer inputs, no condition and no norm balls."""
        return not self.integer.any() and self.condition == TRUE and not self.distances


@dataclass(frozen=True)
class DeclaredTensor:
    """An input or an output of a declared network.

    Args:
        name: Name in the file; the model's own name may differ.
        element: Element type in the notation of the file, such as `"real"` or `"float32"`.
        shape: Sizes of all axes; empty for a scalar.
    """

    name: str
    element: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class DeclaredNetwork:
    """The interface of a network, as a property file declares it.

    When the property is verified, a model takes the place of the declaration.

    Args:
        name: Name in the file.
        inputs: The declared inputs, in the order of the model's inputs.
        outputs: The declared outputs, in the order of the model's outputs, then the declared hidden
            tensors.
        equal_to: Name of the declared network that is the same model; empty if none.
        isomorphic_to: Name of the declared network with the same structure but other weights; empty
            if none.
        hidden: Names of the hidden tensors, as in the model's file.
    """

    name: str
    inputs: tuple[DeclaredTensor, ...]
    outputs: tuple[DeclaredTensor, ...]
    equal_to: str = ""
    isomorphic_to: str = ""
    hidden: tuple[str, ...] = ()

    @property
    def hidden_elements(self) -> dict[str, str]:
        """Dict from the name of each hidden tensor in the model's file to its element type."""
        tensors = self.outputs[len(self.outputs) - len(self.hidden) :]
        return {name: t.element.lower() for name, t in zip(self.hidden, tensors, strict=True)}

    @property
    def model_outputs(self) -> tuple[DeclaredTensor, ...]:
        """The declared outputs of the model, without the hidden tensors."""
        return self.outputs[: len(self.outputs) - len(self.hidden)]


@dataclass(frozen=True, eq=False)
class Specification:
    """A property read from a file; a network is safe if no input-output pair satisfies `unsafe`.

    Args:
        name: Name shown in reports.
        inputs: Number of flat inputs.
        outputs: Number of flat outputs.
        unsafe: A formula over `[x, y, products]` that includes the bounds of the inputs.
        shapes: The shapes of the inputs and of the outputs; None if the file does not declare them.
        elements: The element type of all inputs and outputs: `"real"`, or the declared type.
        networks: The declared networks in the order of the file; empty without declarations. The
            flat inputs are those of the first network, then those of the second, and so on. The
            outputs have the same order.
        source: Name and hash of the file.
        has_float32_sums: Whether an inequality contains a sum that float32 may round.
        products: The factors of each product of variables in `unsafe`: indices of `[x, y]`. The
            products follow the outputs.
    """

    name: str
    inputs: int
    outputs: int
    unsafe: Formula
    shapes: tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]] | None = None
    elements: str = "real"
    networks: tuple[DeclaredNetwork, ...] = ()
    source: PropertySource | None = None
    has_float32_sums: bool = False
    products: tuple[tuple[int, ...], ...] = ()
