"""Expressions, indices and conditions written before the model is known.

A node records an operation and is evaluated once the model's inputs and outputs are known.
Python's operators build nodes; operations that need a value immediately are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...core import InputError
from ..inputs.boxes import describe_value
from .deferred_errors import DeferredExpression
from .forms import constants, object_array
from .formulas import FALSE, TRUE
from .indices import check_index
from .temporal import Timed


class ExpressionNode(DeferredExpression):
    """One operation of an expression.

    Args:
        op: Name of the operation, a key of `RULES` in the module `evaluate`.
        parts: The operands of the operation.
        detail: Parameters of the operation, such as an axis, an index or a constant.
    """

    __slots__ = ("detail", "op", "parts")
    __hash__ = object.__hash__

    def __init__(self, op: str, parts: tuple[ExpressionNode, ...] = (), detail: Any = None) -> None:
        self.op, self.parts, self.detail = op, parts, detail

    def __repr__(self) -> str:
        from .text import text

        return text(self)

    def __len__(self) -> int:
        shape = self.shape
        if not shape:
            raise InputError(
                "`len` needs an array, but this expression is a single number. Received: "
                f"len({self!r})."
            )
        return shape[0]

    def __iter__(self) -> Iterator[Any]:
        return iter([self[i] for i in range(len(self))])

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the node, known only inside a property function that is called with a model."""
        from .evaluate import bound_shape

        return bound_shape(self)

    def __getitem__(self, index: Any) -> Any:
        return check_index(type(self)("index", (self,), index))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        from .numpy_calls import call_ufunc

        return call_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        from .numpy_calls import call_function

        return call_function(function, args, options)

    def __eq__(self, other: Any) -> Any:
        return compare("==", self, other)

    def __ne__(self, other: Any) -> Any:
        return compare("!=", self, other)

    def __le__(self, other: Any) -> Any:
        return compare("<=", self, other)

    def __lt__(self, other: Any) -> Any:
        return compare("<", self, other)

    def __ge__(self, other: Any) -> Any:
        return compare(">=", self, other)

    def __gt__(self, other: Any) -> Any:
        return compare(">", self, other)

    def __and__(self, other: Any) -> Any:
        return logic("&", self, other)

    def __or__(self, other: Any) -> Any:
        return logic("|", self, other)

    def __xor__(self, other: Any) -> Any:
        return logic("!=", self, other)

    def __rand__(self, other: Any) -> Any:
        return logic("&", other, self)

    def __ror__(self, other: Any) -> Any:
        return logic("|", other, self)

    def __rxor__(self, other: Any) -> Any:
        return logic("!=", other, self)

    def __invert__(self) -> Condition:
        return Condition("~", (as_condition(self),))

    def __add__(self, other: Any) -> Expression:
        return arithmetic("+", self, other)

    def __radd__(self, other: Any) -> Expression:
        return arithmetic("+", other, self)

    def __sub__(self, other: Any) -> Expression:
        return arithmetic("-", self, other)

    def __rsub__(self, other: Any) -> Expression:
        return arithmetic("-", other, self)

    def __mul__(self, other: Any) -> Expression:
        return arithmetic("*", self, other)

    def __rmul__(self, other: Any) -> Expression:
        return arithmetic("*", other, self)

    def __truediv__(self, other: Any) -> Expression:
        return arithmetic("/", self, other)

    def __rtruediv__(self, other: Any) -> Expression:
        return arithmetic("/", other, self)

    def __matmul__(self, other: Any) -> Expression:
        return arithmetic("@", self, other)

    def __rmatmul__(self, other: Any) -> Expression:
        return arithmetic("@", other, self)

    def __pow__(self, other: Any) -> Expression:
        return arithmetic("**", self, other)

    def __rpow__(self, other: Any) -> Expression:
        return arithmetic("**", other, self)

    def __neg__(self) -> Expression:
        return Expression("negative", (as_expression(self),))

    def __pos__(self) -> Expression:
        return as_expression(self)

    def __abs__(self) -> Expression:
        return Expression("abs", (as_expression(self),))


