"""Lowering rules for arithmetic, extrema of tensors, matrix products and batch normalization."""

import string

import numpy as np

from ....graph import Value, integers
from ....graph.builder import Operand
from ..element_types import FLOATS, NUMBERS
from .table import OnnxCall, op


def _pair(c: OnnxCall) -> tuple[Operand, Operand]:
    """Return both operands, with shapes that broadcast as in NumPy.

    Before operator set 7, the attributes `broadcast` and `axis` align the second operand.
    """
    x, y = c.x, c.operand(1)
    if c.opset < 7:
        c.attr("consumed_inputs")
        axis = c.attr("axis")
        if c.attr("broadcast", 0) and axis is not None:
            after = len(x.shape) - int(axis) % max(len(x.shape), 1) - len(y.shape)
            y = c.b.reshape(y, (*y.shape, *(1,) * max(after, 0)))
    c.broadcast_shape(x, y)
    return x, y


@op("Add", "Sub", "Mul", types="T T -> T", T=NUMBERS)
def add(c: OnnxCall) -> Operand:
    x, y = _pair(c)
    name = {"Add": "add", "Sub": "subtract", "Mul": "multiply"}[c.node.op]
    if isinstance(x, Value) or isinstance(y, Value):
        return getattr(c.b, name)(x, y)
    # NumPy keeps the integers of shapes; the builder would convert them to floats.
    return getattr(np, name)(x, y)


@op("Div", types="T T -> T", T=NUMBERS)
def divide(c: OnnxCall) -> Operand:
    x, y = _pair(c)
    if not isinstance(y, Value) and np.any(np.asarray(y) == 0):
        raise c.refuse("it divides by zero")
    if not c.is_integer:
        if isinstance(x, Value) or isinstance(y, Value):
            return c.b.divide(x, y)
        return np.divide(x, y)
    if isinstance(y, Value):
        raise c.refuse_kind(
            str(c.kinds[0]),
            "the divisor of integers must be a constant, but depends on the network's input",
        )
    if not isinstance(x, Value):
        quotient, remainder = np.divmod(x, y)
        return quotient + ((remainder != 0) & ((x < 0) != (y < 0)))
    if np.abs(y.astype(np.float64)).max(initial=0.0) > integers.MOST:
        raise c.refuse_kind(str(c.kinds[0]), "its divisor is beyond 2^50")
    return integers.quotient(c.b, x, y)


@op("Neg", types="T -> T", T=NUMBERS)
def negative(c: OnnxCall) -> Operand:
    return c.b.affine_map(c.x, -1.0) if isinstance(c.x, Value) else -c.x


@op("Sum", types="T* -> T", T=FLOATS)
def total(c: OnnxCall) -> Operand:
    operands = c.all_operands()
    c.broadcast_shape(*operands)
    return operands[0] if len(operands) == 1 else c.b.combine([1.0] * len(operands), operands)


@op("Mean", types="T* -> T", T=FLOATS)
def mean(c: OnnxCall) -> Operand:
    operands = c.all_operands()
    c.broadcast_shape(*operands)
    if len(operands) == 1:
        return operands[0]
    return c.b.affine_map(c.b.combine([1.0] * len(operands), operands), 1.0 / len(operands), ulps=1)


@op("Max", "Min", types="T* -> T", T=NUMBERS, chooses=True)
def largest(c: OnnxCall) -> Operand:
    least = c.node.op == "Min"
    operands = c.all_operands()
    c.broadcast_shape(*operands)
    values = [v for v in operands if isinstance(v, Value)]
    constants = [np.asarray(v, np.float64) for v in operands if not isinstance(v, Value)]
    result: Operand | None = None
    for value in values:
        result = value if result is None else c.b.maximum(result, value, negate=least)
    if not constants:
        if result is None:
            raise c.refuse("it has no input")
        return result
    limit = constants[0]
    for constant in constants[1:]:
        limit = np.minimum(limit, constant) if least else np.maximum(limit, constant)
    return limit if result is None else _clip_by_constant(c, result, limit, least)


