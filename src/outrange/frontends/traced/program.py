"""A recording as steps, and their lowering: one rule a kind of step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import OutrangeError, UnsupportedError, check_deadline
from ...graph import Builder, Operand, Value
from ...graph.whole import RANGES
from ...ops import Rearrange
from .call import INTEGERS, TracedCall, TracedStep
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


def random_numbers(kind: str, where: str = "") -> UnsupportedError:
    """Return the error for an operation that draws random numbers.

    Args:
        kind: The framework's name of it.
        where: The user's line of code behind it; empty if unknown.
    """
    return UnsupportedError(
        "it draws random numbers, so its output is no function of its input. Return the "
        "distribution's parameters, its mean or its mode instead. "
        f"Received: {kind}{', ' * bool(where)}{where}"
    )


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
        check_deadline()
        inputs = _read(known, step.reads)
        results = _results(b, step, inputs, rules)
        _limit(b, step, results)
        known.update(zip(step.makes, results, strict=False))
    return _read(known, program.outputs)


def _limit(b: Builder, step: TracedStep, results: Sequence[Operand]) -> None:
    """Note which values a type of integers must hold: beyond, it wraps around."""
    for x, dtype in zip(results, step.results, strict=False):
        if not isinstance(x, Value) or dtype not in INTEGERS or not x.index:
            continue
        if not isinstance(b.nodes[x.index - 1].op, Rearrange):
            b.bounded.append((x.index, *RANGES[dtype]))


def _read(known: Mapping[Hashable, Operand], keys: Sequence[Hashable]) -> list[Operand]:
    """Return operands by their keys.

    Raises:
        UnsupportedError: One is a result that the rule of its operation leaves out.
    """
    for key in keys:
        if key not in known:
            raise UnsupportedError(
                "a further result of an operation (the positions of a maximum, the statistics of "
                f"a norm) is not described yet. Received: {key}"
            )
    return [known[k] for k in keys]


def _results(b: Builder, step: TracedStep, inputs: list[Operand], rules: Rules) -> list[Operand]:
    """Return the results of a step.

    Raises:
        ModelError: The step cannot be read; the message names it and its line of code.
    """
    where = f", in {step.where}" * bool(step.where)
    try:
        if step.kind not in rules and not any(isinstance(x, Value | Complex) for x in inputs):
            return list(step.run(*inputs))
        if step.kind not in rules:
            raise UnsupportedError(f"the operation {step.kind} is not described yet")
        found = rules[step.kind](TracedCall(b, step, inputs))
    except OutrangeError as error:
        named = f" (operation {step.kind})" * (step.kind not in str(error))
        raise type(error)(f"{str(error).rstrip('.')}{named}{where}") from error
    except MemoryError:
        raise
    except Exception as error:
        raise UnsupportedError(
            f"the operation {step.kind} is used in a way that is not described yet{where}; please "
            f"report it. Received: {type(error).__name__}: {str(error)[:300]}"
        ) from error
    return list(found) if isinstance(found, list | tuple) else [found]


def folded(rules: dict[str, Callable[[TracedCall], Any]], counting: Collection[str]) -> Rules:
    """Rules that run the framework's own operation where no operand is a value.

    Args:
        rules: Kind of step to its rule.
        counting: The kinds whose rule holds for types of integers too; elsewhere a quotient is cut
            off, and "and" is about bits.
    """

    def guarded(name: str, rule: Callable[[TracedCall], Any]) -> Callable[[TracedCall], Any]:
        def run(c: TracedCall) -> Any:
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
