"""A question of `closed_loop.py`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Must:
    """What an answer has to reach, beside the right verdict.

    Args:
        seconds: Of the whole call, at most.
        margin: At least; None for any.
        loosest: Proved over seen width, of any state at any time, at most.
        at_the_end: The same after the last step.
    """

    seconds: float
    margin: float | None = None
    loosest: float | None = None
    at_the_end: float | None = None

    def missed(self, seconds: float, margin: float, loosest: float, at_the_end: float) -> list[str]:
        """What an answer does not reach."""
        found = [] if seconds <= self.seconds else [f"{self.seconds:g} s"]
        if self.margin is not None and not margin >= self.margin:
            found.append(f"margin {self.margin:g}")
        if self.loosest is not None and not loosest <= self.loosest:
            found.append(f"loosest {self.loosest:.7g}")
        if self.at_the_end is not None and not at_the_end <= self.at_the_end:
            found.append(f"at the end {self.at_the_end:g}")
        return found


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
        must: What the answer has to reach.
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
    must: Must | None = None
    more: dict[str, Any] = field(default_factory=dict)
    skip: int = 0
