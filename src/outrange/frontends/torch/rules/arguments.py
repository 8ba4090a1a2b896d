"""Lookup of an ATen operation's arguments by their names in its schema."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....graph import Operand, Value
from ...traced.call import TracedCall
from ..steps import Place


def get(c: TracedCall, name: str, default: Any = None) -> Any:
    """Return an argument by its schema name: an operand, a list, or a Python value.

    Return `default` if the argument is absent or None.
    """
    argument = c.step.attributes.get(name, default)
    return _with_operands(c, argument) if argument is not None else default


def _with_operands(c: TracedCall, argument: Any) -> Any:
    if isinstance(argument, Place):
        return c.inputs[argument]
    return (
        [_with_operands(c, part) for part in argument] if isinstance(argument, list) else argument
    )


def tensor(c: TracedCall, name: str) -> Operand:
    """Return an argument as an operand; round a Python number with `round_as_model`."""
    argument = get(c, name)
    if isinstance(argument, int | float) and not isinstance(argument, bool):
        return np.asarray(round_as_model(c, argument))
    return argument if isinstance(argument, Value) else np.asarray(argument, np.float64)


def number(c: TracedCall, name: str, default: float) -> float:
    """Return the argument `name` as a Python number, rounded with `round_as_model`."""
    value = get(c, name, default)
    return round_as_model(c, default if value is None else value)


def round_as_model(c: TracedCall, number: float) -> float:
    """Round a number in the code to the type in which the operation computes.

    An integer is not rounded if no operand is float32.
    """
    is_exact = isinstance(number, int) and "float32" not in c.step.dtypes
    return float(number) if is_exact or "float64" in c.step.dtypes else float(np.float32(number))
