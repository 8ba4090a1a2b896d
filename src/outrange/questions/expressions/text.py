"""Text of expressions and conditions in Python's notation, abbreviated if long."""

from __future__ import annotations

from typing import Any

import numpy as np

from .nodes import ExpressionNode
from .nonlinear.terms import FUNCTIONS
from .order import in_order
from .scope import variable_text


LONGEST = 400
"""Maximum number of characters of a text; the middle of a longer text is omitted."""

COMPARISON, OR, AND, SUM, PRODUCT, UNARY, POWER, WHOLE = range(1, 9)

BINARY = {
    **dict.fromkeys(("<=", "<", ">=", ">", "==", "!="), COMPARISON),
    "|": OR, "&": AND, "+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "@": PRODUCT,
}  # fmt: skip

CALLS = (*FUNCTIONS, "implies", "maximum", "minimum")

PREFIX = {"negative": "-", "~": "~"}


def text(node: ExpressionNode) -> str:
    """Return the text of a node in Python's notation."""
    texts: dict[int, tuple[str, int]] = {}
    for current in in_order(node):
        part_text, level = _text(current, [texts[id(part)] for part in current.parts])
        texts[id(current)] = _shorten(part_text), level
    return texts[id(node)][0]


def _text(node: ExpressionNode, parts: list[tuple[str, int]]) -> tuple[str, int]:
    """Return the text of a node and the precedence of its operator.

    `parts` contains the text and the precedence of each operand.
    """
    op = node.op
    if op == "variable":
        kind, name, _, network = node.detail
        return variable_text(kind, name, network), WHOLE
    if op == "constant":
        return _constant(node.detail[0])
    if op == "**":
        return f"{_within(parts[0], WHOLE)} ** {_within(parts[1], UNARY)}", POWER
    if op in BINARY:
        level = BINARY[op]
        left = _within(parts[0], level + 1 if level == COMPARISON else level)
        return f"{left} {op} {_within(parts[1], level + 1)}", level
    if op in PREFIX:
        return PREFIX[op] + _within(parts[0], UNARY), UNARY
    if op in CALLS:
        return f"{op}({', '.join(part for part, _ in parts)})", WHOLE
    whole = _within(parts[0], WHOLE)
    if op == "index":
        return f"{whole}[{_index(node.detail)}]", WHOLE
    if op == "T":
        return f"{whole}.T", WHOLE
    if op == "reshape":
        return f"{whole}.reshape({node.detail})", WHOLE
    return f"{whole}.{op}({'' if node.detail is None else f'axis={node.detail}'})", WHOLE


def _within(part: tuple[str, int], level: int) -> str:
    return part[0] if part[1] >= level else f"({part[0]})"


def _shorten(whole: str) -> str:
    if len(whole) <= LONGEST:
        return whole
    return f"{whole[: LONGEST // 2]} ... {whole[-LONGEST // 3 :]}"


def _constant(value: Any) -> tuple[str, int]:
    if isinstance(value, np.ndarray | list | tuple):
        array = np.asarray(value)
        if array.size > 8:
            return f"array{array.shape}", WHOLE
        return str(array.tolist()), WHOLE if array.ndim else UNARY
    shown = str(value.item() if isinstance(value, np.generic) else value)
    return shown, UNARY if shown.startswith("-") else WHOLE


def _index(index: Any) -> str:
    if isinstance(index, tuple):
        return ", ".join(_index(entry) for entry in index) + ("," if len(index) == 1 else "")
    if isinstance(index, slice):
        ends = ["" if end is None else str(end) for end in (index.start, index.stop)]
        return ":".join(ends) + ("" if index.step is None else f":{index.step}")
    if isinstance(index, str):
        return f'"{index}"'
    return "..." if index is Ellipsis else _constant(index)[0]
