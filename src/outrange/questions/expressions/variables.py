"""The placeholders `x`, `y` and `u`, and `implies`."""

from __future__ import annotations

from typing import Any

from .indices import check_index
from .nodes import Condition, Expression, as_condition


class Variable(Expression):
    """Placeholder for an input `x` or an output `y` of a model.

    In a closed loop, `x` is the state and `u` is the control.

    Args:
        kind: `"x"`, `"y"` or `"u"`.
        name: Name of the input or output; None if the model has only one.
        scope: The model, if it is already known.
    """

    __slots__ = ()

    def __init__(self, kind: str, name: str | None = None, scope: Any = None) -> None:
        super().__init__("variable", (), (kind, name, scope))

    def __getitem__(self, index: Any) -> Any:
        kind, name, scope = self.detail
        if isinstance(index, str) and name is None:
            return Variable(kind, index, scope)
        return check_index(Expression("index", (self,), index))


x = Variable("x")
"""Placeholder for the model's input, or for one of several by name: `x[0]`, `x["speed"]`."""

y = Variable("y")
"""Placeholder for the model's output, or for one of several: `y[0]`, `y["left"][0, 1]`."""


u = Variable("u")
"""Placeholder for the control of a closed loop, or for one of several: `u["thrust"]`."""


def implies(a: Any, b: Any) -> Condition:
    """Require `b` wherever `a` holds: `~a | b`.

    Args:
        a: The premise.
        b: The conclusion.

    Returns:
        A condition.

    Raises:
        InputError: `a` or `b` is not a condition.

    Example:
        >>> implies(x[0] >= 1, y[0] <= 2)
        implies(x[0] >= 1, y[0] <= 2)
    """
    return Condition("implies", (as_condition(a), as_condition(b)))
