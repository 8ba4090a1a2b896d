"""Rules for ATen operations that round, compare or sort, and for products, variances and norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ....core import UnsupportedError
from ....graph import Operand, Value
from ....graph.composites import logic
from ....graph.composites.products import product_along, running_product
from ....graph.composites.statistics import variance, vector_norm
from ...rule_table import rule_decorator
from ...traced.call import TracedCall
from ...traced.rules import integer_quotient, modulo
from ...traced.sorting import arg_extremum, argsort, running_extremum, sort, take_first
from .arguments import get, number, tensor


RULES: dict[str, Callable[[TracedCall], Any]] = {}
rule = rule_decorator(RULES)


def _axes(c: TracedCall) -> Any:
    axes = get(c, "dim")
    return None if axes is None or axes == [] else axes


def _keeps(c: TracedCall) -> bool:
    return bool(get(c, "keepdim", False))


@rule("round.decimals")
def _round(c: TracedCall) -> Operand:
    power = 10.0 ** int(get(c, "decimals", 0))
    whole = c.b.curve("round", c.b.affine_map(c.x, power, ulps=1))
    return c.b.affine_map(whole, 1.0 / power, ulps=1)


@rule("trunc.default", "fix.default")
def _truncate(c: TracedCall) -> Operand:
    return logic.truncate(c.b, c.x)


@rule("frac.default")
def _fraction(c: TracedCall) -> Operand:
    return c.b.subtract(c.x, logic.truncate(c.b, c.x))


def _with_operand(c: TracedCall) -> TracedCall:
    """Return the call with the argument `other` as its second operand."""
    return TracedCall(c.b, c.step, [tensor(c, "self"), tensor(c, "other")])


@rule("remainder.Scalar", "remainder.Tensor", "fmod.Scalar", "fmod.Tensor")
def _modulo(c: TracedCall) -> Operand:
    return modulo(_with_operand(c), floored=c.kind.startswith("remainder"))


@rule("div.Tensor_mode", "div.Scalar_mode", "floor_divide.default")
def _quotient(c: TracedCall) -> Operand:
    mode = "floor" if c.kind.startswith("floor") else get(c, "rounding_mode")
    if mode is None:
        return c.b.divide(tensor(c, "self"), tensor(c, "other"))
    return integer_quotient(_with_operand(c), mode == "floor")


@rule("any.default", "any.dim", "any.dims", "all.default", "all.dim", "all.dims")
def _any(c: TracedCall) -> Operand:
    holds = c.x if c.step.dtypes[0] == "bool" else logic.truth(c.b, c.x)
    return c.b.reduce("max" if c.kind.startswith("any") else "min", holds, _axes(c), _keeps(c))


@rule("argmax.default", "argmin.default")
def _position(c: TracedCall) -> Operand:
    return arg_extremum(c, c.x, get(c, "dim"), _keeps(c), least=c.kind.startswith("argmin"))


def _are_few(c: TracedCall, axis: int) -> bool:
    """Return whether the square of an axis's length is at most `MOST_COMPARED`."""
    return len(c.x.shape) > 0 and c.x.shape[axis] ** 2 <= logic.MOST_COMPARED


@rule("max.dim", "min.dim")
def _largest(c: TracedCall) -> list[Operand]:
    axis, least = get(c, "dim"), c.kind.startswith("min")
    results = [c.b.reduce("min" if least else "max", c.x, axis, _keeps(c))]
    if _are_few(c, axis):
        results.append(arg_extremum(c, c.x, axis, _keeps(c), least=least))
    return results


@rule("sort.default", "sort.stable")
def _sort(c: TracedCall) -> list[Operand]:
    axis, downward = int(get(c, "dim", -1)), bool(get(c, "descending", False))
    results = [sort(c, c.x, axis, downward=downward)]
    if get(c, "stable") and isinstance(c.x, Value):
        results.append(argsort(c, c.x, axis, downward=downward))
    return results  # the positions of equal entries are unspecified, unless the sort is stable


@rule("topk.default")
def _top(c: TracedCall) -> list[Operand]:
    axis = int(get(c, "dim", -1))
    best = sort(c, c.x, axis, downward=bool(get(c, "largest", True)))
    return [take_first(c, best, int(get(c, "k")), axis)]


@rule("kthvalue.default", "median.dim", "median.default")
def _rank(c: TracedCall) -> list[Operand] | Operand:
    x, axis = c.x, int(get(c, "dim", -1))
    if c.kind == "median.default":
        x, axis = c.b.reshape(x, (x.size,)), 0
    n = x.shape[axis]
    k = int(get(c, "k")) if c.kind.startswith("kth") else (n + 1) // 2
    row = c.b.structural(
        lambda a: np.take(a[0], np.arange(k - 1, k), axis=axis), [sort(c, x, axis)]
    )
    if c.kind == "median.default":
        return c.b.reshape(row, ())
    keeps = _keeps(c)
    shape = [m for i, m in enumerate(row.shape) if keeps or i != axis % len(row.shape)]
    return [c.b.reshape(row, tuple(shape))]


