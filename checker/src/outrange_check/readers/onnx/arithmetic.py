"""Rules for ONNX operators that compute: sums, products, reductions and curves."""

from collections.abc import Callable
from math import isqrt

from flint import fmpq

from ...network import Form, Refused
from ..maker import Maker
from ..tensors import Tensor, axes_of, common, grid, single, size, strides
from .call import Call, Rule


def _elementwise(rule: Callable[[Maker, Tensor, Tensor], Tensor]) -> Rule:
    def of(c: Call) -> Tensor:
        c.most_inputs(2)
        x, y = c.input(0), c.input(1)
        if "whole" in (x.kind, y.kind):
            raise Refused("arithmetic of integers is not supported")
        return rule(c.maker, x, y)

    return of


def _one_constant(x: Tensor, y: Tensor) -> None:
    if not (x.constant or y.constant):
        raise Refused("a product of two values that depend on the input is not supported")


def _mul(maker: Maker, x: Tensor, y: Tensor) -> Tensor:
    _one_constant(x, y)
    return maker.times(x, y)


def _div(maker: Maker, x: Tensor, y: Tensor) -> Tensor:
    if not y.constant:
        raise Refused("a division by a value that depends on the input is not supported")
    if not all(y.numbers()):
        raise Refused("a division by zero is not supported")
    return maker.times(x, Tensor(y.shape, [1 / v for v in y.items], "real"))


def _fold(rule: Callable[[Maker, Tensor, Tensor], Tensor]) -> Rule:
    def of(c: Call) -> Tensor:
        found = c.x
        found.forms()
        for i in range(1, len(c.given)):
            found = rule(c.maker, found, c.input(i))
        return found

    return of


def _neg(c: Call) -> Tensor:
    return c.maker.times(c.x, Tensor((), [fmpq(-1)], "real"))


def _gemm(c: Call) -> Tensor:
    c.most_inputs(3)
    a, b = c.input(0), c.input(1)
    alpha, beta = c.real("alpha", fmpq(1)), c.real("beta", fmpq(1))
    a = a.transposed([1, 0]) if c.whole("transA", 0) else a
    b = b.transposed([1, 0]) if c.whole("transB", 0) else b
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise Refused(f"the factors must be matrices, but have shapes {a.shape} and {b.shape}")
    _one_constant(a, b)
    scaled = Tensor((), [alpha], "real")
    if b.constant and alpha != 1:
        b = c.maker.times(b, scaled)
    elif alpha != 1:
        a = c.maker.times(a, scaled)
    found, bias = _product(c.maker, a, b), c.option(2)
    if bias is None or beta == 0:
        return found
    if common(bias.shape, found.shape) != found.shape:
        raise Refused(f"a bias of shape {bias.shape} does not fit a product of shape {found.shape}")
    return c.maker.plus(found, bias, beta)


def _matmul(c: Call) -> Tensor:
    c.most_inputs(2)
    a, b = c.input(0), c.input(1)
    _one_constant(a, b)
    if min(len(a.shape), len(b.shape)) < 1:
        raise Refused("a factor of a matrix product is a scalar")
    left, right = len(a.shape) == 1, len(b.shape) == 1
    a = a.reshaped((1, *a.shape)) if left else a
    b = b.reshaped((*b.shape, 1)) if right else b
    batch = common(a.shape[:-2], b.shape[:-2])
    a, b = a.broadcast((*batch, *a.shape[-2:])), b.broadcast((*batch, *b.shape[-2:]))
    shape = (*batch, a.shape[-2], b.shape[-1])
    size(shape)
    n, m = size(a.shape[-2:]), size(b.shape[-2:])
    forms: list[Form] = []
    for i in range(size(batch)):
        one = Tensor(a.shape[-2:], a.items[i * n : (i + 1) * n], a.kind)
        two = Tensor(b.shape[-2:], b.items[i * m : (i + 1) * m], b.kind)
        forms += _product(c.maker, one, two).items
    shape = shape[:-2] + (() if left else shape[-2:-1]) + (() if right else shape[-1:])
    return Tensor(shape, forms)


def _product(maker: Maker, a: Tensor, b: Tensor) -> Tensor:
    """Return the product of two matrices, one of which must be a constant."""
    (n, inner), (other, m) = a.shape, b.shape
    if inner != other:
        raise Refused(f"matrices of shapes {a.shape} and {b.shape} cannot be multiplied")
    size((n, m))
    if not b.constant:  # (A B)^T = B^T A^T
        return _product(maker, b.transposed([1, 0]), a.transposed([1, 0])).transposed([1, 0])
    forms, numbers = a.forms(), b.numbers()
    rows = [forms[i * inner : (i + 1) * inner] for i in range(n)]
    return Tensor((n, m), maker.matrix(rows, [numbers[j::m] for j in range(m)]))


