"""Records of a traced operation, and of its application to values of a graph."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import UnsupportedError
from ...graph import Builder, Operand, Value
from ...graph.integer_inference import RANGES


INTEGERS = frozenset(RANGES) - {"bool"}
"""Dtypes with integer arithmetic."""


@dataclass(eq=False)
class TracedStep:
    """One recorded operation of framework code.

    Args:
        kind: The framework's name for the operation.
        reads: Keys of the operands.
        makes: Keys under which the results are stored.
        attributes: The framework's parameters of the operation, by name.
        run: Function that runs the operation itself on arrays; it returns one array per result.
        dtypes: Dtype of each operand, if recorded.
        where: The user's line of code, for errors; empty if unknown.
        results: Dtype of each result, if recorded.
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
    """A step applied to graph values and arrays; the argument of a lowering rule."""

    b: Builder
    step: TracedStep
    inputs: list[Operand]

    @property
    def kind(self) -> str:
        """The framework's name for the operation."""
        return self.step.kind

    @property
    def x(self) -> Operand:
        """The first operand."""
        return self.inputs[0]

    @property
    def integer(self) -> str | None:
        """The dtype of the first integer operand that depends on the input; None if none does."""
        for x, dtype in zip(self.inputs, self.step.dtypes, strict=False):
            if isinstance(x, Value) and dtype in INTEGERS:
                return dtype
        return None

    def attr(self, name: str, default: Any = None) -> Any:
        """Return an attribute of the step, or `default` if it is absent."""
        return self.step.attributes.get(name, default)

    def constant(self, i: int, what: str) -> np.ndarray:
        """Return operand `i` as an array.

        Args:
            i: Index of the operand.
            what: Plural noun for the operand, for the message.

        Raises:
            UnsupportedError: The operand depends on the input.
        """
        operand = self.inputs[i]
        if isinstance(operand, Value):
            raise UnsupportedError(
                f"{self.kind} with {what} that depend on the input is not supported"
            )
        return np.asarray(operand)

    def move_entries(self, data: Sequence[int], name: str = "") -> list[Operand]:
        """Lower a step that only moves entries of operands, by running it on entry positions.

        Args:
            data: Indices of the operands whose entries move; all others must be constants.
            name: Name of the new node; by default the kind of the step.
        """

        def run(marked: list[np.ndarray]) -> Any:
            arrays = list(self.inputs)
            for i, marks in zip(data, marked, strict=True):
                arrays[i] = marks
            return [np.asarray(x).astype(np.int64) for x in self.step.run(*arrays)]

        operands = [self.inputs[i] for i in data]
        return self.b.structural(run, operands, name=name or self.kind.lower())
