"""Building blocks of the lowering rules of all frameworks."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence

import numpy as np

from ...core import UnsupportedError
from ...graph import Builder, Operand, Value, integers
from ...graph.composites import logic
from ...graph.composites.inverse import INVERSE
from ...graph.composites.power import power
from ...graph.integer_inference import RANGES, cast_to_integer
from .call import TracedCall


def curve(name: str, **attributes: float) -> Callable[[TracedCall], Operand]:
    """Return a rule that applies the curve `name` to the first operand."""
    return lambda c: c.b.curve(name, c.x, **attributes)


def affine_rule(factor: float, shift: float = 0.0) -> Callable[[TracedCall], Operand]:
    """Return a rule that computes `factor * x + shift`."""
    return lambda c: c.b.affine_map(c.x, factor, shift)


def same(c: TracedCall) -> Operand:
    """Lower an operation that returns its first operand."""
    return c.x


def compare(how: str) -> Callable[[TracedCall], Operand]:
    """Return a rule that compares the first two operands, with the result 0 or 1."""
    return lambda c: compare_operands(c, how, c.inputs[0], c.inputs[1])


def compare_operands(c: TracedCall, how: str, x: Operand, y: Operand) -> Operand:
    """Compare two operands of a step, with the result 0 or 1."""
    # A constant may have a fraction, whatever the dtypes of the tensors.
    whole = (isinstance(part, Value) or not np.mod(part, 1.0).any() for part in (x, y))
    if c.step.dtypes and all(dtype in RANGES for dtype in c.step.dtypes) and all(whole):
        return integers.compare(c.b, how, x, y)
    return logic.compare(c.b, how, x, y)


def select(c: TracedCall, condition: Operand, x: Operand, y: Operand) -> Operand:
    """Select `x` where the condition holds, and `y` elsewhere.

    If the condition is constant, no operation is needed except to move entries.
    """
    if isinstance(condition, Value):
        condition = logic.truth(c.b, condition)
    return logic.select(c.b, condition, x, y)


def _truths(c: TracedCall) -> list[Operand]:
    """Convert the first two operands to truth values, 0 or 1."""
    return [logic.truth(c.b, x) for x in c.inputs[:2]]


def both(c: TracedCall) -> Operand:
    """Lower a logical and."""
    return logic.both(c.b, *_truths(c))


def either(c: TracedCall) -> Operand:
    """Lower a logical or."""
    return logic.either(c.b, *_truths(c))


def logical_not(c: TracedCall) -> Operand:
    """Lower a logical not."""
    return logic.negate(c.b, logic.truth(c.b, c.x))


def truth(c: TracedCall) -> Operand:
    """Lower a test of whether the first operand is nonzero."""
    if c.integer is not None:
        return integers.compare(c.b, "not_equal", c.x, np.zeros(()))
    return logic.truth(c.b, c.x)


def divide(c: TracedCall) -> Operand:
    """Lower a division of the first two operands; an integer quotient is truncated."""
    x, y = c.inputs[:2]
    return c.b.divide(x, y) if c.integer is None else integers.quotient(c.b, x, _divisor(c))


def remainder(c: TracedCall) -> Operand:
    """Lower the remainder of a truncated division; it has the sign of the first operand."""
    return modulo(c, floored=False)


def _divisor(c: TracedCall) -> np.ndarray:
    divisor = c.constant(1, "divisors")
    if not divisor.all():
        raise UnsupportedError("a division by the constant 0 is not supported")
    return divisor


def sign(c: TracedCall) -> Operand:
    """Lower the sign: -1, 0 or 1."""
    return c.b.curve("sign", c.x)


def differing(c: TracedCall) -> Operand:
    """Lower a logical exclusive or."""
    return integers.compare(c.b, "not_equal", *_truths(c))


def is_finite(c: TracedCall) -> Operand:
    """Lower `isfinite`: it is 0 at infinite constants and 1 at all other entries."""
    assert isinstance(c.x, Value)  # constants are folded earlier
    return logic.is_finite(c.b, c.x)


def is_infinite(c: TracedCall) -> Operand:
    """Lower `isinf`."""
    return logic.negate(c.b, is_finite(c))


def is_nan(c: TracedCall) -> Operand:
    """Lower `isnan`, which is never true in a graph."""
    return logic.compare(c.b, "not_equal", c.x, c.x)


def composite_rule(name: str) -> Callable[[TracedCall], Operand]:
    """Return a rule for a function of the first operand that is composed of curves."""
    return lambda c: INVERSE[name](c.b, c.x)


def cast_integer(c: TracedCall, dtype: str) -> Operand:
    """Cast the first operand to integers of type `dtype` by truncation.

    The range of `dtype` is recorded as a limit of the result, because a cast wraps around outside
    this range.
    """
    if (whole := cast_to_integer(c.b, c.x, dtype)) is not None:
        return whole
    before = c.step.dtypes[0] if c.step.dtypes else ""
    integer = c.x if before in RANGES else logic.truncate(c.b, c.x)
    if isinstance(integer, Value):
        c.b.bounded.append((integer.index, *RANGES[dtype]))
    return integer


def integer_quotient(c: TracedCall, floored: bool) -> Operand:
    """Compute the integer quotient of the first operand and a constant divisor.

    The quotient is rounded down if `floored`, otherwise toward 0.
    """
    divisor = _divisor(c)
    if c.integer is not None:
        return integers.quotient(c.b, c.x, divisor, floored=floored)
    whole = c.b.divide(c.x, divisor)
    return c.b.curve("floor", whole) if floored else logic.truncate(c.b, whole)


def modulo(c: TracedCall, floored: bool) -> Operand:
    """Compute the remainder of the first operand for a constant divisor.

    It is `x - q * divisor`, where `integer_quotient` computes `q` with the same `floored`.
    """
    divisor = _divisor(c)
    if c.integer is not None:
        return integers.remainder(c.b, c.x, divisor, floored=floored)
    return logic.modulo(c.b, c.x, divisor, floored=floored)


def powers(c: TracedCall) -> Operand:
    """Lower a power with the first operand as base and a single constant as exponent."""
    exponent = np.unique(c.constant(1, "exponents"))
    if exponent.size != 1:
        raise UnsupportedError(
            f"{c.kind} with different exponents for different entries is not supported yet"
        )
    return power(c.b, c.x, float(exponent[0]))


def exponential(c: TracedCall) -> Operand:
    """Lower a power with a positive constant as base and the second operand as exponent."""
    base = np.asarray(c.constant(0, "bases"), np.float64)
    if not (base > 0).all():
        raise UnsupportedError(f"{c.kind} of a constant base that is not positive is not supported")
    return c.b.curve("exp", c.b.affine_map(c.inputs[1], np.log(base), ulps=2))


def extremum(c: TracedCall, x: Operand, limit: Operand, negate: bool) -> Operand:
    """Compute the elementwise maximum (with `negate`, the minimum) of two operands.

    If one operand is a single constant, the result is a curve.
    """
    if not isinstance(x, Value):
        x, limit = limit, x
    if isinstance(limit, Value) or not isinstance(x, Value):
        return c.b.maximum(x, limit, negate=negate)
    level = np.unique(np.asarray(limit, np.float64))
    if level.size != 1:
        return c.b.maximum(x, limit, negate=negate)
    ends = (-np.inf, float(level[0])) if negate else (float(level[0]), np.inf)
    shape = np.broadcast_shapes(tuple(x.shape), np.shape(limit))
    return c.b.clip(c.b.broadcast(x, shape), *ends)


def contract(
    b: Builder,
    left: Sequence[str],
    right: Sequence[str],
    out: Sequence[str],
    x: Operand,
    y: Operand,
) -> Operand:
    """Compute `einsum` for lists of axis names; an axis of length 1 broadcasts."""
    size: dict[str, int] = {}
    for names, z in ((left, x), (right, y)):
        for q, n in zip(names, z.shape, strict=True):
            size[q] = max(size.get(q, 1), int(n))

    def broadcast(z: Operand, names: Sequence[str]) -> Operand:
        shape = [size[q] for q in names]
        return b.broadcast(z, shape) if isinstance(z, Value) else np.broadcast_to(z, shape)

    letter = dict(zip(size, string.ascii_letters, strict=False))
    terms = ("".join(letter[q] for q in names) for names in (left, right))
    spec = f"{','.join(terms)}->{''.join(letter[q] for q in out)}"
    return b.einsum(spec, broadcast(x, left), broadcast(y, right))


def matmul(
    b: Builder, x: Operand, y: Operand, turn_x: bool = False, turn_y: bool = False
) -> Operand:
    """Multiply matrices in the last two axes; `turn_x` and `turn_y` transpose an operand first."""
    letters = iter(string.ascii_letters)
    batch = [next(letters) for _ in range(max(len(x.shape), len(y.shape)) - 2)]
    row, inner, column = (next(letters) for _ in range(3))
    left = [*batch[len(batch) - len(x.shape) + 2 :], *((inner, row) if turn_x else (row, inner))]
    right = [*batch[len(batch) - len(y.shape) + 2 :]]
    right += [column, inner] if turn_y else [inner, column]
    return contract(b, left, right, [*batch, row, column], x, y)


def windows(
    shape: Sequence[int],
    size: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[tuple[int, int]],
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return the flat positions in each window over an array, and the number of windows per axis.

    The positions have the shape `(windows, entries of a window)`. A position outside the array is
    -1.

    Args:
        shape: Shape of the array.
        size: Size of the window, one number per axis, as in the following arguments.
        dilation: Steps between the entries of a window.
        padding: Numbers of padded entries at the start and at the end of each axis.
    """
    positions = np.arange(int(np.prod(shape))).reshape(shape)
    for axis, (k, s, d, (lead, trail)) in enumerate(
        zip(size, strides, dilation, padding, strict=True)
    ):
        n = shape[axis]
        count = (n + lead + trail - (k - 1) * d - 1) // s + 1
        index = np.arange(count)[:, None] * s + np.arange(k)[None] * d - lead
        entries = np.take(positions, np.clip(index, 0, n - 1), axis=axis)
        outside = ((index < 0) | (index >= n)).reshape(
            index.shape + (1,) * (positions.ndim - axis - 1)
        )
        positions = np.moveaxis(np.where(outside, -1, entries), axis + 1, -1)
    result = positions.shape[: len(shape)]
    return positions.reshape(int(np.prod(result)), -1), tuple(int(n) for n in result)


