"""Lowering rules for JAX primitives."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core import UnsupportedError
from ...graph import Operand, Value, convolve, integers
from ...graph.composites.inverse import INVERSE
from ...graph.composites.power import power
from ...graph.composites.products import product_along, running_product
from ..rule_table import rule_decorator
from ..traced.call import INTEGERS, TracedCall
from ..traced.complex import Complex, real_fourier
from ..traced.program import with_constant_folding
from ..traced.rules import (
    affine_rule,
    both,
    cast_integer,
    compare,
    composite_rule,
    contract,
    curve,
    differing,
    divide,
    either,
    exponential,
    extremum,
    is_finite,
    logical_not,
    pool,
    powers,
    remainder,
    running_sum,
    same,
    select,
    sign,
    truth,
    windows,
)
from ..traced.sorting import arg_extremum, running_extremum
from .sorting import RULES as ORDERS, WRITES, gather


MOVING = (
    "reshape", "transpose", "broadcast_in_dim", "slice", "squeeze", "expand_dims", "rev",
    "gather", "dynamic_slice", "row", "split", "tile",
)  # fmt: skip
"""Primitives that only move entries of their first operand."""


def _move_entries(c: TracedCall) -> Operand | list[Operand]:
    if c.kind == "gather" and isinstance(c.inputs[1], Value):
        return gather(c)
    if any(isinstance(x, Value) for x in c.inputs[1:]):
        raise UnsupportedError(f"{c.kind} at positions that depend on the input is not supported")
    if c.kind == "gather" and not all(
        read.all() for read in c.step.run(np.ones(c.x.shape, np.int32), *c.inputs[1:])
    ):
        raise UnsupportedError(
            "a gather outside its array, where JAX returns NaN, is not supported"
        )
    return c.move_entries([0])


RULES: dict[str, Callable[[TracedCall], Any]] = {
    **dict.fromkeys(MOVING, _move_entries),
    **{name: lambda c: c.move_entries(range(len(c.inputs))) for name in ("concatenate", "stack")},
    **dict.fromkeys(("stop_gradient", "copy", "copy_p", "optimization_barrier"), same),
    **{n: curve(f) for n, f in {
        "tanh": "tanh", "exp": "exp", "log": "log", "sqrt": "sqrt", "rsqrt": "rsqrt",
        "square": "square", "sin": "sin", "cos": "cos", "sinh": "sinh",
        "cosh": "cosh", "atan": "atan", "erf": "erf", "erfc": "erfc", "expm1": "expm1",
        "log1p": "log1p", "logistic": "sigmoid",
    }.items()},
    "neg": affine_rule(-1.0),
    "exp2": lambda c: c.b.curve("exp", c.b.affine_map(c.x, np.log(2.0), ulps=2)),
    **{n: lambda c: c.b.add(*c.inputs) for n in ("add", "add_any")},
    "sub": lambda c: c.b.subtract(*c.inputs),
    "mul": lambda c: c.b.multiply(*c.inputs),
    "div": divide, "rem": remainder,
    "max": lambda c: extremum(c, c.inputs[0], c.inputs[1], False),
    "min": lambda c: extremum(c, c.inputs[0], c.inputs[1], True),
    "clamp": lambda c: extremum(
        c, extremum(c, c.inputs[1], c.inputs[0], False), c.inputs[2], True
    ),
    "pow": lambda c: exponential(c) if isinstance(c.inputs[1], Value) else powers(c),
    "integer_pow": lambda c: power(c.b, c.x, float(c.attr("y"))),
    **{n: compare(h) for n, h in {
        "gt": "greater", "ge": "greater_equal", "lt": "less", "le": "less_equal", "eq": "equal",
        "ne": "not_equal", "lt_to": "less", "le_to": "less_equal",
    }.items()},
    "and": both, "or": either, "not": logical_not, "xor": differing, "sign": sign,
    "floor": curve("floor"), "ceil": curve("ceil"), "is_finite": is_finite,
    **{name: composite_rule(name) for name in INVERSE},
    "argmax": lambda c: arg_extremum(c, c.x, *c.attr("axes")),
    "argmin": lambda c: arg_extremum(c, c.x, *c.attr("axes"), least=True),
    "cummax": lambda c: running_extremum(c, c.x, c.attr("axis"), reverse=bool(c.attr("reverse"))),
    "cummin": lambda c: running_extremum(
        c, c.x, c.attr("axis"), least=True, reverse=bool(c.attr("reverse"))
    ),
    "cumprod": lambda c: running_product(
        c.b, c.x, c.attr("axis"), reverse=bool(c.attr("reverse"))
    ),
    "reduce_prod": lambda c: product_along(c.b, c.x, c.attr("axes")),
    "reduce_or": lambda c: c.b.reduce("max", c.x, c.attr("axes")),
    "reduce_and": lambda c: c.b.reduce("min", c.x, c.attr("axes")),
    "cumsum": lambda c: running_sum(c, c.x, c.attr("axis"), bool(c.attr("reverse"))),
    **{f"reduce_{how}": (lambda c, how=how: c.b.reduce(how, c.x, c.attr("axes")))
       for how in ("sum", "max", "min")},
}  # fmt: skip
"""Map from the name of a primitive to its rule; the functions below add more rules."""


rule = rule_decorator(RULES)


@rule("select_n")
def _select(c: TracedCall) -> Operand:
    which, *cases = c.inputs
    if len(cases) == 2:
        return select(c, which, cases[1], cases[0])
    result = cases[0]
    for i, case in enumerate(cases[1:], 1):
        chosen = integers.compare(c.b, "equal", which, np.full((), float(i)))
        result = select(c, chosen, case, result)
    return result


@rule("convert_element_type", "reduce_precision")
def _cast(c: TracedCall) -> Operand:
    dtype = str(c.attr("new_dtype", "float32"))
    if c.kind == "convert_element_type" and dtype in INTEGERS:
        return cast_integer(c, dtype)
    if c.kind == "reduce_precision" or dtype not in ("float32", "float64", "bool"):
        raise UnsupportedError(f"a cast of an input-dependent value to {dtype} is not supported")
    return truth(c) if dtype == "bool" and c.step.dtypes[:1] != ["bool"] else c.x


@rule("real", "imag", "abs")
def _magnitude(c: TracedCall) -> Operand:
    return (
        c.b.curve("abs", c.x)
        if c.kind == "abs"
        else c.x
        if c.kind == "real"
        else (np.zeros(c.x.shape))
    )


@rule("fft")
def _fourier(c: TracedCall) -> Complex:
    lengths = c.attr("fft_lengths")
    if getattr(c.attr("fft_type"), "name", "") != "RFFT" or len(lengths) != 1:
        raise UnsupportedError(
            "a Fourier transform other than `rfft` over one axis is not supported"
        )
    return real_fourier(c.b, c.x, int(lengths[0]))


@rule("pad")
def _pad(c: TracedCall) -> Operand:
    fill = float(c.constant(1, "values"))

    def run(a: list[np.ndarray]) -> np.ndarray:
        (marks,) = c.step.run(a[0], np.zeros((), a[0].dtype))
        return np.where(marks == 0, a[1], marks)

    return c.b.structural(run, [c.x, np.full((), fill)], name="pad")


@rule("dot_general")
def _dot(c: TracedCall) -> Operand:
    (left_axes, right_axes), (left_batch, right_batch) = c.attr("dimension_numbers")
    x, y = c.inputs
    letters = iter(string.ascii_letters)
    left: list[str] = [""] * len(x.shape)
    right: list[str] = [""] * len(y.shape)
    out = []
    for i, j in zip(left_batch, right_batch, strict=True):
        left[i] = right[j] = next(letters)
        out.append(left[i])
    for i, j in zip(left_axes, right_axes, strict=True):
        left[i] = right[j] = next(letters)
    for names in (left, right):
        for i, name in enumerate(names):
            if not name:
                names[i] = next(letters)
                out.append(names[i])
    return contract(c.b, left, right, out, x, y)


@rule("conv_general_dilated")
def _convolve(c: TracedCall) -> Operand:
    spec, kernel = c.attr("dimension_numbers"), c.constant(1, "kernels")
    if c.attr("batch_group_count", 1) != 1:
        raise UnsupportedError("a convolution with a batch_group_count is not supported")
    x = c.b.transpose(c.x, spec.lhs_spec)
    padding = [tuple(p) for p in c.attr("padding")]
    x, padding = _dilate(c, x, c.attr("lhs_dilation"), padding)
    kernel = np.transpose(kernel, (*spec.rhs_spec[2:], spec.rhs_spec[1], spec.rhs_spec[0]))
    y = convolve(
        c.b,
        x,
        kernel,
        strides=list(c.attr("window_strides")),
        dilation=list(c.attr("rhs_dilation")),
        padding=padding,
        groups=int(c.attr("feature_group_count")),
        channels_first=True,
    )
    return c.b.transpose(y, np.argsort(spec.out_spec).tolist())


def _dilate(
    c: TracedCall, x: Operand, dilation: Sequence[int], padding: Sequence[tuple[int, int]]
) -> tuple[Operand, list[tuple[int, int]]]:
    """Insert zeros between the entries of images, and crop images where the padding is negative.

    Return the images and the rest of the padding, which is not negative.
    """
    crop = [(max(-p, 0), max(-q, 0)) for p, q in padding]

    def run(a: list[np.ndarray]) -> np.ndarray:
        sizes = [(n - 1) * d + 1 for n, d in zip(a[0].shape[2:], dilation, strict=True)]
        wide = np.zeros((*a[0].shape[:2], *sizes), a[0].dtype)
        wide[(slice(None), slice(None), *(slice(None, None, d) for d in dilation))] = a[0]
        inside = (slice(p, n - q) for (p, q), n in zip(crop, sizes, strict=True))
        return wide[(slice(None), slice(None), *inside)]

    if any(d != 1 for d in dilation) or any(map(any, crop)):
        x = c.b.structural(run, [x], name="dilate")
    return x, [(max(p, 0), max(q, 0)) for p, q in padding]


@rule("reduce_window_max", "reduce_window_sum")
def _window(c: TracedCall) -> Operand:
    if any(d != 1 for d in c.attr("base_dilation")):
        raise UnsupportedError("a reduction over windows of a dilated array is not supported")
    gather, shape = windows(
        c.x.shape,
        c.attr("window_dimensions"),
        c.attr("window_strides"),
        c.attr("window_dilation"),
        c.attr("padding"),
    )
    if c.kind.endswith("max"):
        return pool(c, "max", c.x, gather, shape)
    return c.b.gather_sum(c.x, gather, 1.0, shape, name="window_sum")


COUNTING = (
    *MOVING, "concatenate", "stack", "stop_gradient", "copy", "copy_p", "optimization_barrier",
    "neg", "add", "add_any", "sub", "mul", "div", "rem", "max", "min", "clamp", "integer_pow",
    "square", "gt", "ge", "lt", "le", "lt_to", "le_to", "eq", "ne", "sign", "abs", "cumsum",
    "reduce_sum", "reduce_max", "reduce_min", "select_n", "convert_element_type", "pad",
    "dot_general", "conv_general_dilated", "reduce_window_max", "reduce_window_sum", "real", "imag",
    "argmax", "argmin", "sort", "top_k", "cummax", "cummin", "cumprod", "reduce_prod",
    "dynamic_update_slice", *WRITES,
)  # fmt: skip
"""Primitives whose rule is also valid for integers."""

TABLE = with_constant_folding({**RULES, **ORDERS}, COUNTING)
"""All rules with constant folding: JAX itself evaluates primitives on constants."""
