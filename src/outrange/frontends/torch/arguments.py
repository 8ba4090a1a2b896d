"""Arguments of an ATen operation by the names of its schema, and the decorator of rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...graph import Operand, Value
from ..traced.call import TracedCall
from .api import Place


def get(c: TracedCall, name: str, default: Any = None) -> Any:
    """An argument by its name in the schema: an operand, a list of them, or a plain value."""
    found = c.step.attributes.get(name, default)
    return _given(c, found) if found is not None else default


def _given(c: TracedCall, found: Any) -> Any:
    if isinstance(found, Place):
        return c.inputs[found]
    return [_given(c, part) for part in found] if isinstance(found, list) else found


def tensor(c: TracedCall, name: str) -> Operand:
    """An argument as an operand; a number as the float32 that the model computes with."""
    found = get(c, name)
    if isinstance(found, int | float) and not isinstance(found, bool):
        return np.asarray(float(np.float32(found)))
    return found if isinstance(found, Value) else np.asarray(found, np.float64)


def number(c: TracedCall, name: str, default: float) -> float:
    """A plain number as the float32 that the model computes with."""
    found = get(c, name, default)
    return float(np.float32(default if found is None else found))


def entering(table: dict[str, Callable[[TracedCall], Any]]) -> Callable:
    """`@rule("mm.default")` enters a function in `table` under these names."""

    def rule(*names: str):
        def enter(function: Callable[[TracedCall], Any]):
            for name in names:
                table[name] = function
            return function

        return enter

    return rule