def same_padding(
    shape: Sequence[int], size: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> list[tuple[int, int]]:
    """Compute the padding of TensorFlow's `SAME`; if it is odd, the end gets the extra entry."""
    pads = []
    for n, k, s, d in zip(shape, size, strides, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        pads.append((total // 2, total - total // 2))
    return pads


def pool(c: TracedCall, how: str, x: Operand, gather: np.ndarray, shape: Sequence[int]) -> Operand:
    """Compute the maximum or the mean of each window; positions outside the array are ignored.

    Args:
        how: Result of a window, `max` or `mean`.
        gather: Flat positions in each window, `(windows, entries)`; -1 outside the array.
        shape: Shape of the result.
    """
    if how == "max":
        return c.b.largest(x if isinstance(x, Value) else c.b.constant_value(x), gather, shape)
    present = gather >= 0
    weight = present / present.sum(axis=1, keepdims=True)
    return c.b.gather_sum(x, gather, weight, shape, name="average_pool", ulps=1)


def running_sum(
    c: TracedCall, x: Operand, axis: int, reverse: bool = False, exclusive: bool = False
) -> Operand:
    """Compute the running sum along an axis; an `exclusive` sum omits the entry itself.

    If `reverse`, each sum starts at the end of the axis.
    """
    if not isinstance(x, Value):
        return c.step.run(*c.inputs)[0]
    axis %= len(x.shape)
    positions = np.moveaxis(np.arange(x.size).reshape(x.shape), axis, -1)
    n = x.shape[axis]
    mask = np.tri(n, k=-1 if exclusive else 0, dtype=bool)
    windows = np.where(mask.T if reverse else mask, positions[..., None, :], -1)
    windows = np.moveaxis(windows, -2, axis).reshape(-1, n)
    return c.b.gather_sum(x, windows, 1.0, x.shape, name="cumsum")