def _clip_by_constant(c: OnnxCall, x: Operand, limit: np.ndarray, least: bool) -> Operand:
    """Compute the elementwise maximum (or minimum if `least`) of `x` and a constant."""
    x = c.b.broadcast(x, np.broadcast_shapes(tuple(x.shape), limit.shape))
    levels = np.unique(limit)
    if levels.size == 1:
        level = float(levels[0])
        return c.b.clip(x, -np.inf, level) if least else c.b.clip(x, level, np.inf)
    if not np.isfinite(limit).all():
        raise c.refuse("constants that differ between entries must be finite")
    # max(x, k) = k + relu(x - k): a function of one variable has better bounds than a maximum.
    sign = -1.0 if least else 1.0
    over = c.b.curve("relu", c.b.affine_map(x, sign, -sign * limit))
    return c.b.affine_map(over, sign, limit)


@op("MatMul", types="T T -> T", T=NUMBERS)
def matmul(c: OnnxCall) -> Operand:
    return product(c, c.x, c.operand(1))


@op("Gemm", types="T T T -> T", T=FLOATS)
def gemm(c: OnnxCall) -> Operand:
    x, y = c.x, c.operand(1)
    alpha, beta = c.number("alpha"), c.number("beta")
    if c.opset < 7:
        c.attr("broadcast")
    if len(x.shape) != 2 or len(y.shape) != 2:
        raise c.refuse(
            f"the inputs A and B must be matrices, but have the shapes {x.shape} and {y.shape}"
        )
    x = c.b.transpose(x) if c.attr("transA", 0) else x
    y = c.b.transpose(y) if c.attr("transB", 0) else y
    bias = c.operand(2) if c.has(2) else None
    if isinstance(x, Value) and not isinstance(y, Value) and not isinstance(bias, Value):
        if bias is None and alpha == 1.0:
            return product(c, x, y)
        if bias is not None and alpha == beta == 1.0:
            return affine(c, x, y, np.asarray(bias, np.float64))
    result = product(c, x, y)
    result = result if alpha == 1.0 else c.b.affine_map(result, alpha)
    if bias is None:
        return result
    return c.b.combine((1.0, beta), [result, bias])


def affine(c: OnnxCall, x: Operand, weight: np.ndarray, shift: np.ndarray) -> Operand:
    """Compute `x @ weight + shift`, as a single op if `shift` is the same for every row."""
    columns = weight.shape[-1]
    one_row = shift.size == 1 or (shift.shape[-1:] == (columns,) and shift.size == columns)
    if one_row and shift.ndim <= len(x.shape):
        _check_inner(c, x, weight)
        return c.b.dense(x, weight, np.broadcast_to(np.ravel(shift), columns))
    return c.b.add(product(c, x, weight), shift)


def _check_inner(c: OnnxCall, x: Operand, y: Operand) -> None:
    if x.shape[-1] != y.shape[-2:][0]:
        raise c.refuse(
            "the factors of a matrix product must have matching inner dimensions, but have the "
            f"shapes {tuple(x.shape)} and {tuple(y.shape)}"
        )


def product(c: OnnxCall, x: Operand, y: Operand) -> Operand:
    """Compute `numpy.matmul` of two operands."""
    if not x.shape or not y.shape:
        raise c.refuse("a factor of a matrix product must have at least one axis")
    _check_inner(c, x, y)
    if not isinstance(x, Value) and not isinstance(y, Value):
        return np.matmul(np.asarray(x, np.float64), np.asarray(y, np.float64))
    if isinstance(x, Value) and isinstance(y, Value):
        return _batched_product(c, x, y)
    if isinstance(x, Value) and not isinstance(y, Value) and len(y.shape) == 2:
        return c.b.dense(x, y)
    if isinstance(y, Value) and len(x.shape) == 2 and len(y.shape) == 2:
        return c.b.transpose(c.b.dense(c.b.transpose(y), np.transpose(np.asarray(x))))
    return _batched_product(c, x, y)


