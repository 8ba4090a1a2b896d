"""A recording as steps, and their lowering: one rule a kind of step."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import UnsupportedError
from ...graph import Builder, Operand, Value
from .complex import Complex, split


@dataclass(eq=False)
class Step:
    """One operation of a recording.

    Args:
        kind: The framework's name of it.
        reads: Keys of its operands.
        makes: Keys of its results.
        attributes: By name.
        run: The operation itself, on arrays: one array per result.
    """

    kind: str
    reads: Sequence[Hashable]
    makes: Sequence[Hashable]
    attributes: Mapping[str, Any]
    run: Callable[..., list[np.ndarray]]


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


def folded(rules: dict[str, Callable[[Call], Any]]) -> Rules:
    """Rules that run the framework's own operation where no operand is a value."""

    def guarded(rule: Callable[[Call], Any]) -> Callable[[Call], Any]:
        def run(c: Call) -> Any:
            if any(isinstance(x, Complex) for x in c.inputs):
                return split(c, rules)
            if any(isinstance(x, Value) for x in c.inputs):
                return rule(c)
            return list(c.step.run(*c.inputs))

        return run

    return {name: guarded(rule) for name, rule in rules.items()}
