"""Comparisons, selects and steps of one tensor: `where(x > 0, x, 0.1 * x)` is a curve."""

from collections.abc import Callable

import numpy as np

from ....core import UnsupportedError
from ....graph.composites import pointwise
from ..lower.call import KerasCall, is_value, operand
from .table import entering


RULES: dict[str, Callable] = {}
rule = entering(RULES)

COMPARISONS = {
    "Greater": "greater", "GreaterEqual": "greater_equal", "Less": "less",
    "LessEqual": "less_equal", "Equal": "equal", "NotEqual": "not_equal",
}  # fmt: skip


def _described(found, what: str):
    if found is None:
        raise UnsupportedError(f"{what} different inputs is not described yet")
    return found


@rule(*COMPARISONS)
def _compare(c: KerasCall):
    how = COMPARISONS[type(c.op).__name__]
    found = pointwise.compare(c.builder, how, c.operand(0, "x1"), c.operand(1, "x2"))
    return _described(found, "a comparison of values of")


@rule("LogicalAnd", "LogicalOr", "LogicalXor")
def _logical(c: KerasCall):
    b, parts = c.builder, [_truth(c, i) for i in range(2)]
    name = type(c.op).__name__
    if name == "LogicalXor":
        return _described(pointwise.compare(b, "not_equal", *parts), "a condition on")
    if name == "LogicalAnd":
        return b.multiply(*parts)
    return b.maximum(*parts)


def _truth(c: KerasCall, i: int):
    return _described(pointwise.truth(c.builder, c.operand(i, f"x{i + 1}")), "a condition on")


@rule("LogicalNot")
def _not(c: KerasCall):
    return _described(pointwise.logical_not(c.builder, c.x), "a condition on")


@rule("Sign")
def _sign(c: KerasCall):
    return _described(pointwise.sign(c.builder, c.x), "the sign of")


@rule("Heaviside")
def _heaviside(c: KerasCall):
    b, x = c.builder, c.operand(0, "x1")
    middle = c.operand(1, "x2")
    above = pointwise.compare(b, "greater", x, np.zeros(()))
    at = pointwise.compare(b, "equal", x, np.zeros(()))
    assert above is not None and at is not None
    return b.add(above, b.multiply(at, middle))


@rule("Where", "Select")
def _where(c: KerasCall):
    condition, x, y = (c.get(i, name) for i, name in enumerate(("condition", "x1", "x2")))
    if x is None or y is None:
        raise UnsupportedError("`where` without two branches is not described")
    if is_value(condition):
        found = pointwise.select(c.builder, condition, operand(x), operand(y))
        return _described(found, "a select between values of")
    mask, shape = np.asarray(condition, bool), c.shapes[0]
    return c.builder.structural(
        lambda a: np.where(mask, np.broadcast_to(a[0], shape), np.broadcast_to(a[1], shape)),
        [operand(x), operand(y)],
        name="where",
    )
