"""Parser for properties written as text, such as `y[0] <= 3.99`; the text is never run as code."""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Callable
from functools import reduce
from typing import Any

from ...core import InputError
from ..expressions import Condition, Expression, u, x, y
from ..expressions.nodes import ExpressionNode, compare, logic
from ..expressions.variables import Variable
from .calls import FUNCTIONS, Number, Refusal, call_function, call_method, combine


LONGEST = 100_000
"""Maximum number of characters of a property."""

RULE = "A property must be a comparison of `x`, `y` and numbers, such as `0 <= y[0] <= 3.99`"

ARITHMETIC = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@",
    ast.Pow: "**",
}  # fmt: skip

LOGIC = {ast.BitAnd: "&", ast.BitOr: "|", ast.And: "&", ast.Or: "|"}

NAMES = {"x": x, "y": y, "u": u}

COMPARISONS = {
    ast.LtE: "<=", ast.Lt: "<", ast.GtE: ">=", ast.Gt: ">", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip


def read_condition(text: str) -> Condition:
    """Parse a condition in the language of `outrange.x` and `outrange.y`.

    Unlike in Python, `and`, `or`, `not` and chains such as `0 <= y[0] <= 1` are allowed: the
    parser never evaluates a truth value.

    Returns:
        The condition, not yet bound to a model.

    Raises:
        InputError: The text is not a condition, or uses syntax outside the whitelist.

    Example:
        >>> read_condition("0 <= y[0] < 1 and not y.argmax() == 2")
        (0 <= y[0]) & (y[0] < 1) & ~(y.argmax() == 2)
    """
    value = _parse(text)
    if isinstance(value, Condition):
        return value
    raise _error("it must state a condition", text)


def read_expression(text: str) -> Expression:
    """Parse an expression such as `y[0] - 2 * y[1]`; see `read_condition`.

    Raises:
        InputError: The text is not an expression, or uses syntax outside the whitelist.

    Example:
        >>> read_expression("y[0] - 2 * x[1]")
        y[0] - 2 * x[1]
    """
    value = _parse(text)
    if isinstance(value, Expression):
        return value
    raise InputError(
        f"The objective must be one expression, such as `y[0] - 2 * y[1]`. Received: {text!r}."
    )


def _parse(text: str) -> Any:
    """Return the value of a text: a condition, an expression, a number or a list."""
    text = text.strip()
    if len(text) > LONGEST:
        raise InputError(
            f"A property may have at most {LONGEST:,} characters; write longer ones to a .vnnlib "
            f"file. Received: {len(text):,} characters."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, mode="eval").body
        value = _PropertyReader(text).value(tree)
    except SyntaxError as error:
        place = f", at character {error.offset}" if error.offset else ""
        raise _error(f"{error.msg}{place}", text) from None
    except (RecursionError, MemoryError):
        raise _error("it nests too deeply", text) from None
    except InputError:
        raise
    except ValueError as error:  # a zero byte, a number of thousands of digits
        raise _error(str(error).split(";")[0], text) from None
    return value


def _error(why: str, text: str) -> InputError:
    excerpt = " ".join(text.split())
    excerpt = excerpt if len(excerpt) <= 80 else f"{excerpt[:77]}..."
    return InputError(f"{RULE}; {why}. Received: `{excerpt}`.")


class _PropertyReader:
    """Translator of a property's syntax tree into expressions; numbers and lists stay as they are.

    Args:
        text: Source text, for messages.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def value(self, node: ast.expr) -> Any:
        """Return the value of a syntax node: an expression, a condition, a number or a list."""
        rule = RULES.get(type(node))
        try:
            if rule is None:
                raise Refusal(f"{_kind(node)} is not allowed here")
            return rule(self, node)
        except Refusal as refusal:
            part = ast.get_source_segment(self._text, node) or self._text
            raise _error(str(refusal), part) from None

    def _name(self, node: ast.Name) -> Any:
        if node.id in NAMES:
            return NAMES[node.id]
        if node.id in FUNCTIONS:
            raise Refusal(
                f"`{node.id}` is a function and must be followed by parentheses: `{node.id}(...)`"
            )
        raise Refusal(
            f"`{node.id[:30]}` is not a known name; the known names are x, y and "
            f'{", ".join(FUNCTIONS)}. Write `x["{node.id[:30]}"]` for an input or column of this '
            f'name, and `y["{node.id[:30]}"]` for an output. For a property file, pass a path that '
            "ends in .vnnlib or .vnnlib.gz"
        )

    def _constant(self, node: ast.Constant) -> Number:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, Number):
            raise Refusal(f"{_kind(node)} is not allowed here; every constant must be a number")
        return _finite(value)

    def _list(self, node: ast.List) -> list:
        entries = [self.value(entry) for entry in node.elts]
        if any(isinstance(entry, ExpressionNode) for entry in entries):
            raise Refusal("a list must contain numbers")
        return entries

    def _unary(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not | ast.Invert):
            return ~self._condition(node.operand)
        value = self.value(node.operand)
        if not isinstance(value, Expression | Number):
            raise Refusal("a sign must precede a number, `x` or `y`")
        return -value if isinstance(node.op, ast.USub) else +value

    def _binary(self, node: ast.BinOp) -> Any:
        """Combine a chain of operators without recursion, because sums nest one level per term."""
        spine: list[ast.BinOp] = []
        first: ast.expr = node
        while isinstance(first, ast.BinOp):
            spine.append(first)
            first = first.left
        left = self.value(first)
        for step in reversed(spine):
            right, op = self.value(step.right), type(step.op)
            if op in LOGIC:
                left = logic(LOGIC[op], left, right)
            elif op in ARITHMETIC:
                left = combine(ARITHMETIC[op], left, right)
            else:
                raise Refusal("the only operators between two expressions are + - * / @ ** & |")
        return left

    def _bool(self, node: ast.BoolOp) -> Condition:
        parts = [self._condition(part) for part in node.values]
        return reduce(lambda a, b: logic(LOGIC[type(node.op)], a, b), parts)

    def _condition(self, node: ast.expr) -> Condition:
        value = self.value(node)
        if not isinstance(value, Condition):
            raise Refusal("`and`, `or`, `not` and `~` must join comparisons")
        return value

    def _compare(self, node: ast.Compare) -> Condition:
        sides = [self.value(side) for side in (node.left, *node.comparators)]
        links = []
        for left, op, right in zip(sides, node.ops, sides[1:], strict=False):
            if type(op) not in COMPARISONS:
                raise Refusal("the comparison operators are <= < >= > == !=")
            if not (isinstance(left, ExpressionNode) or isinstance(right, ExpressionNode)):
                raise Refusal("one side of a comparison must use `x` or `y`")
            links.append(compare(COMPARISONS[type(op)], left, right))
        return reduce(lambda a, b: logic("&", a, b), links)

    def _subscript(self, node: ast.Subscript) -> Any:
        value, index = self.value(node.value), node.slice
        if not isinstance(value, ExpressionNode):
            raise Refusal("an index must follow `x`, `y` or an expression of them")
        if isinstance(index, ast.Constant) and isinstance(index.value, str):
            if not isinstance(value, Variable):
                raise Refusal('a name must directly follow `x` or `y`: `y["name"][0]`')
            return value[index.value]
        if isinstance(index, ast.Tuple):
            return value[tuple(self._index(entry) for entry in index.elts)]
        return value[self._index(index)]

    def _index(self, node: ast.expr | None) -> Any:
        if node is None:
            return None
        if isinstance(node, ast.Slice):
            return slice(*(self._index(end) for end in (node.lower, node.upper, node.step)))
        value = self.value(node)
        if not _is_integer(value):
            raise Refusal("an index must be an integer, a slice, or a list of integers")
        return value

    def _attribute(self, node: ast.Attribute) -> Any:
        name = node.value.id if isinstance(node.value, ast.Name) else ""
        if name not in (*NAMES, *FUNCTIONS, "") and node.attr in ("x", "y"):
            return Variable(node.attr, network=name)
        value = self.value(node.value)
        if node.attr == "T" and isinstance(value, Expression):
            return value.T
        raise Refusal(
            f"`.{node.attr[:30]}` is not a known method, or its parentheses `()` are missing"
        )

    def _call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Attribute):
            if node.func.attr == "layer" and isinstance(node.func.value, ast.Name):
                return self._layer(node, node.func.value.id)
            value = self.value(node.func.value)
            if any(word.arg != "axis" for word in node.keywords):
                raise Refusal("the only option is `axis`")
            read = self.value if node.func.attr == "implies" else self._axis
            arguments = [read(part) for part in node.args]
            axis = [self._axis(word.value) for word in node.keywords]
            return call_method(value, node.func.attr, arguments, axis)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name == "layer":
            return self._layer(node, "")
        if name not in FUNCTIONS or node.keywords:
            raise Refusal(
                f"a function must be one of {', '.join(FUNCTIONS)}, without keyword arguments"
            )
        return call_function(name, [self.value(part) for part in node.args])

    def _layer(self, node: ast.Call, network: str) -> Variable:
        names = [part.value for part in node.args if isinstance(part, ast.Constant)]
        if len(node.args) != 1 or node.keywords or not names or not isinstance(names[0], str):
            raise Refusal('the argument of `layer` must be the name of a layer: `layer("dense_1")`')
        return Variable("layer", names[0], network=network)

    def _axis(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Tuple):
            return tuple(self._axis(part) for part in node.elts)
        value = self.value(node)
        if isinstance(value, list) or not _is_integer(value):
            raise Refusal("axes and shapes are integers")
        return value


RULES: dict[type, Callable[[_PropertyReader, Any], Any]] = {
    ast.Name: _PropertyReader._name,
    ast.Constant: _PropertyReader._constant,
    ast.List: _PropertyReader._list,
    ast.UnaryOp: _PropertyReader._unary,
    ast.BinOp: _PropertyReader._binary,
    ast.BoolOp: _PropertyReader._bool,
    ast.Compare: _PropertyReader._compare,
    ast.Subscript: _PropertyReader._subscript,
    ast.Attribute: _PropertyReader._attribute,
    ast.Call: _PropertyReader._call,
}
"""The method for each permitted type of syntax node. Other types are refused, apart from slices and
tuples in indices and axes."""


def _finite(value: Number) -> Number:
    try:
        finite = math.isfinite(value)
    except OverflowError:
        finite = False
    if not finite:
        raise Refusal("numbers are below 1.8e308")
    return value


def _is_integer(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_integer(entry) for entry in value)
    return type(value) is int and abs(value) < 2**62


def _kind(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return f"a value of type {type(node.value).__name__}"
    return f"`{type(node).__name__}`"
