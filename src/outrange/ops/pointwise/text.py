"""Converts expressions to formulas as text, for reports."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from .nodes import Apply, CurveVariable, Restricted, Sum, Switch


if TYPE_CHECKING:
    from .expression import Expressions


def format_formula(t: Expressions, e: int, most: int | None = None) -> str:
    """Return the formula of an expression as text.

    The table stores repeated parts once, but the formula repeats them. So its length may be
    exponential in the number of expressions if it is not limited.

    Args:
        t: The table of expressions.
        e: Index of the expression.
        most: Largest number of characters, after which the text is cut off; None for no limit.
    """
    text = ""
    for part in _parts(t, e):
        text += part
        if most is not None and len(text) > most:
            return text[: most - 3] + "..."
    return text


def _parts(t: Expressions, e: int) -> Iterator[str]:
    """Yield the text in parts; every expression yields something before its operands do."""
    node = t.nodes[e]
    if isinstance(node, CurveVariable):
        yield "x"
    elif isinstance(node, Apply):
        yield f"{node.name}("
        yield from _parts(t, node.argument)
        yield "".join(f", {k}={v:g}" for k, v in node.attributes) + ")"
    elif isinstance(node, Switch):
        yield "piecewise("
        yield from _parts(t, node.argument)
        yield ")"
    elif isinstance(node, Restricted):
        yield from _parts(t, node.value)
        for i, need in enumerate(node.needs):
            yield " and " if i else " where "
            yield from _parts(t, need.argument)
            yield f" {need.sign.removeprefix('-> ')} {float(need.limit):g}"
    else:
        yield from _sum(t, node)


def _sum(t: Expressions, node: Sum) -> Iterator[str]:
    for i, (monomial, c) in enumerate(node.terms):
        yield _sign(c, first=i == 0) + ("" if abs(c) == 1 else f"{abs(float(c)):.6g}*")
        for j, (base, power) in enumerate(monomial):
            around = "()" if isinstance(t.nodes[base], Sum) else ("", "")
            yield ("*" if j else "") + around[0]
            yield from _parts(t, base)
            yield around[1] + (f"^{power}" if power != 1 else "")
    if node.constant or not node.terms:
        yield _sign(node.constant, first=not node.terms) + f"{abs(float(node.constant)):.6g}"


def _sign(c: Fraction, first: bool) -> str:
    if first:
        return "-" if c < 0 else ""
    return " - " if c < 0 else " + "
