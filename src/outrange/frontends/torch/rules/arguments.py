"""Arguments of an ATen operation by the names of its schema."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....graph import Operand, Value
from ...traced.call import TracedCall
from ..steps import Place


def get(c: TracedCall, name: str, default: Any = None) -> Any:
    """An argument by its name in the schema: an operand, a list of them, or a plain value."""
    found = c.step.attributes.get(name, default)
    return _given(c, found) if found is not None else default


def _given(c: TracedCall, found: Any) -> Any:
    if isinstance(found, Place):
        return c.inputs[found]
    return [_given(c, part) for part in found] if isinstance(found, list) else found


def tensor(c: TracedCall, name: str) -> Operand:
    """Return an argument as an operand; a number as the model rounds it."""
    found = get(c, name)
    if isinstance(found, int | float) and not isinstance(found, bool):
        return np.asarray(round_as_model(c, found))
    return found if isinstance(found, Value) else np.asarray(found, np.float64)


def number(c: TracedCall, name: str, default: float) -> float:
    """Return a plain number as the model rounds it."""
    found = get(c, name, default)
    return round_as_model(c, default if found is None else found)


def round_as_model(c: TracedCall, number: float) -> float:
    """Return a number of the code in the type that the operation computes in."""
    whole = isinstance(number, int) and "float32" not in c.step.dtypes
    return float(number) if whole or "float64" in c.step.dtypes else float(np.float32(number))
