"""Recordings of framework code, and their lowering by one rule per kind of step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import OutrangeError, UnsupportedError, check_deadline
from ...graph import Builder, Operand, Value
from ...graph.integer_inference import RANGES
from ...ops import Rearrange
from ..rule_table import advice_after
from .call import INTEGERS, TracedCall, TracedStep
from .complex import Complex, lower_complex


@dataclass(eq=False)
class TracedProgram:
    """A recording of framework code as a list of steps.

    Args:
        inputs: Keys of the inputs.
        steps: The operations, in order.
        outputs: Keys of the outputs.
        constants: Map from the keys of constants to their arrays.
    """

    inputs: Sequence[Hashable]
    steps: Sequence[TracedStep]
    outputs: Sequence[Hashable]
    constants: Mapping[Hashable, np.ndarray]


def random_numbers(kind: str, where: str = "") -> UnsupportedError:
    """Build the error for an operation that draws random numbers.

    Args:
        kind: The framework's name for the operation.
        where: The user's line of code; empty if unknown.
    """
    return UnsupportedError(
        "the code draws random numbers, so its output is not a function of its input. Return the "
        "distribution's parameters, its mean or its mode instead. "
        f"Received: {kind}{', ' * bool(where)}{where}"
    )


Rules = Mapping[str, Callable[[TracedCall], Any]]


def lower(
    b: Builder, program: TracedProgram, operands: Sequence[Operand], rules: Rules
) -> list[Operand]:
    """Lower a program, applied to `operands`, to values of the builder.

    A step with a rule is lowered by this rule. A step without a rule runs in the framework itself
    if all its operands are constants.

    Args:
        b: Builder of the graph.
        program: Recorded steps of a function, with their constants.
        operands: One value or constant array per input of the program.
        rules: Map from the kind of a step to its rule.

    Raises:
        UnsupportedError: A step has no rule, or its rule does not cover this use of it.
    """
    values: dict[Hashable, Operand] = {k: np.asarray(v) for k, v in program.constants.items()}
    values.update(zip(program.inputs, operands, strict=True))
    for step in program.steps:
        check_deadline()
        inputs = _lookup(values, step.reads)
        results = _results(b, step, inputs, rules)
        _limit(b, step, results)
        values.update(zip(step.makes, results, strict=False))
    return _lookup(values, program.outputs)


def _limit(b: Builder, step: TracedStep, results: Sequence[Operand]) -> None:
    """Record in `b.bounded` the range outside of which integer results would wrap around."""
    for x, dtype in zip(results, step.results, strict=False):
        if not isinstance(x, Value) or dtype not in INTEGERS or not x.index:
            continue
        if not isinstance(b.nodes[x.index - 1].op, Rearrange):
            b.bounded.append((x.index, *RANGES[dtype]))


def _lookup(operands: Mapping[Hashable, Operand], keys: Sequence[Hashable]) -> list[Operand]:
    """Return the operands with the given keys, in order.

    Raises:
        UnsupportedError: A key denotes a result that the rule of its operation does not return.
    """
    for key in keys:
        if key not in operands:
            raise UnsupportedError(
                "a secondary result of an operation (such as the positions of a maximum or the "
                f"statistics of a normalization) is not supported yet. Received: {key}"
            )
    return [operands[k] for k in keys]


def _results(b: Builder, step: TracedStep, inputs: list[Operand], rules: Rules) -> list[Operand]:
    """Lower one recorded operation by its rule, or run it if it has none and reads only constants.

    Raises:
        OutrangeError: The step cannot be lowered; the message names its kind and, if known, its
            line of code.
    """
    where = f", in {step.where}" * bool(step.where)
    try:
        if step.kind not in rules and not any(isinstance(x, Value | Complex) for x in inputs):
            return list(step.run(*inputs))
        if step.kind not in rules:
            raise UnsupportedError(f"the operation {step.kind} is not supported yet")
        results = rules[step.kind](TracedCall(b, step, inputs))
    except OutrangeError as error:
        suffix = f" (operation {step.kind})" * (step.kind not in str(error))
        text = str(error)
        raise type(error)(f"{text.rstrip('.')}{suffix}{where}{advice_after(text)}") from error
    except MemoryError:
        raise
    except Exception as error:
        raise UnsupportedError(
            f"the operation {step.kind} is used in a way that is not supported yet{where}; please "
            f"report this. Received: {type(error).__name__}: {str(error)[:300]}"
        ) from error
    return list(results) if isinstance(results, list | tuple) else [results]


def with_constant_folding(
    rules: dict[str, Callable[[TracedCall], Any]], counting: Collection[str]
) -> Rules:
    """Extend rules with constant folding: steps on constants run the framework's own operation.

    The extended rules also lower steps on complex operands, and reject integer operands that depend
    on the input for all kinds but those in `counting`.

    Args:
        rules: Map from the kind of a step to its rule.
        counting: The kinds whose rule is also valid for integer dtypes. Other rules are not: an
            integer quotient is truncated, for example, and "and" is bitwise.
    """

    def guard(name: str, rule: Callable[[TracedCall], Any]) -> Callable[[TracedCall], Any]:
        def run(c: TracedCall) -> Any:
            if any(isinstance(x, Complex) for x in c.inputs):
                return lower_complex(c, rules)
            if not any(isinstance(x, Value) for x in c.inputs):
                return list(c.step.run(*c.inputs))
            if c.integer is not None and name not in counting:
                raise UnsupportedError(
                    f"the operation {c.kind} on integers ({c.integer}) is not supported: cast "
                    "them to float32 first"
                )
            return rule(c)

        return run

    return {name: guard(name, rule) for name, rule in rules.items()}
