"""The placeholders `x`, `y` and `u`, and `implies`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .indices import check_index
from .nodes import Condition, Expression, as_condition


class Variable(Expression):
    """Placeholder for an input `x` or an output `y` of a model.

    In a closed loop, `x` is the state and `u` is the control.

    Args:
        kind: `"x"`, `"y"` or `"u"`; or `"layer"` for values inside the model.
        name: Name of the input or output, None if the model has only one; or name of the layer.
        scope: Scope of the model; None until it is bound to a model.
        network: Name of the network in a question about several; empty in other questions.
    """

    __slots__ = ()

    def __init__(
        self, kind: str, name: str | None = None, scope: Any = None, network: str = ""
    ) -> None:
        super().__init__("variable", (), (kind, name, scope, network))

    def __getitem__(self, index: Any) -> Any:
        kind, name, scope, network = self.detail
        if isinstance(index, str) and name is None:
            return Variable(kind, index, scope, network)
        return check_index(Expression("index", (self,), index))


@dataclass(frozen=True)
class NetworkVariables:
    """The placeholders of one network: `f.x`, `f.y` and `f.layer("dense_1")`.

    Args:
        name: Name of the network in conditions.
        scope: Scope of the network; None until it is bound to a model.
    """

    name: str
    scope: Any = None

    @property
    def x(self) -> Variable:
        """Placeholder for the network's input."""
        return Variable("x", None, self.scope, self.name)

    @property
    def y(self) -> Variable:
        """Placeholder for the network's output."""
        return Variable("y", None, self.scope, self.name)

    def layer(self, name: str) -> Variable:
        """Return the placeholder for the values of a layer, such as `f.layer("dense_1")`."""
        return Variable("layer", str(name), self.scope, self.name)


x = Variable("x")
"""Placeholder for the model's input, or for one of several by name: `x[0]`, `x["speed"]`."""

y = Variable("y")
"""Placeholder for the model's output, or for one of several: `y[0]`, `y["left"][0, 1]`."""


u = Variable("u")
"""Placeholder for the control of a closed loop, or for one of several: `u["thrust"]`."""


def implies(a: Any, b: Any) -> Condition:
    """Require `b` wherever `a` holds: `~a | b`.

    Args:
        a: Premise: the condition under which `b` must hold.
        b: Conclusion: the condition that must hold where `a` does.

    Returns:
        A condition.

    Raises:
        InputError: `a` or `b` is not a condition.

    Example:
        >>> implies(x[0] >= 1, y[0] <= 2)
        implies(x[0] >= 1, y[0] <= 2)
    """
    return Condition("implies", (as_condition(a), as_condition(b)))