def _batched_product(c: OnnxCall, x: Operand, y: Operand) -> Operand:
    """Compute `numpy.matmul` in general: leading axes broadcast, and operands may be vectors."""
    row, column = len(x.shape) == 1, len(y.shape) == 1
    x = c.b.reshape(x, (1, *x.shape)) if row else x
    y = c.b.reshape(y, (*y.shape, 1)) if column else y
    lead = np.broadcast_shapes(tuple(x.shape[:-2]), tuple(y.shape[:-2]))
    x = c.b.broadcast(x, c.limit((*lead, *x.shape[-2:])))
    y = c.b.broadcast(y, c.limit((*lead, *y.shape[-2:])))
    c.limit((*lead, *x.shape[-2:], y.shape[-1]))
    batch = string.ascii_lowercase[: len(lead)]
    out = c.b.einsum(f"{batch}XY,{batch}YZ->{batch}XZ", x, y)
    shape = [*lead, *([] if row else [x.shape[-2]]), *([] if column else [y.shape[-1]])]
    return c.b.reshape(out, shape)


@op("Einsum", types="T* -> T", T=NUMBERS)
def einsum(c: OnnxCall) -> Operand:
    spec = str(c.attr("equation")).replace(" ", "")
    operands = c.all_operands()
    if "." in spec:
        raise c.refuse(f"the attribute `equation` = {spec!r} must not contain an ellipsis (`...`)")
    if "->" not in spec:
        letters = spec.replace(",", "")
        spec += "->" + "".join(sorted(q for q in set(letters) if letters.count(q) == 1))
    if len(operands) > 2:
        raise c.refuse("it contracts more than two tensors")
    if len(operands) == 2:
        sizes: dict[str, int] = {}
        for letters, v in zip(spec.split("->")[0].split(","), operands, strict=True):
            sizes |= dict(zip(letters, v.shape, strict=True))
        c.limit(list(sizes.values()))
        return c.b.einsum(spec, *operands)
    if not isinstance(operands[0], Value):
        return np.einsum(spec, operands[0])
    letters_in, out = spec.split("->")
    if len(set(letters_in)) < len(letters_in):
        raise c.refuse(
            f"the attribute `equation` = {spec!r} must not extract a diagonal (repeat an index "
            "of one tensor)"
        )
    summed = [i for i, q in enumerate(letters_in) if q not in out]
    x = c.b.reduce("sum", operands[0], summed) if summed else operands[0]
    remaining = [q for q in letters_in if q in out]
    return c.b.transpose(x, [remaining.index(q) for q in out])


@op("BatchNormalization", types="T U U V V -> T", T=FLOATS, U=FLOATS, V=FLOATS)
def batch_normalization(c: OnnxCall) -> Operand:
    scale, bias, average, variance = (
        np.asarray(c.constant(i, what), np.float64)
        for i, what in enumerate(("scale", "bias", "mean", "variance"), 1)
    )
    for name, usual in (("training_mode", 0), ("spatial", 1), ("is_test", 1)):
        if c.attr(name, usual) != usual:
            raise c.refuse(f"its attribute `{name}` must be {usual}")
    c.attr("momentum")
    c.attr("consumed_inputs")
    x = c.x
    factor = scale / np.sqrt(variance + c.number("epsilon"))
    shape = (-1,) + (1,) * max(len(x.shape) - 2, 0)
    c.broadcast_shape(x, factor.reshape(shape))
    centered = c.b.affine_map(x, 1.0, -average.reshape(shape), name="batch norm")
    # The factor costs a sum, a root and a quotient, half an ulp each; the root halves the sum's.
    return c.b.affine_map(
        centered, factor.reshape(shape), bias.reshape(shape), name="batch norm", ulps=4
    )
