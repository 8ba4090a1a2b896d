"""One operation of a recording, and what a rule sees of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import UnsupportedError
from ...graph import Builder, Operand, Value
from ...graph.whole import RANGES


INTEGERS = frozenset(RANGES) - {"bool"}
"""Dtypes in which arithmetic is that of integers."""


@dataclass(eq=False)
class TracedStep:
    """One operation of a recording.

    Args:
        kind: The framework's name of it.
        reads: Keys of its operands.
        makes: Keys of its results.
        attributes: By name.
        run: The operation itself, on arrays: one array per result.
        dtypes: Of each operand, where the recording knows.
        where: The user's line of code behind it, for errors; empty if unknown.
        results: Dtype of each result, where the recording knows.
    """

    kind: str
    reads: Sequence[Hashable]
    makes: Sequence[Hashable]
    attributes: Mapping[str, Any]
    run: Callable[..., list[np.ndarray]]
    dtypes: Sequence[str] = ()
    where: str = ""
    results: Sequence[str] = ()


@dataclass(eq=False)
class TracedCall:
    """A step as a rule sees it: values of the graph and arrays in place of tensors."""

    b: Builder
    step: TracedStep
    inputs: list[Operand]

    @property
    def kind(self) -> str:
        """The framework's name of the operation."""
        return self.step.kind

    @property
    def x(self) -> Operand:
        """The first operand."""
        return self.inputs[0]

    @property
    def integer(self) -> str | None:
        """The type of integers that an operand is of, if one is and depends on the input."""
        for x, dtype in zip(self.inputs, self.step.dtypes, strict=False):
            if isinstance(x, Value) and dtype in INTEGERS:
                return dtype
        return None

    def attr(self, name: str, default: Any = None) -> Any:
        """An attribute."""
        return self.step.attributes.get(name, default)

    def constant(self, i: int, what: str) -> np.ndarray:
        """An operand that must not depend on the input."""
        found = self.inputs[i]
        if isinstance(found, Value):
            raise UnsupportedError(f"{self.kind} with {what} that depend on the input")
        return np.asarray(found)

    def moved(self, data: Sequence[int], name: str = "") -> list[Operand]:
        """Run the step on the positions of some operands: it only moves their entries."""

        def run(marked: list[np.ndarray]) -> Any:
            arrays = list(self.inputs)
            for i, marks in zip(data, marked, strict=True):
                arrays[i] = marks
            return [np.asarray(x).astype(np.int64) for x in self.step.run(*arrays)]

        operands = [self.inputs[i] for i in data]
        return self.b.structural(run, operands, name=name or self.kind.lower())