def _reduce(mean: bool) -> Rule:
    def of(c: Call) -> Tensor:
        c.most_inputs(2)
        rank = len(c.x.shape)
        axes = c.axes(1, 18 if mean else 13)
        nothing = c.whole("noop_with_empty_axes", 0)
        keep = c.whole("keepdims", 1)
        if not axes:
            if nothing:
                return c.x
            axes = list(range(rank))
        axes = axes_of(axes, rank)
        steps, shape = strides(c.x.shape), c.x.shape
        kept = [i for i in range(rank) if i not in axes]
        starts = grid([list(range(shape[i])) for i in kept], [steps[i] for i in kept])
        inside = grid([list(range(shape[i])) for i in axes], [steps[i] for i in axes])
        out = tuple(1 if i in axes else n for i, n in enumerate(shape) if keep or i not in axes)
        c.maker.spend(len(starts) * len(inside))
        groups = ([start + i for i in inside] for start in starts)
        return c.maker.mean(c.x, groups, out, 0 if mean else 1)

    return of


def _smooth(name: str) -> Rule:
    return lambda c: c.maker.curve(name, c.x)


def _leaky(c: Call) -> Tensor:
    return c.maker.kink(c.x, c.real("alpha", single(0.01)))


def _elu(c: Call) -> Tensor:
    if c.real("alpha", fmpq(1)) != 1:
        raise Refused("`alpha` other than 1 is not supported")
    return c.maker.curve("elu", c.x)


def _gelu(c: Call) -> Tensor:
    c.fixed("approximate", "none")
    return c.maker.curve("gelu", c.x)


def _clip(c: Call) -> Tensor:
    c.most_inputs(3)
    ends = []
    for i, name in ((1, "min"), (2, "max")):
        if c.opset < 11:
            ends.append(c.real(name, fmpq(0)) if name in c.node.attributes else None)
        else:
            end = c.option(i)
            if end is not None and size(end.shape) != 1:
                raise Refused(f"`{name}` must be a scalar, but has shape {end.shape}")
            ends.append(None if end is None else end.numbers()[0])
    return c.maker.clip(c.x, *ends)


def _normal(c: Call) -> Tensor:
    """Apply a batch normalization; refuse one whose `sqrt(variance + epsilon)` is irrational."""
    c.most_inputs(5)
    c.real("momentum", fmpq(0))  # of training only
    c.fixed("training_mode", 0)
    if c.whole("spatial", 1) != 1 or len(c.x.shape) < 2:
        raise Refused("statistics for each entry, not each channel, are not supported")
    epsilon = c.real("epsilon", single(1e-5))
    scale, bias, mean, variance = (c.input(i).numbers() for i in range(1, 5))
    channels = c.x.shape[1]
    if any(len(one) != channels for one in (scale, bias, mean, variance)):
        raise Refused("the statistics do not have one entry per channel")
    roots = [_root(v + epsilon) for v in variance]
    weights = [s / r for s, r in zip(scale, roots, strict=True)]
    shifts = [b - w * m for b, w, m in zip(bias, weights, mean, strict=True)]
    shape = (channels,) + (1,) * (len(c.x.shape) - 2)
    scaled = c.maker.times(c.x, Tensor(shape, weights, "real"))
    return c.maker.plus(scaled, Tensor(shape, shifts, "real"))


def _root(number: fmpq) -> fmpq:
    p, q = int(number.p), int(number.q)
    if p <= 0 or isqrt(p) ** 2 != p or isqrt(q) ** 2 != q:
        raise Refused(
            "the square root of variance plus epsilon is not rational; fold the normalization "
            "into the layer before it"
        )
    return fmpq(isqrt(p), isqrt(q))


RULES: dict[str, Rule] = {
    "Add": _elementwise(lambda maker, x, y: maker.plus(x, y)),
    "Sub": _elementwise(lambda maker, x, y: maker.plus(x, y, -1)),
    "Mul": _elementwise(_mul),
    "Div": _elementwise(_div),
    "Neg": _neg,
    "Sum": _fold(lambda maker, x, y: maker.plus(x, y)),
    "Max": _fold(lambda maker, x, y: maker.largest(x, y)),
    "Gemm": _gemm,
    "MatMul": _matmul,
    "ReduceMean": _reduce(True),
    "ReduceSum": _reduce(False),
    "Relu": lambda c: c.maker.kink(c.x, 0),
    "LeakyRelu": _leaky,
    "Abs": lambda c: c.maker.kink(c.x, -1),
    "Clip": _clip,
    "Sigmoid": _smooth("sigmoid"),
    "Tanh": _smooth("tanh"),
    "Softplus": _smooth("softplus"),
    "Exp": _smooth("exp"),
    "Elu": _elu,
    "Gelu": _gelu,
    "BatchNormalization": _normal,
}
