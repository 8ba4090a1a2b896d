"""Rules for comparisons, selections, rounding, sorting and other operations that may jump."""

from collections.abc import Callable

import numpy as np

from ....core import UnsupportedError
from ....graph import Operand, integers
from ....graph.composites import logic
from ...rule_table import rule_decorator
from ..lower.call import KerasCall, array, is_value, operand


RULES: dict[str, Callable] = {}
rule = rule_decorator(RULES)

COMPARE = {
    "Greater": "greater", "GreaterEqual": "greater_equal", "Less": "less",
    "LessEqual": "less_equal", "Equal": "equal", "NotEqual": "not_equal",
}  # fmt: skip


@rule(*COMPARE)
def _compare(c: KerasCall) -> Operand:
    how = COMPARE[type(c.op).__name__]
    return logic.compare(c.builder, how, c.operand(0, "x1"), c.operand(1, "x2"))


def _truths(c: KerasCall) -> list:
    """Return the first two arguments as truth values, 0 or 1."""
    operands = [c.operand(0, "x1"), c.operand(1, "x2")]
    return [x if _is_bool(c, i) else logic.truth(c.builder, x) for i, x in enumerate(operands)]


def _is_bool(c: KerasCall, place: int) -> bool:
    return place < len(c.dtypes) and c.dtypes[place] == "bool"


@rule("LogicalAnd")
def _and(c: KerasCall) -> Operand:
    return logic.both(c.builder, *_truths(c))


@rule("LogicalOr")
def _or(c: KerasCall) -> Operand:
    return logic.either(c.builder, *_truths(c))


@rule("LogicalXor")
def _xor(c: KerasCall) -> Operand:
    return logic.compare(c.builder, "not_equal", *_truths(c))


@rule("LogicalNot")
def _not(c: KerasCall) -> Operand:
    x = c.operand(0, "x")
    return logic.negate(c.builder, x if _is_bool(c, 0) else logic.truth(c.builder, x))


@rule("Where")
def _where(c: KerasCall) -> Operand:
    condition, x, y = (c.get(i, name) for i, name in enumerate(("condition", "x1", "x2")))
    if x is None or y is None:
        raise UnsupportedError(
            "`where` with only a condition is not supported, because the shape "
            "of its result depends on the input: pass two values as well"
        )
    condition = operand(condition)
    if not _is_bool(c, 0) and is_value(condition):
        condition = logic.truth(c.builder, condition)
    return c.builder.broadcast(logic.select(c.builder, condition, x, y), c.shapes[0])


@rule("Select")
def _select(c: KerasCall) -> Operand:
    conditions, choices = c.args[0], c.args[1]
    out = operand(c.get(2, "default", 0))
    for condition, choice in reversed(list(zip(conditions, choices, strict=True))):
        out = logic.select(c.builder, operand(condition), operand(choice), out)
    return c.builder.broadcast(out, c.shapes[0])


@rule("Heaviside")
def _heaviside(c: KerasCall) -> Operand:
    at_zero = c.constant(1, "x2")
    if at_zero is None or np.unique(at_zero).size != 1:
        raise UnsupportedError("a unit step with several values at 0 is not supported yet")
    x = c.builder.broadcast(operand(c.args[0]), c.shapes[0])
    return c.builder.curve("heaviside", x, at_zero=float(np.ravel(at_zero)[0]))


@rule("Sign")
def _sign(c: KerasCall) -> Operand:
    return c.builder.curve("sign", c.x)


@rule("Signbit")
def _sign_bit(c: KerasCall) -> Operand:
    return logic.compare(c.builder, "less", c.x, 0.0)


@rule("Floor")
def _floor(c: KerasCall) -> Operand:
    return c.builder.curve("floor", c.x)


@rule("Ceil")
def _ceil(c: KerasCall) -> Operand:
    return c.builder.curve("ceil", c.x)


@rule("Trunc")
def _trunc(c: KerasCall) -> Operand:
    return logic.truncate(c.builder, c.x)


@rule("Round")
def _round(c: KerasCall) -> Operand:
    decimals = int(c.config.get("decimals") or 0)
    if decimals == 0:
        return c.builder.curve("round", c.x)
    power = 10.0 ** abs(decimals)
    near, far = (power, 1.0 / power) if decimals > 0 else (1.0 / power, power)
    whole = c.builder.curve("round", c.builder.affine_map(c.x, near, ulps=1))
    return c.builder.affine_map(whole, far, ulps=1)