class Expression(ExpressionNode):
    """Array of real functions of the model's inputs and outputs.

    It supports `+ - * / @`, `**` with a constant exponent, `abs`, NumPy functions such as `np.sin`,
    and the methods below. A comparison of expressions is a condition.
    """

    __slots__ = ()

    def sum(self, axis: Any = None) -> Expression:
        """Sum over all entries, or along `axis`, as `numpy.sum` does."""
        return Expression("sum", (self,), axis)

    def mean(self, axis: Any = None) -> Expression:
        """Average over all entries, or along `axis`, as `numpy.mean` does."""
        return Expression("mean", (self,), axis)

    def max(self, axis: Any = None) -> Expression:
        """Take the maximum over all entries, or along `axis`, as `numpy.max` does."""
        return Expression("max", (self,), axis)

    def min(self, axis: Any = None) -> Expression:
        """Take the minimum over all entries, or along `axis`, as `numpy.min` does."""
        return Expression("min", (self,), axis)

    def argmax(self, axis: int | None = None) -> Index:
        """Return the index of the largest entry (the first if tied), as `numpy.argmax` does."""
        return Index("argmax", (self,), axis)

    def argmin(self, axis: int | None = None) -> Index:
        """Return the index of the smallest entry (the first if tied), as `numpy.argmin` does."""
        return Index("argmin", (self,), axis)

    def ravel(self) -> Expression:
        """Flatten the expression to one axis."""
        return self.reshape(-1)

    def reshape(self, *shape: Any) -> Expression:
        """Arrange the entries in another shape, as `numpy.reshape` does."""
        return Expression("reshape", (self,), shape[0] if len(shape) == 1 else shape)

    @property
    def T(self) -> Expression:
        """The expression with its axes in reverse order."""
        return Expression("T", (self,))


class Index(ExpressionNode):
    """The index that `argmax` or `argmin` returns; compare it with an integer or another index."""

    __slots__ = ()


class Condition(Timed, ExpressionNode):
    """One comparison, comparisons joined by `&`, `|`, `~` and `implies`, or an array of these.

    A condition on an array has one truth value per entry; `.all()` or `.any()` reduces it to one.
    """

    __slots__ = ()

    def all(self, axis: Any = None) -> Condition:
        """Require that every entry be true, overall or along `axis`, as `numpy.all` does."""
        return Condition("all", (self,), axis)

    def any(self, axis: Any = None) -> Condition:
        """Require that at least one entry be true, overall or along `axis`, as `numpy.any` does."""
        return Condition("any", (self,), axis)

    def implies(self, then: Any) -> Condition:
        """Require another condition wherever this one holds, as `outrange.implies` does.

        Args:
            then: The condition that must then hold as well.

        Returns:
            A condition: `~self | then`.

        Raises:
            InputError: `then` is not a condition.
        """
        return Condition("implies", (self, as_condition(then)))

    def _not_counted(self, axis: Any = None) -> Expression:
        return as_expression(self)

    sum = mean = max = min = _not_counted


def as_expression(value: Any) -> Expression:
    """Convert numbers to a constant expression; an expression is returned unchanged.

    Raises:
        InputError: `value` is a condition, an index, or does not consist of numbers.
    """
    if isinstance(value, Expression):
        return value
    if isinstance(value, Index):
        raise InputError(
            "An `argmax` or `argmin` can only be compared: `y.argmax() == 2`. "
            f"Received: a calculation with {value!r}."
        )
    if isinstance(value, Condition):
        raise InputError(
            "A condition is not a number: it can be used with `&`, `|`, `~` and `implies`, but not "
            "counted. Put parentheses around each comparison, and write `(0 <= a) & (a <= 1)` for "
            f"`0 <= a <= 1`. Received: {value!r} where a number is needed."
        )
    return Expression("constant", (), (value, constants(value)))


def as_condition(value: Any) -> Condition:
    """Convert True, False or an array of them to a condition; a condition is returned unchanged.

    Raises:
        InputError: `value` is neither a condition nor Boolean.
    """
    if isinstance(value, Condition):
        return value
    if isinstance(value, bool | np.bool_ | np.ndarray) and np.asarray(value).dtype == bool:
        flags = np.asarray(value)
        items = [TRUE if flag else FALSE for flag in flags.ravel().tolist()]
        return Condition("constant", (), (value, object_array(items, flags.shape)))
    received = repr(value) if isinstance(value, ExpressionNode) else describe_value(value)
    raise InputError(
        "`&`, `|`, `~` and `implies` join conditions, and bind more tightly than comparisons: "
        "write `(y[0] <= 1) & (y[1] >= 2)`, with parentheses around each comparison. Restrict a "
        f"plain box with `where=`. Received: {received} where a condition is needed."
    )


def arithmetic(op: str, a: Any, b: Any) -> Expression:
    """Build `a op b` for one of `+ - * / @ **`."""
    return Expression(op, (as_expression(a), as_expression(b)))


def compare(op: str, a: Any, b: Any) -> Condition:
    """Build a comparison `a op b`; two conditions are equal where both hold or neither does."""
    if op in ("==", "!=") and (isinstance(a, Condition) or isinstance(b, Condition)):
        return logic(op, a, b)
    parts = [side if isinstance(side, Index) else as_expression(side) for side in (a, b)]
    return Condition(op, tuple(parts))


def logic(op: str, a: Any, b: Any) -> Any:
    """Build `a op b` for `& | == !=` between conditions.

    The result is NotImplemented if `b` is an input set or a temporal condition, which then handles
    the operator itself.
    """
    if getattr(b, "is_input_set", False) or getattr(b, "is_temporal", False):
        return NotImplemented
    return Condition(op, (as_condition(a), as_condition(b)))
