"""Lowering rules for logical operators, and for those that compare, select, round or sort."""

import numpy as np

from ....graph import Operand, Value, integers
from ....graph.composites import logic
from ..element_types import BOOL, EVERY, FLOATS, INTEGERS, NUMBERS
from .table import OnnxCall, op


_COMPARE = {
    "Greater": "greater", "GreaterOrEqual": "greater_equal", "Less": "less",
    "LessOrEqual": "less_equal", "Equal": "equal",
}  # fmt: skip
_STEPS = {"Sign": "sign", "Floor": "floor", "Ceil": "ceil", "Round": "round"}
_NUMPY = {
    "And": np.logical_and, "Or": np.logical_or, "Xor": np.logical_xor,
    "Sign": np.sign, "Floor": np.floor, "Ceil": np.ceil, "Round": np.rint,
}  # fmt: skip


@op("Equal", types="T T -> bool", T=EVERY)
@op("Greater", "GreaterOrEqual", "Less", "LessOrEqual", types="T T -> bool", T=NUMBERS)
def compare(c: OnnxCall) -> Operand:
    x, y, how = c.x, c.operand(1), _COMPARE[c.node.op]
    if c.opset < 7:
        c.attr("broadcast")
        c.attr("axis")
    c.broadcast_shape(x, y)
    if not isinstance(x, Value) and not isinstance(y, Value):
        return logic.COMPARE[how](x, y)
    return _compare_by_type(c, how, x, y)


def _compare_by_type(c: OnnxCall, how: str, x: Operand, y: Operand) -> Operand:
    """Compare two operands with the semantics of their element type: real numbers or integers."""
    if c.kinds[0] in FLOATS:
        return logic.compare(c.b, how, x, y)
    return integers.compare(c.b, how, x, y)


@op("Sign", types="T -> T", T=NUMBERS)
@op("Floor", "Ceil", "Round", types="T -> T", T=FLOATS)
def step(c: OnnxCall) -> Operand:
    if not isinstance(c.x, Value):
        return _NUMPY[c.node.op](c.x)
    if c.is_integer:  # from -1 to 1, without a jump in between
        return c.b.clip(c.x, -1.0, 1.0)
    return c.b.curve(_STEPS[c.node.op], c.x)


@op("And", "Or", "Xor", types="T T -> T", T=BOOL)
def both(c: OnnxCall) -> Operand:
    x, y = c.x, c.operand(1)
    c.broadcast_shape(x, y)
    if not isinstance(x, Value) and not isinstance(y, Value):
        return _NUMPY[c.node.op](x, y)
    if c.node.op == "Xor":
        return integers.compare(c.b, "not_equal", x, y)
    return (logic.both if c.node.op == "And" else logic.either)(c.b, x, y)


@op("Not", types="T -> T", T=BOOL)
def opposite(c: OnnxCall) -> Operand:
    return logic.negate(c.b, c.x) if isinstance(c.x, Value) else np.logical_not(c.x)


@op("Where", types="bool T T -> T", T=EVERY, chooses=True)
def where(c: OnnxCall) -> Operand:
    condition, x, y = c.x, c.operand(1), c.operand(2)
    c.broadcast_shape(condition, x, y)
    if isinstance(condition, Value) or isinstance(x, Value) or isinstance(y, Value):
        return logic.select(c.b, condition, x, y)
    return np.where(condition, x, y)


@op("Mod", types="T T -> T", T=NUMBERS)
def modulo(c: OnnxCall) -> Operand:
    y = c.constant(1, "divisor")
    c.broadcast_shape(c.x, y)
    if not np.all(y):
        raise c.refuse("it divides by zero")
    floored = not c.attr("fmod", 0)
    if not isinstance(c.x, Value):
        return np.mod(c.x, y) if floored else np.fmod(c.x, y)
    if not c.is_integer:
        return logic.modulo(c.b, c.x, y, floored=floored)
    if np.abs(y.astype(np.float64)).max(initial=0.0) > integers.MOST:
        raise c.refuse_kind(str(c.kinds[0]), "its divisor is beyond 2^50")
    return integers.remainder(c.b, c.x, y, floored=floored)


@op("ArgMax", "ArgMin", types="T -> int64", T=NUMBERS)
def arg_largest(c: OnnxCall) -> Operand:
    x, axis, keep = c.x, int(c.attr("axis", 0)), bool(c.attr("keepdims", 1))
    if c.attr("select_last_index", 0):
        raise c.refuse(
            "the attribute `select_last_index` must be 0 (the first of several equal entries "
            "is selected)"
        )
    if not isinstance(x, Value):
        index = (np.argmax if c.node.op == "ArgMax" else np.argmin)(x, axis=axis)
        return np.expand_dims(index, axis) if keep else index
    x = c.b.affine_map(x, -1.0) if c.node.op == "ArgMin" else x
    return logic.arg_largest(c.b, x, axis % len(x.shape), keep)


@op("TopK", types="T int64 -> T int64", T=NUMBERS, chooses=True)
def top_k(c: OnnxCall) -> list[Operand]:
    x, axis = c.x, int(c.attr("axis", -1))
    count = c.ints(1, "count") if c.opset >= 10 else [int(c.attr("k"))]
    largest = bool(c.attr("largest", 1))
    c.attr("sorted")
    k = (count or [0])[0]
    if not isinstance(x, Value):
        raise c.refuse("it sorts constants")
    best = logic.sort(c.b, x, axis)
    places = logic.argsort(c.b, x, axis, downward=largest)

    def first(operand: Operand, flipped: bool) -> Operand:
        def take(a: list[np.ndarray]) -> np.ndarray:
            entries = np.moveaxis(a[0], axis, -1)
            entries = entries[..., ::-1] if flipped else entries
            return np.moveaxis(entries[..., :k], -1, axis)

        return c.b.structural(take, [operand], name="top")

    return [first(best, largest), first(places, False)]


@op("OneHot", types="T U V -> V", T=NUMBERS, U=NUMBERS, V=EVERY, chooses=True)
def one_hot(c: OnnxCall) -> Operand:
    depth = int(np.ravel(c.constant(1, "depth"))[0])
    c.limit((*c.x.shape, depth))
    off, on = (float(v) for v in np.ravel(c.constant(2, "values")))
    axis = int(c.attr("axis", -1))
    # A float index is cast to integers first; an index from -depth to -1 counts from the end.
    x = c.x if c.kinds[0] in INTEGERS else logic.truncate(c.b, c.x)
    places = c.b.reshape(x, (*x.shape, 1))
    hot = c.b.add(
        integers.compare(c.b, "equal", places, np.arange(depth, dtype=float)),
        integers.compare(c.b, "equal", places, np.arange(-depth, 0, dtype=float)),
    )
    encoded = c.b.structural(lambda a: np.moveaxis(a[0], -1, axis), [hot])
    return c.b.affine_map(encoded, on - off, off)
