"""A recording as steps, and their lowering: one rule a kind of step."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import UnsupportedError
from ...graph import Builder, Operand, Value
from .call import TracedCall, TracedStep
from .complex import Complex, split


@dataclass(eq=False)
class TracedProgram:
    """A recording.

    Args:
        inputs: Keys of what it is given.
        steps: In order.
        outputs: Keys of what it returns.
        constants: Key to array.
    """

    inputs: Sequence[Hashable]
    steps: Sequence[TracedStep]
    outputs: Sequence[Hashable]
    constants: Mapping[Hashable, np.ndarray]


Rules = Mapping[str, Callable[[TracedCall], Any]]


def lower(
    b: Builder, program: TracedProgram, operands: Sequence[Operand], rules: Rules
) -> list[Operand]:
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


def _results(b: Builder, step: TracedStep, inputs: list[Operand], rules: Rules) -> list[Operand]:
    if step.kind not in rules and not any(isinstance(x, Value | Complex) for x in inputs):
        return list(step.run(*inputs))
    if step.kind not in rules:
        raise UnsupportedError(f"the operation {step.kind} is not described yet")
    found = rules[step.kind](TracedCall(b, step, inputs))
    return list(found) if isinstance(found, list | tuple) else [found]


def folded(rules: dict[str, Callable[[TracedCall], Any]]) -> Rules:
    """Rules that run the framework's own operation where no operand is a value."""

    def guarded(rule: Callable[[TracedCall], Any]):
        def run(c: TracedCall):
            if any(isinstance(x, Complex) for x in c.inputs):
                return split(c, rules)
            if any(isinstance(x, Value) for x in c.inputs):
                return rule(c)
            return list(c.step.run(*c.inputs))

        return run

    return {name: guarded(rule) for name, rule in rules.items()}
