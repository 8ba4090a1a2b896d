"""A question of `closed_loop.py`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """One question.

    Args:
        name: Of the row.
        controller: A file in the folder, a model, or files by their modes.
        plant: As a user writes it.
        lo: Of the initial states.
        hi: Of the initial states.
        steps: How many.
        spec: What shall hold; None for the pipe alone.
        expected: The right verdict.
        more: Other arguments.
        skip: Nodes at the controller's beginning that are left out.
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
