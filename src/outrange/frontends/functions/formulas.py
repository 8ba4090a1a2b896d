"""Plants written as one formula per state: `["x2", "2*sin(x1) + 8*u1"]`."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import reduce
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from ...core import InputError, did_you_mean


BUILTINS: Mapping[str, Any] = MappingProxyType({
    **{name: getattr(np, name) for name in (
        "sin", "cos", "tan", "exp", "log", "sqrt", "tanh", "sinh", "cosh", "maximum", "minimum",
        "where", "clip", "sign", "floor", "ceil", "square", "arctan",
    )},
    "abs": np.absolute, "max": np.maximum, "min": np.minimum, "atan": np.arctan, "pi": np.pi,
})  # fmt: skip
"""Functions and constants that a formula may use besides states, controls and numbers."""

UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
"""Errors of Python's parser; the last two are raised for formulas that are nested too deeply."""

DEEPEST = 200
"""Nesting limit of operations, so that no formula exceeds Python's recursion limit."""

HUGE = 10**308
"""Smallest integer that is rejected because it may exceed the range of float64."""

_PARTS = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Call, ast.Name, ast.Load, ast.Constant,
    ast.Subscript, ast.Compare, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.USub, ast.UAdd,
    ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.BitAnd, ast.BitOr, ast.Invert,
)  # fmt: skip


_BINARY: Mapping[type, Callable] = MappingProxyType({
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.Pow: operator.pow, ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
})  # fmt: skip
_UNARY: Mapping[type, Callable] = MappingProxyType({
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Invert: operator.invert,
})  # fmt: skip
_COMPARE: Mapping[type, Callable] = MappingProxyType({
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
})  # fmt: skip


def formulas(
    texts: Sequence[str], names: Mapping[str, Sequence[str]]
) -> Callable[[Mapping[str, Any]], list[Any]]:
    """Parse formulas, one per state, into one function; the operator `^` denotes a power.

    Args:
        texts: Formulas in the order of the states.
        names: Names of the entries of each argument: `{"x": ["x1", "x2"], "u": ["u1"]}`.

    Returns:
        A function of one mapping from argument names to arrays. It returns a list with one value
        per state.

    Raises:
        InputError: A formula is invalid or uses an unknown name, or two entries have the same name.
    """
    trees = [_tree(text, names) for text in texts]
    entries = [name for each in names.values() for name in each]
    if len(set(entries)) < len(entries):
        duplicate = next(name for name in entries if entries.count(name) > 1)
        raise InputError(
            "In formulas, all states and controls must have different names "
            f"(`names=`). Received: the name `{duplicate}` twice."
        )
    places = {name: (kind, i) for kind, each in names.items() for i, name in enumerate(each)}

    def run(arguments: Mapping[str, Any]) -> list[Any]:
        # A state called `x` or `t` hides the vector of all states, or the time.
        scope = {**BUILTINS, **arguments}
        scope |= {
            name: arguments[kind][i] for name, (kind, i) in places.items() if kind in arguments
        }
        return [evaluate(tree, scope) for tree in trees]

    return run


def mentions_time(text: Any) -> bool:
    """Return whether a formula uses the time `t`."""
    return uses([text], ["t"])


def uses(texts: Sequence[Any], names: Collection[str]) -> bool:
    """Return whether any formula uses one of these names; invalid formulas are ignored."""
    names_in_texts = set()
    for text in texts:
        try:
            tree = ast.parse(str(text).replace("^", "**").strip(), mode="eval")
        except UNREADABLE:
            continue
        names_in_texts |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return not names_in_texts.isdisjoint(names)


def evaluate(node: ast.AST, scope: Mapping[str, Any]) -> Any:
    """Evaluate a formula operation by operation, without running it as Python.

    Args:
        node: Part of a formula parsed by `tree_of`.
        scope: Values of the names.

    Raises:
        InputError: The formula calls something that is not a function, or an operation on numbers
            fails, such as a division by 0.
    """
    match node:
        case ast.Constant():
            return float(node.value)  # pyright: ignore[reportArgumentType]
        case ast.Name():
            return scope[node.id]
        case ast.BinOp():
            pair = [evaluate(v, scope) for v in (node.left, node.right)]
            try:
                return _BINARY[type(node.op)](*pair)
            except ArithmeticError as error:
                raise InputError(
                    "A formula must compute finite numbers. "
                    f"Received: an operation on {pair[0]!r:.40} and {pair[1]!r:.40} ({error})."
                ) from error
        case ast.UnaryOp():
            return _UNARY[type(node.op)](evaluate(node.operand, scope))
        case ast.Compare():
            ends = [evaluate(v, scope) for v in (node.left, *node.comparators)]
            pairs = zip(node.ops, pairwise(ends), strict=True)
            return reduce(operator.and_, (_COMPARE[type(op)](*pair) for op, pair in pairs))
        case ast.Subscript(slice=ast.Constant(value=int(place))):
            return evaluate(node.value, scope)[place]
        case ast.Call() if callable(function := evaluate(node.func, scope)):
            return function(*(evaluate(v, scope) for v in node.args))
    raise InputError(f"A formula must call functions by name. Received: `{ast.unparse(node)}`.")


def _tree(text: Any, names: Mapping[str, Sequence[str]]) -> ast.expr:
    entries = [name for each in names.values() for name in each]
    return tree_of(text, {*names, *entries}, entries)


def tree_of(text: Any, names: Collection[str], entries: Sequence[str]) -> ast.expr:
    """Parse a formula into a tree of the allowed kinds of nodes.

    Args:
        names: Names that the formula may use besides built-in functions and constants.
        entries: Names that an error message lists.

    Raises:
        InputError: The formula is invalid, or uses an unknown name.
    """
    rule = "A plant given as text must have one formula per state, such as `2*sin(x1) + 8*u1`"
    if not isinstance(text, str):
        raise InputError(f"{rule}. Received: {type(text).__name__} among the formulas.")
    source = text.replace("^", "**").strip()
    try:
        tree = ast.parse(source, mode="eval")
    except UNREADABLE as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error) or "nested too deep"
        raise InputError(f"{rule}. Received: `{text:.80}` ({reason}).") from None
    if _depth(tree) > DEEPEST:
        raise InputError(
            f"{rule}, and the operations of a formula must be nested at most {DEEPEST} deep. "
            f"Received: `{text:.80}`."
        )
    names = {*BUILTINS, *names}
    for node in ast.walk(tree):
        if not _is_part(node):
            part = ast.get_source_segment(source, node) if isinstance(node, ast.expr) else None
            raise InputError(
                f"{rule}, and a formula must contain only numbers, states, controls, `+ - * / ^` "
                f"and functions. Received: `{part or text:.80}`."
            )
        if isinstance(node, ast.Name) and node.id not in names:
            hint = did_you_mean(node.id, [*entries, *BUILTINS])
            raise InputError(
                f"The variables of a formula must be among {', '.join(entries)} (`names=` "
                f"renames them).{hint} Received: `{node.id}` in `{text:.80}`."
            )
    return tree.body


def _is_part(node: ast.AST) -> bool:
    """Return whether a node is of a kind that a formula may contain."""
    match node:
        case ast.Constant():
            return type(node.value) is float or (type(node.value) is int and abs(node.value) < HUGE)
        case ast.Call():
            return isinstance(node.func, ast.Name)
    return isinstance(node, _PARTS)


def _depth(tree: ast.AST) -> int:
    """Return the number of nesting levels of a tree."""
    level, depth = [tree], 0
    while level:
        level, depth = [child for node in level for child in ast.iter_child_nodes(node)], depth + 1
    return depth
