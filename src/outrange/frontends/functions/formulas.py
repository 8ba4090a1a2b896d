"""A plant as one formula a state: `["x2", "2*sin(x1) + 8*u1"]`."""

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


KNOWN: Mapping[str, Any] = MappingProxyType({
    **{name: getattr(np, name) for name in (
        "sin", "cos", "tan", "exp", "log", "sqrt", "tanh", "sinh", "cosh", "maximum", "minimum",
        "where", "clip", "sign", "floor", "ceil", "square", "arctan",
    )},
    "abs": np.absolute, "max": np.maximum, "min": np.minimum, "atan": np.arctan, "pi": np.pi,
})  # fmt: skip
"""What a formula may call, beside states, controls and numbers."""

UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
"""Errors of Python's parser: the last two, of formulas that are nested too deep."""

DEEPEST = 200
"""Most operations in one another, so that no formula exceeds Python's recursion limit."""

HUGE = 10**308
"""Integers from here on may be no float64."""

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
    """Read formulas, one a state; `^` is a power.

    Args:
        texts: In the order of the states.
        names: What the entries of each argument are called: `{"x": ["x1", "x2"], "u": ["u1"]}`.

    Returns:
        A function of the arguments by name.

    Raises:
        InputError: One is no formula, or uses a name that nothing has.
    """
    trees = [_tree(text, names) for text in texts]
    entries = [name for each in names.values() for name in each]
    if len(set(entries)) < len(entries):
        twice = next(name for name in entries if entries.count(name) > 1)
        raise InputError(
            "In formulas every state and control has a name of its own: `states=`, `controls=`. "
            f"Received: two of the name `{twice}`."
        )
    places = {name: (kind, i) for kind, each in names.items() for i, name in enumerate(each)}

    def run(given: Mapping[str, Any]) -> list[Any]:
        # A state that is called `x` or `t` is that state, not all of them or the time.
        scope = {**KNOWN, **given}
        scope |= {name: given[kind][i] for name, (kind, i) in places.items() if kind in given}
        return [evaluated(tree, scope) for tree in trees]

    return run


def names_time(text: Any) -> bool:
    """Whether a formula asks which step it is."""
    return uses([text], ["t"])


def uses(texts: Sequence[Any], names: Collection[str]) -> bool:
    """Whether some formula has one of these names in it."""
    found = set()
    for text in texts:
        try:
            tree = ast.parse(str(text).replace("^", "**").strip(), mode="eval")
        except UNREADABLE:
            continue
        found |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return not found.isdisjoint(names)


def evaluated(node: ast.AST, scope: Mapping[str, Any]) -> Any:
    """What a formula computes, operation by operation: nothing of it is run as Python.

    Args:
        node: A part of a formula that `tree_of` read.
        scope: What its names mean.

    Raises:
        InputError: It calls what is no function.
    """
    match node:
        case ast.Constant():
            return float(node.value)  # pyright: ignore[reportArgumentType]
        case ast.Name():
            return scope[node.id]
        case ast.BinOp():
            pair = [evaluated(v, scope) for v in (node.left, node.right)]
            try:
                return _BINARY[type(node.op)](*pair)
            except ArithmeticError as error:
                raise InputError(
                    "A formula computes finite numbers. "
                    f"Received: an operation on {pair[0]!r:.40} and {pair[1]!r:.40} ({error})."
                ) from error
        case ast.UnaryOp():
            return _UNARY[type(node.op)](evaluated(node.operand, scope))
        case ast.Compare():
            ends = [evaluated(v, scope) for v in (node.left, *node.comparators)]
            pairs = zip(node.ops, pairwise(ends), strict=True)
            return reduce(operator.and_, (_COMPARE[type(op)](*pair) for op, pair in pairs))
        case ast.Subscript(slice=ast.Constant(value=int(place))):
            return evaluated(node.value, scope)[place]
        case ast.Call() if callable(function := evaluated(node.func, scope)):
            return function(*(evaluated(v, scope) for v in node.args))
    raise InputError(f"A formula calls functions by name. Received: `{ast.unparse(node)}`.")


def _tree(text: Any, names: Mapping[str, Sequence[str]]) -> ast.expr:
    entries = [name for each in names.values() for name in each]
    return tree_of(text, {*names, *entries}, entries)


def tree_of(text: Any, known: Collection[str], entries: Sequence[str]) -> ast.expr:
    """A formula as a tree of the few kinds of nodes that one is made of.

    Args:
        text: The formula.
        known: Names that it may have, beside functions.
        entries: Those that a message tells.

    Raises:
        InputError: It is no formula, or uses a name that nothing has.
    """
    rule = "A plant as text has one formula a state, such as `2*sin(x1) + 8*u1`"
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
            f"{rule}, with at most {DEEPEST} operations in one another. Received: `{text:.80}`."
        )
    known = {*KNOWN, *known}
    for node in ast.walk(tree):
        if not _is_part(node):
            part = ast.get_source_segment(source, node) if isinstance(node, ast.expr) else None
            raise InputError(
                f"{rule}: numbers, states, controls, `+ - * / ^` and functions. "
                f"Received: `{part or text:.80}`."
            )
        if isinstance(node, ast.Name) and node.id not in known:
            hint = did_you_mean(node.id, [*entries, *KNOWN])
            raise InputError(
                f"A formula is about {', '.join(entries)} (`states=` and `controls=` give other "
                f"names).{hint} Received: `{node.id}` in `{text:.80}`."
            )
    return tree.body


def _is_part(node: ast.AST) -> bool:
    """Return whether a formula may have such a node."""
    match node:
        case ast.Constant():
            return type(node.value) is float or (type(node.value) is int and abs(node.value) < HUGE)
        case ast.Call():
            return isinstance(node.func, ast.Name)
    return isinstance(node, _PARTS)


def _depth(tree: ast.AST) -> int:
    """Return the number of levels of a tree."""
    level, depth = [tree], 0
    while level:
        level, depth = [child for node in level for child in ast.iter_child_nodes(node)], depth + 1
    return depth