@rule("cummax.default", "cummin.default")
def _running(c: TracedCall) -> list[Operand]:
    return [running_extremum(c, c.x, int(get(c, "dim")), least=c.kind.startswith("cummin"))]


@rule("prod.default", "prod.dim_int")
def _product(c: TracedCall) -> Operand:
    axis = get(c, "dim")
    axes = range(len(c.x.shape)) if axis is None else [axis]
    return product_along(c.b, c.x, axes, _keeps(c))


@rule("cumprod.default")
def _running_product(c: TracedCall) -> Operand:
    return running_product(c.b, c.x, int(get(c, "dim")))


@rule("var.correction", "var_mean.correction", "var.dim")
def _variance(c: TracedCall) -> Operand | list[Operand]:
    correction = get(c, "correction", 1.0)
    if c.kind == "var.dim":
        correction = float(bool(get(c, "unbiased", True)))
    correction = 1.0 if correction is None else float(correction)
    result = variance(c.b, c.x, _axes(c), _keeps(c), correction)
    if c.kind.startswith("var_mean"):
        return [result, c.b.reduce("mean", c.x, _axes(c), _keeps(c))]
    return result


@rule("linalg_vector_norm.default")
def _norm(c: TracedCall) -> Operand:
    return vector_norm(c.b, c.x, float(get(c, "ord", 2)), _axes(c), _keeps(c))


@rule("dist.default")
def _distance(c: TracedCall) -> Operand:
    difference = c.b.subtract(c.inputs[0], c.inputs[1])
    return vector_norm(c.b, difference, float(get(c, "p", 2)), None)


MOST_DIRECT = 25
"""Largest supported number of rows in `cdist`.

For more rows, PyTorch subtracts products of matrices, which loses digits.
"""


@rule("_cdist_forward.default")
def _distances(c: TracedCall) -> Operand:
    first, second = get(c, "x1"), get(c, "x2")
    if max(first.shape[-2], second.shape[-2]) > MOST_DIRECT:
        raise UnsupportedError(f"`cdist` of more than {MOST_DIRECT} rows is not supported")
    across, down = (
        c.b.structural(lambda a, axis=axis: np.expand_dims(a[0], axis), [x])
        for x, axis in ((first, -2), (second, -3))
    )
    difference = c.b.subtract(across, down)
    return vector_norm(c.b, difference, float(get(c, "p")), len(difference.shape) - 1)


@rule("hypot.default")
def _hypot(c: TracedCall) -> Operand:
    squares = [c.b.curve("square", x) for x in c.inputs]
    return c.b.curve("sqrt", c.b.add(*squares))


@rule("bucketize.Tensor", "searchsorted.Tensor")
def _buckets(c: TracedCall) -> Operand:
    x = get(c, "self")
    ends = get(c, "boundaries" if c.kind.startswith("bucketize") else "sorted_sequence")
    if isinstance(ends, Value) or np.ndim(ends) != 1 or get(c, "sorter") is not None:
        raise UnsupportedError(
            "bucket boundaries that depend on the input, differ between rows, or come with a "
            "`sorter` are not supported"
        )
    right = get(c, "right", False) or get(c, "side") == "right"
    spread = c.b.reshape(x, (*x.shape, 1))
    above = logic.compare(
        c.b, "greater_equal" if right else "greater", spread, np.asarray(ends, np.float64)
    )
    return c.b.reduce("sum", above, len(x.shape))


@rule("_trilinear.default")
def _trilinear(c: TracedCall) -> Operand:
    """Compute the sum of products of three tensors."""
    product: Operand = np.ones(())
    for i in (1, 2, 3):
        x, axes = get(c, f"i{i}"), list(get(c, f"expand{i}"))
        spread = c.b.structural(lambda a, axes=axes: np.expand_dims(a[0], axes), [x])
        product = c.b.multiply(product, spread)
    return c.b.reduce("sum", product, list(get(c, "sumdim")))


@rule("nan_to_num.default")
def _finite(c: TracedCall) -> Operand:
    return c.x  # a graph has no value where the model has none


@rule("heaviside.default")
def _heaviside(c: TracedCall) -> Operand:
    at_zero = np.unique(c.constant(1, "values at 0"))
    if at_zero.size != 1:
        raise UnsupportedError(
            "`heaviside` with different values at 0 for different entries is not supported"
        )
    return c.b.curve("heaviside", c.x, at_zero=number(c, "", float(at_zero[0])))
