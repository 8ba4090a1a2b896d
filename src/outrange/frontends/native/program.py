"""A recording as steps, and their lowering: one rule a kind of step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import UnsupportedError
from ...graph import Builder, Operand, Value
from ...graph.whole import RANGES
from .complex import Complex, split


INTEGERS = frozenset(RANGES) - {"bool"}
"""Dtypes in which arithmetic is that of integers."""


@dataclass(eq=False)
class Step:
    """One operation of a recording.

    Args:
        kind: The framework's name of it.
        reads: Keys of its operands.
        makes: Keys of its results.
        attributes: By name.
        run: The operation itself, on arrays: one array per result.
        dtypes: Of each operand, where the recording knows.
    """

    kind: str
    reads: Sequence[Hashable]
    makes: Sequence[Hashable]
    attributes: Mapping[str, Any]
    run: Callable[..., list[np.ndarray]]
    dtypes: Sequence[str] = ()


@dataclass(eq=False)
class Program:
    """A recording.

    Args:
        inputs: Keys of what it is given.
        steps: In order.
        outputs: Keys of what it returns.
        constants: Key to array.
    """

    inputs: Sequence[Hashable]
    steps: Sequence[Step]
    outputs: Sequence[Hashable]
    constants: Mapping[Hashable, np.ndarray]


@dataclass(eq=False)
class Call:
    """A step as a rule sees it: values of the graph and arrays in place of tensors."""

    b: Builder
    step: Step
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

        def run(marked):
            arrays = list(self.inputs)
            for i, marks in zip(data, marked, strict=True):
                arrays[i] = marks
            return self.step.run(*arrays)

        operands = [self.inputs[i] for i in data]
        return self.b.structural(run, operands, name=name or self.kind.lower())


Rules = Mapping[str, Callable[[Call], Any]]


def lower(b: Builder, program: Program, operands: Sequence[Operand], rules: Rules) -> list[Operand]:
    """What a program returns for some operands.

    Steps none of whose operands is a value run in the framework itself; each other needs a rule.

    Raises:
        UnsupportedError: A step has no rule, or its rule does not cover this use of it.
    """
    known: dict[Hashable, Operand] = {k: np.asarray(v) for k, v in program.constants.items()}
    known.update(zip(program.inputs, operands, strict=True))
    for step in program.steps:
        inputs = [known[k] for k in step.reads]
        for key, result in zip(step.makes, _results(b, step, inputs, rules), strict=False):
            known[key] = result
    return [known[k] for k in program.outputs]


def _results(b: Builder, step: Step, inputs: list[Operand], rules: Rules) -> list[Operand]:
    if step.kind not in rules and not any(isinstance(x, Value | Complex) for x in inputs):
        return list(step.run(*inputs))
    if step.kind not in rules:
        raise UnsupportedError(f"the operation {step.kind} is not described yet")
    found = rules[step.kind](Call(b, step, inputs))
    return list(found) if isinstance(found, list | tuple) else [found]


def folded(rules: dict[str, Callable[[Call], Any]], counting: Collection[str]) -> Rules:
    """Rules that run the framework's own operation where no operand is a value.

    Args:
        rules: Kind of step to its rule.
        counting: The kinds whose rule holds for types of integers too; elsewhere a quotient is cut
            off, and "and" is about bits.
    """

    def guarded(name: str, rule: Callable[[Call], Any]):
        def run(c: Call):
            if any(isinstance(x, Complex) for x in c.inputs):
                return split(c, rules)
            if not any(isinstance(x, Value) for x in c.inputs):
                return list(c.step.run(*c.inputs))
            if c.integer is not None and name not in counting:
                raise UnsupportedError(
                    f"the operation {c.kind} of whole numbers ({c.integer}) is not described: cast "
                    "them to float32 before it"
                )
            return rule(c)

        return run

    return {name: guarded(name, rule) for name, rule in rules.items()}