@rule("Mod", "Fmod", "FloorDivide")
def _mod(c: KerasCall) -> Operand:
    kind, y = type(c.op).__name__, array(c.operand(1, "x2"))
    if not y.all():
        raise UnsupportedError("a division by the constant 0 is undefined")
    x = operand(c.args[0])
    if all("int" in dtype for dtype in c.dtypes[:2]) and len(c.dtypes) > 1:
        if kind == "FloorDivide":
            return integers.quotient(c.builder, x, y, floored=True)
        return integers.remainder(c.builder, x, y, floored=kind == "Mod")
    if kind == "FloorDivide":
        return c.builder.curve("floor", c.builder.divide(x, y))
    return logic.modulo(c.builder, x, y, floored=kind == "Mod")


@rule("Any", "All")
def _any(c: KerasCall) -> Operand:
    x = c.x if _is_bool(c, 0) else logic.truth(c.builder, c.x)
    how = "max" if type(c.op).__name__ == "Any" else "min"
    return c.builder.reduce(how, x, c.config.get("axis"), c.config.get("keepdims", False))


@rule("CountNonzero")
def _count(c: KerasCall) -> Operand:
    return c.builder.reduce("sum", logic.truth(c.builder, c.x), c.config.get("axis"))


@rule("Isnan", "Isinf", "Isposinf", "Isneginf")
def _never(c: KerasCall) -> Operand:
    return np.zeros(c.shapes[0])


@rule("Isfinite", "Isreal")
def _always(c: KerasCall) -> Operand:
    return np.ones(c.shapes[0])


@rule("NanToNum")
def _finite(c: KerasCall) -> Operand:
    return c.x


@rule("Argmax", "Argmin")
def _argmax(c: KerasCall) -> Operand:
    b, x, axis = c.builder, operand(c.args[0]), c.config.get("axis")
    keep = c.config.get("keepdims", False)
    if not is_value(x):
        return getattr(np, type(c.op).__name__.lower())(x, axis=axis, keepdims=keep)
    x = b.affine_map(x, -1.0) if type(c.op).__name__ == "Argmin" else x
    if axis is None:
        x, axis = b.reshape(x, (x.size,)), 0
    return b.reshape(logic.arg_largest(b, x, int(axis) % len(x.shape), keep), c.shapes[0])


@rule("OneHot")
def _one_hot(c: KerasCall) -> Operand:
    encoded = logic.one_hot(c.builder, operand(c.args[0]), int(c.config["num_classes"]))
    axis = int(c.config.get("axis", -1))
    return c.builder.structural(lambda a: np.moveaxis(a[0], -1, axis), [encoded])


def _sort_values(c: KerasCall, x: Operand, axis: int) -> Operand:
    if not is_value(x):
        return np.sort(x, axis=axis)
    return logic.sort(c.builder, x, axis)


@rule("Sort")
def _sort(c: KerasCall) -> Operand:
    return _sort_values(c, operand(c.args[0]), int(c.config.get("axis", -1)))


@rule("Argsort")
def _argsort(c: KerasCall) -> Operand:
    x, axis = operand(c.args[0]), c.config.get("axis", -1)
    if axis is None:
        x, axis = c.builder.reshape(x, (x.size,)), 0
    return np.argsort(x, axis=axis) if not is_value(x) else logic.argsort(c.builder, x, int(axis))


@rule("TopK")
def _top_k(c: KerasCall) -> list[Operand]:
    b, x, k = c.builder, operand(c.args[0]), int(c.config["k"])
    best = b.structural(lambda a: a[0][..., ::-1][..., :k], [_sort_values(c, x, -1)])
    places = logic.argsort(b, x, -1, downward=True) if is_value(x) else np.argsort(-x, axis=-1)
    return [best, b.structural(lambda a: a[0][..., :k], [places])]


@rule("Median")
def _median(c: KerasCall) -> Operand:
    b, x, axis = c.builder, operand(c.args[0]), c.config.get("axis")
    if axis is None:
        x, axis = b.reshape(x, (x.size,)), 0
    if np.size(axis) != 1:
        raise UnsupportedError("a median over several axes is not supported yet")
    axis = int(np.ravel(axis)[0]) % len(x.shape)
    n = x.shape[axis]
    middle = np.unique([(n - 1) // 2, n // 2])
    middle_entries = b.structural(
        lambda a: np.take(a[0], middle, axis=axis), [_sort_values(c, x, axis)]
    )
    return b.reshape(b.reduce("mean", middle_entries, axis), c.shapes[0])


@rule("Digitize")
def _digitize(c: KerasCall) -> Operand:
    bins = np.asarray(c.get(1, "bins"), np.float64)
    x = c.builder.reshape(operand(c.args[0]), (*c.shapes[0], 1))
    return c.builder.reduce(
        "sum", logic.compare(c.builder, "greater_equal", x, bins), len(c.shapes[0])
    )
