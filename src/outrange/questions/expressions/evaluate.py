"""Evaluation of expression nodes for a model as arrays of forms, choices, or formulas."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from ...core import InputError
from ...core.formula import Formula, negate
from .arrays import axes, broadcast, entrywise, groups
from .choices import IndexChoice, compare_choices
from .forms import (
    AffineForm,
    add,
    is_absolute,
    largest,
    object_array,
    scale,
    smallest,
    subtract,
    total,
)
from .formulas import all_of, any_of, compare_forms
from .nodes import Expression, ExpressionNode, Index
from .nonlinear.terms import FUNCTIONS, Terms
from .order import in_order
from .scope import Scope


def evaluate(node: ExpressionNode, scope: Scope) -> np.ndarray:
    """Evaluate a node as an object array of `AffineForm`, `IndexChoice` or `Formula`.

    Raises:
        InputError: An operation does not fit the model's names and shapes, or it is nonlinear and
            the question supports only linear conditions.
    """
    values_of: dict[int, np.ndarray] = {}
    for current in in_order(node):
        values = [values_of[id(part)] for part in current.parts]
        values_of[id(current)] = RULES[current.op](current, scope, *values)
    return values_of[id(node)]


def bound_shape(node: ExpressionNode) -> tuple[int, ...]:
    """Return the shape of a node whose variables are bound to a model.

    Raises:
        InputError: The model is not known.
    """
    for part in in_order(node):
        if part.op == "variable" and part.detail[2] is not None:
            return evaluate(node, part.detail[2]).shape
    raise InputError(
        "The shapes of `x` and `y` are only known inside a property function: pass "
        "`lambda x, y: ...` as the property to use loops, `len` and `.shape`. "
        f"Received: {node!r} outside such a function."
    )


def _variable(node: ExpressionNode, scope: Scope) -> np.ndarray:
    return _scope_of(node, scope).variables(*node.detail[:2])


def _scope_of(node: ExpressionNode, scope: Scope) -> Scope:
    """Return the scope of a variable.

    If several networks are numbered together, this is the scope of the variable's network.
    Otherwise, it is `scope`.

    Raises:
        InputError: The variable names a network or a layer, which the question does not support.
    """
    kind, _, bound, network = node.detail
    if bound is None and kind == "layer":
        raise InputError(
            "A condition of this question must not use values of inner layers; use `x` and "
            f"`y`. Received: {node!r}."
        )
    if network and bound is None:
        raise InputError(
            f"`{network}.x` and `{network}.y` belong to a question about several networks: pass a "
            f'dict of models, such as `{{"{network}": model, ...}}`, or write `x` and `y`. '
            f"Received: {node!r}."
        )
    return scope if bound is None or not bound.is_joint else bound


def _constant(node: ExpressionNode, scope: Scope) -> np.ndarray:
    return node.detail[1]


def _index(node: ExpressionNode, scope: Scope, array: np.ndarray) -> np.ndarray:
    index = _plain(node.detail)
    try:
        picked = array[index]
    except (IndexError, TypeError, ValueError) as error:
        source = node.parts[0]
        place = f"{source!r} has shape {array.shape}"
        if source.op == "variable":
            place = _scope_of(source, scope).place(*source.detail[:2])
        raise InputError(f"{place}: {error}. Received: {node!r}.") from None
    return picked if isinstance(picked, np.ndarray) else object_array([picked], ())


def _plain(index: Any) -> Any:
    """Convert the lists in an index to arrays, so that an empty list is a valid index, too."""
    if isinstance(index, tuple):
        return tuple(_plain(entry) for entry in index)
    return np.asarray(index, None if index else int) if isinstance(index, list) else index


def _reshape(node: ExpressionNode, scope: Scope, array: np.ndarray) -> np.ndarray:
    try:
        return array.reshape(node.detail)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{node.parts[0]!r} has shape {array.shape}: {error}. Received: {node!r}."
        ) from None


def _transpose(node: ExpressionNode, scope: Scope, array: np.ndarray) -> np.ndarray:
    return array.T


def _negative(node: ExpressionNode, scope: Scope, a: np.ndarray) -> np.ndarray:
    return entrywise(lambda form: scale(form, -1), a)


def _abs(node: ExpressionNode, scope: Scope, a: np.ndarray) -> np.ndarray:
    return entrywise(lambda f: f if is_absolute(f) else largest((f, scale(f, -1))), a)


def _pairwise(rule: Callable[[Any, Any], Any]) -> Callable:
    def apply(node: ExpressionNode, scope: Scope, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return entrywise(rule, *broadcast(node, a, b))

    return apply


def _multiply(node: ExpressionNode, scope: Scope, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    def product(left: AffineForm, right: AffineForm) -> AffineForm:
        if right.is_constant:
            return scale(left, right.offset)
        if left.is_constant:
            return scale(right, left.offset)
        return _terms(node, scope).multiply(left, right)

    return entrywise(product, *broadcast(node, a, b))


def _divide(node: ExpressionNode, scope: Scope, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    def quotient(left: AffineForm, right: AffineForm) -> AffineForm:
        if not right.is_constant:
            return _terms(node, scope).divide(left, right)
        if right.offset == 0:
            raise InputError(f"A divisor in a condition must not be 0. Received: {node!r}.")
        return scale(left, 1 / Fraction(right.offset))

    return entrywise(quotient, *broadcast(node, a, b))


def _power(node: ExpressionNode, scope: Scope, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    def power(base: AffineForm, exponent: AffineForm) -> AffineForm:
        if not exponent.is_constant:
            raise InputError(
                "An exponent must be a constant; write `np.exp(y[0] * np.log(2))` for `2 ** y[0]`. "
                f"Received: {node!r}."
            )
        return _terms(node, scope).power(base, exponent.offset)

    return entrywise(power, *broadcast(node, a, b))


def _function(node: ExpressionNode, scope: Scope, a: np.ndarray) -> np.ndarray:
    return entrywise(lambda form: _terms(node, scope).function(node.op, form), a)


def _terms(node: ExpressionNode, scope: Scope) -> Terms:
    """Return the nonlinear terms of the question.

    Raises:
        InputError: The question supports only linear conditions.
    """
    if scope.terms is not None:
        return scope.terms
    raise InputError(
        "This condition must consist of linear inequalities; products and functions of `x` and `y` "
        "are supported in the property of `outrange.verify`, and in its `where=`. "
        f"Received: {node!r}."
    )


def _matmul(node: ExpressionNode, scope: Scope, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if node.detail == "dot" and b.ndim > 2:  # There, `np.dot` and `@` have different axes.
        raise InputError(
            "The second argument of `np.dot` may have at most two axes; use `@`. "
            f"Received: {node!r} of shapes {a.shape} and {b.shape}."
        )
    fixed = [all(form.is_constant for form in side.flat) for side in (a, b)]
    left, right = (a[None] if a.ndim == 1 else a), (b[:, None] if b.ndim == 1 else b)
    if min(left.ndim, right.ndim) < 2 or left.shape[-1] != right.shape[-2]:
        raise InputError(
            "The last axis of the left operand of `@` must be as long as the second-to-last "
            f"axis of the right operand. Received: {node!r} of shapes {a.shape} and {b.shape}."
        )
    rows = left[..., :, None, :]
    columns = np.swapaxes(right, -1, -2)[..., None, :, :]
    rows, columns = broadcast(node, rows, columns)
    size = rows.shape[-1]
    items = []
    for row, column in zip(rows.reshape(-1, size), columns.reshape(-1, size), strict=True):
        if not any(fixed):
            multiply = _terms(node, scope).multiply
            items.append(total([multiply(u, v) for u, v in zip(row, column, strict=True)]))
            continue
        forms, weights = (column, row) if fixed[0] else (row, column)
        items.append(total(forms, [weight.offset for weight in weights]))
    result = object_array(items, rows.shape[:-1])
    result = result[..., 0, :] if a.ndim == 1 else result
    return result[..., 0] if b.ndim == 1 else result


def _reduction(rule: Callable[[list], Any], least: int) -> Callable:
    def apply(node: ExpressionNode, scope: Scope, array: np.ndarray) -> np.ndarray:
        rows, shape = groups(node, array, axes(node, array))
        if rows.shape[1] < least:
            raise InputError(
                f"`{node.op}` needs at least one entry. Received: {node!r} of shape {array.shape}."
            )
        return object_array([rule(row) for row in rows.tolist()], shape)

    return apply


def _mean(forms: list[AffineForm]) -> AffineForm:
    return scale(total(forms), Fraction(1, len(forms)))


def _compare(node: ExpressionNode, scope: Scope, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if node.op in ("==", "!=") and not isinstance(node.parts[0], Expression | Index):
        return entrywise(lambda p, q: _same(p, q, node.op == "=="), *broadcast(node, a, b))
    rule = compare_choices if any(isinstance(p, Index) for p in node.parts) else compare_forms
    if scope.terms is not None and rule is compare_forms:
        zero, difference = AffineForm({}, 0), scope.terms.difference
        return entrywise(
            lambda p, q: compare_forms(node.op, difference(p, q), zero), *broadcast(node, a, b)
        )
    return entrywise(lambda left, right: rule(node.op, left, right), *broadcast(node, a, b))


def _same(p: Formula, q: Formula, same: bool) -> Formula:
    other = q if same else negate(q)
    return any_of((all_of((p, other)), all_of((negate(p), negate(other)))))


RULES: dict[str, Callable[..., np.ndarray]] = {
    "variable": _variable,
    "constant": _constant,
    "index": _index,
    "reshape": _reshape,
    "T": _transpose,
    "+": _pairwise(add),
    "-": _pairwise(subtract),
    "*": _multiply,
    "/": _divide,
    "@": _matmul,
    "**": _power,
    "negative": _negative,
    "abs": _abs,
    **{name: _function for name in FUNCTIONS if name != "abs"},
    "maximum": _pairwise(lambda a, b: largest((a, b))),
    "minimum": _pairwise(lambda a, b: smallest((a, b))),
    "sum": _reduction(total, 0),
    "mean": _reduction(_mean, 1),
    "max": _reduction(largest, 1),
    "min": _reduction(smallest, 1),
    "argmax": _reduction(lambda forms: IndexChoice(tuple(forms)), 1),
    "argmin": _reduction(lambda forms: IndexChoice(tuple(scale(f, -1) for f in forms)), 1),
    **dict.fromkeys(("<=", "<", ">=", ">", "==", "!="), _compare),
    "&": _pairwise(lambda p, q: all_of((p, q))),
    "|": _pairwise(lambda p, q: any_of((p, q))),
    "implies": _pairwise(lambda p, q: any_of((negate(p), q))),
    "~": lambda node, scope, a: entrywise(negate, a),
    "all": _reduction(all_of, 0),
    "any": _reduction(any_of, 0),
}
"""Dict from the name of an operation to its rule `(node, scope, *values of the parts) -> value`."""
