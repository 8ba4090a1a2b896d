"""The questions of `closed_loop.py` as records."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """A question about a closed loop.

    Args:
        name: Name of the row.
        controller: A file in the folder of controllers, a model, or files by mode.
        plant: The plant as a user writes it.
        lo: Lower bounds of the initial states.
        hi: Upper bounds of the initial states.
        steps: Number of steps.
        spec: The specification; None to compute only the pipe.
        expected: The right verdict.
        more: Other fields of the `ControlLoop`.
        skip: Number of nodes at the controller's beginning to leave out.
    """

    name: str
    controller: Any
    plant: Callable
    lo: tuple[float, ...]
    hi: tuple[float, ...]
    steps: int
    spec: Any
    expected: str
    more: dict[str, Any] = field(default_factory=dict)
    skip: int = 0
