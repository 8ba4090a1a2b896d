"""Operators that compare, choose, round and sort."""

import numpy as np

from ....graph import Value
from ....graph.composites import logic
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


@op(*_COMPARE)
def compare(c: OnnxCall):
    x, y, how = c.x, c.operand(1), _COMPARE[c.node.op]
    if c.opset < 7:
        c.attr("broadcast")
        c.attr("axis")
    c.together(x, y)
    if not isinstance(x, Value) and not isinstance(y, Value):
        return logic.COMPARE[how](x, y)
    return logic.compare(c.b, how, x, y)


@op(*_STEPS)
def step(c: OnnxCall):
    if not isinstance(c.x, Value):
        return _NUMPY[c.node.op](c.x)
    return c.b.curve(_STEPS[c.node.op], c.x)


@op("And", "Or", "Xor")
def both(c: OnnxCall):
    x, y = c.x, c.operand(1)
    c.together(x, y)
    if not isinstance(x, Value) and not isinstance(y, Value):
        return _NUMPY[c.node.op](x, y)
    if c.node.op == "Xor":
        return logic.compare(c.b, "not_equal", x, y)
    return (logic.both if c.node.op == "And" else logic.either)(c.b, x, y)


@op("Not")
def opposite(c: OnnxCall):
    return logic.negate(c.b, c.x) if isinstance(c.x, Value) else np.logical_not(c.x)


@op("Where")
def where(c: OnnxCall):
    condition, x, y = c.x, c.operand(1), c.operand(2)
    c.together(condition, x, y)
    return logic.select(c.b, condition, x, y)


@op("Mod")
def modulo(c: OnnxCall):
    y = c.constant(1, "divisor")
    c.together(c.x, y)
    if not np.all(y):
        raise c.refuse("it divides by zero")
    floored = not c.attr("fmod", 0)
    if not isinstance(c.x, Value):
        return np.mod(c.x, y) if floored else np.fmod(c.x, y)
    return logic.modulo(c.b, c.x, y, floored=floored)


@op("ArgMax", "ArgMin")
def arg_largest(c: OnnxCall):
    x, axis, keep = c.x, int(c.attr("axis", 0)), bool(c.attr("keepdims", 1))
    if c.attr("select_last_index", 0):
        raise c.refuse("it takes the last of equal entries")
    if not isinstance(x, Value):
        found = (np.argmax if c.node.op == "ArgMax" else np.argmin)(x, axis=axis)
        return np.expand_dims(found, axis) if keep else found
    x = c.b.affine_map(x, -1.0) if c.node.op == "ArgMin" else x
    return logic.arg_largest(c.b, x, axis % len(x.shape), keep)


@op("TopK")
def top_k(c: OnnxCall):
    x, axis = c.x, int(c.attr("axis", -1))
    count = c.ints(1, "count") if c.opset >= 10 else [int(c.attr("k"))]
    largest = bool(c.attr("largest", 1))
    c.attr("sorted")
    k = (count or [0])[0]
    if not isinstance(x, Value):
        raise c.refuse("it sorts constants")
    best = logic.ordered(c.b, x, axis)
    places = logic.order(c.b, x, axis, downward=largest)

    def first(operand, flipped):
        def taken(a):
            moved = np.moveaxis(a[0], axis, -1)
            moved = moved[..., ::-1] if flipped else moved
            return np.moveaxis(moved[..., :k], -1, axis)

        return c.b.structural(taken, [operand], name="top")

    return [first(best, largest), first(places, False)]


@op("OneHot")
def one_hot(c: OnnxCall):
    depth = int(np.ravel(c.constant(1, "depth"))[0])
    off, on = (float(v) for v in np.ravel(c.constant(2, "values")))
    axis = int(c.attr("axis", -1))
    # Indices from -depth to -1 count from the end.
    hot = c.b.add(
        logic.one_hot(c.b, c.x, depth), logic.one_hot(c.b, c.b.affine_map(c.x, 1.0, depth), depth)
    )
    moved = c.b.structural(lambda a: np.moveaxis(a[0], -1, axis), [hot])
    return c.b.affine_map(moved, on - off, off)
