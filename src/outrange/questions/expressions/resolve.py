"""Translation of conditions to formulas over a model's flat inputs and outputs."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core import Atom, Formula, InputError
from ..inputs.boxes import describe_value
from .evaluate import evaluate
from .formulas import linear_atom
from .nodes import Condition, ExpressionNode, Index, as_expression
from .nonlinear.terms import Terms
from .order import in_order
from .scope import Scope
from .variables import Variable


if TYPE_CHECKING:
    from ...graph import Slot

WAYS = (
    "A property must be a condition such as `y[0] <= 3.99` or `y.argmax() == 2`, with `x` and `y` "
    "of outrange, or a function `lambda x, y: ...` that returns one"
)


def resolve(
    property: Any,
    inputs: Sequence[Slot],
    outputs: Sequence[Slot],
    terms: Terms | None = None,
) -> Formula:
    """Translate a property to a formula.

    Args:
        property: A condition, or a function of `(x, y)` that returns one.
        inputs: The model's inputs; flat entry `i` over all inputs is variable `i`.
        outputs: The model's outputs; flat entry `j` over all outputs is variable
            `total inputs + j`. Without outputs, the condition may use only `x`, and a function may
            take `x` or `(x, y)`.
        terms: Nonlinear terms, to which the products and functions of the property are added; they
            are variables, too. None if the property must be piecewise linear.

    Returns:
        Linear inequalities joined by `And` and `Or`, with float64 numbers; see `linear_atom`.

    Raises:
        InputError: `property` is not a condition, does not fit the model, or is not piecewise
            linear although `terms` is None.

    Example:
        >>> from outrange.graph import Slot
        >>> from outrange.questions.expressions import y
        >>> resolve(y[1] <= 3, [Slot("x", (4,))], [Slot("y", (2,))])
        Atom(terms=((5, 1.0),), offset=-3.0, strict=False)
    """
    scope = Scope(inputs, outputs, terms=terms)
    node = apply_property(property, scope)
    if isinstance(node, bool | np.bool_):
        raise InputError(
            f"{WAYS}. Here Python has compared plain numbers; make sure that one side uses `x` "
            f"or `y`. Received: {node!r}."
        )
    if isinstance(node, ExpressionNode) and not isinstance(node, Condition):
        raise InputError(
            f"{WAYS}. An expression alone is not a condition: compare it with something. "
            f"Received: {node!r}."
        )
    if not isinstance(node, Condition):
        raise InputError(f"{WAYS}. Received: {describe_value(node)}.")
    value = evaluate(node, scope)
    if value.size != 1:
        raise InputError(
            f"This condition has one truth value for each of {value.size} entries (shape "
            f"{value.shape}): write `({node!r}).all()` or `.any()`. Received: {node!r}."
        )
    return value.item()


def resolve_linear(
    expression: Any,
    inputs: Sequence[Slot],
    outputs: Sequence[Slot],
    terms: Terms | None = None,
) -> Atom:
    """Translate an expression to a linear form of variables and terms, to minimize or maximize it.

    Args:
        expression: An expression with one entry, or a function of `(x, y)` that returns one.
        inputs: The inputs, as for `resolve`.
        outputs: The outputs, as for `resolve`.
        terms: Nonlinear terms, to which the terms of the expression are added; None if the
            expression must be linear.

    Returns:
        The linear form as an atom with `terms` and `offset`; each number is rounded once to
        float64.

    Raises:
        InputError: `expression` is a condition or an index, has several entries, or is not linear
            although `terms` is None.

    Example:
        >>> from outrange.graph import Slot
        >>> from outrange.questions.expressions import x, y
        >>> form = resolve_linear(2 * y[1] - x[0] + 1, [Slot("x", (4,))], [Slot("y", (2,))])
        >>> form.terms, form.offset
        (((0, -1.0), (5, 2.0)), 1.0)
    """
    scope = Scope(inputs, outputs, terms=terms)
    node = apply_property(expression, scope)
    rule = "The objective must be one expression, such as `y[0] - 2 * y[1]`"
    if isinstance(node, Condition | Index):
        raise InputError(f"{rule}, not a condition or an index. Received: {node!r}.")
    if not isinstance(node, ExpressionNode):
        raise InputError(f"{rule}, made of `x` and `y`. Received: {describe_value(node)}.")
    value = evaluate(as_expression(node), scope)
    if value.size != 1:
        raise InputError(
            f"{rule}; this one has {value.size} entries (shape {value.shape}): pick one, or sum "
            f"them. Received: {node!r}."
        )
    form = value.item()
    if form.peaks:
        if terms is None:
            raise InputError(
                f"{rule}; `abs`, `max` and `min` are not linear: compute the range of each part, "
                f"or state a bound as a condition. Received: {node!r}."
            )
        form = terms.without_peaks(form)
    return linear_atom(form, may_scale=False)


def property_text(property: Any, inputs: Sequence[Slot], outputs: Sequence[Slot]) -> str:
    """Return a property in Python's notation.

    For a function of `(x, y)`, this is the text of the condition that it returns.
    """
    return str(apply_property(property, Scope(inputs, outputs)))


def apply_property(property: Any, scope: Scope) -> Any:
    """Call a property function, and return any other property unchanged.

    The function gets `x` and `y`. If the scope has no outputs, it may also accept `x` alone.

    Raises:
        InputError: The function does not accept these arguments.
    """
    if isinstance(property, ExpressionNode) or not callable(property):
        return property
    variables = [Variable(kind, None, scope) for kind in ("x", "y")]
    for arguments in (variables, variables[:1]) if not scope.slots["y"] else (variables,):
        try:
            inspect.signature(property).bind(*arguments)
        except (TypeError, ValueError):
            continue
        return property(*arguments)
    raise InputError(
        "A function that states a property must take the model's input and output: "
        f"`lambda x, y: ...`. Received: {describe_value(property)}."
    )


def uses_outputs(condition: ExpressionNode) -> bool:
    """Return whether `y`, or a value inside the model, occurs in a condition."""
    return any(
        node.op == "variable" and node.detail[0] in ("y", "layer") for node in in_order(condition)
    )
