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
from ...graph.whole import RANGES, cast_whole
from .call import TracedCall


def curve(name: str, **attributes: float) -> Callable[[TracedCall], Operand]:
    """A rule: the curve `name` of the first operand."""
    return lambda c: c.b.curve(name, c.x, **attributes)


def scaled(factor: float, shift: float = 0.0) -> Callable[[TracedCall], Operand]:
    """A rule: `factor * x + shift`."""
    return lambda c: c.b.affine_map(c.x, factor, shift)


def same(c: TracedCall) -> Operand:
    """A rule: the first operand itself."""
    return c.x


def compare(how: str) -> Callable[[TracedCall], Operand]:
    """A rule: a comparison of the first two operands, as 0 or 1."""
    return lambda c: compared(c, how, c.inputs[0], c.inputs[1])


def compared(c: TracedCall, how: str, x: Operand, y: Operand) -> Operand:
    """A comparison of two operands of a step, as 0 or 1."""
    # A number of the code may have a fraction, whatever the types of the tensors.
    whole = (isinstance(part, Value) or not np.mod(part, 1.0).any() for part in (x, y))
    if c.step.dtypes and all(dtype in RANGES for dtype in c.step.dtypes) and all(whole):
        return integers.compare(c.b, how, x, y)
    return logic.compare(c.b, how, x, y)


def select(c: TracedCall, condition: Operand, x: Operand, y: Operand) -> Operand:
    """`x` where the condition holds, else `y`; both branches move if it is a constant."""
    if isinstance(condition, Value):
        condition = logic.truth(c.b, condition)
    return logic.select(c.b, condition, x, y)


def _truths(c: TracedCall) -> list[Operand]:
    """The first two operands as 0 or 1."""
    return [logic.truth(c.b, x) for x in c.inputs[:2]]


def both(c: TracedCall) -> Operand:
    """A rule: whether both of two conditions hold."""
    return logic.both(c.b, *_truths(c))


def either(c: TracedCall) -> Operand:
    """A rule: whether one of two conditions holds."""
    return logic.either(c.b, *_truths(c))


def negated(c: TracedCall) -> Operand:
    """A rule: whether a condition does not hold."""
    return logic.negate(c.b, logic.truth(c.b, c.x))


def truth(c: TracedCall) -> Operand:
    """A rule: whether the first operand is not 0."""
    if c.integer is not None:
        return integers.compare(c.b, "not_equal", c.x, np.zeros(()))
    return logic.truth(c.b, c.x)


def divided(c: TracedCall) -> Operand:
    """A rule: the quotient of the first two operands; of integers its fraction is cut off."""
    x, y = c.inputs[:2]
    return c.b.divide(x, y) if c.integer is None else integers.quotient(c.b, x, _divisor(c))


def remainder(c: TracedCall) -> Operand:
    """A rule: what is left of such a quotient, of the sign of the first operand."""
    return modulo(c, floored=False)


def _divisor(c: TracedCall) -> np.ndarray:
    divisor = c.constant(1, "divisors")
    if not divisor.all():
        raise UnsupportedError("a division by the constant 0 has no value")
    return divisor


def sign(c: TracedCall) -> Operand:
    """A rule: -1, 0 or 1."""
    return c.b.curve("sign", c.x)


def differing(c: TracedCall) -> Operand:
    """A rule: whether one of two conditions holds, and the other does not."""
    return integers.compare(c.b, "not_equal", *_truths(c))


def is_finite(c: TracedCall) -> Operand:
    """A rule: whether entries are numbers; the graph has infinite ones as constants alone."""
    assert isinstance(c.x, Value)  # constants are folded before
    return logic.finite(c.b, c.x)


def is_infinite(c: TracedCall) -> Operand:
    """A rule: whether entries are infinite."""
    return logic.negate(c.b, is_finite(c))


def is_nan(c: TracedCall) -> Operand:
    """A rule: whether entries are no numbers, which the graph never says."""
    return logic.compare(c.b, "not_equal", c.x, c.x)


def written(name: str) -> Callable[[TracedCall], Operand]:
    """A rule: a function of the first operand that is written with curves."""
    return lambda c: INVERSE[name](c.b, c.x)


def cast_integer(c: TracedCall, dtype: str) -> Operand:
    """The first operand as integers: its fraction is cut off."""
    if (whole := cast_whole(c.b, c.x, dtype)) is not None:
        return whole
    before = c.step.dtypes[0] if c.step.dtypes else ""
    found = c.x if before in RANGES else logic.truncate(c.b, c.x)
    if isinstance(found, Value):
        c.b.bounded.append((found.index, *RANGES[dtype]))
    return found


def quotient_floored(c: TracedCall, floored: bool) -> Operand:
    """The quotient of the first two operands, rounded down or towards 0."""
    divisor = _divisor(c)
    if c.integer is not None:
        return integers.quotient(c.b, c.x, divisor, floored=floored)
    whole = c.b.divide(c.x, divisor)
    return c.b.curve("floor", whole) if floored else logic.truncate(c.b, whole)


def modulo(c: TracedCall, floored: bool) -> Operand:
    """What is left of such a quotient."""
    divisor = _divisor(c)
    if c.integer is not None:
        return integers.remainder(c.b, c.x, divisor, floored=floored)
    return logic.modulo(c.b, c.x, divisor, floored=floored)


def powers(c: TracedCall) -> Operand:
    """A rule: the first operand to the power of the second, one constant."""
    exponent = np.unique(c.constant(1, "exponents"))
    if exponent.size != 1:
        raise UnsupportedError(f"{c.kind} with several exponents is not described yet")
    return power(c.b, c.x, float(exponent[0]))


def exponential(c: TracedCall) -> Operand:
    """A rule: a positive constant to the power of the second operand."""
    base = np.asarray(c.constant(0, "bases"), np.float64)
    if not (base > 0).all():
        raise UnsupportedError(f"{c.kind} of a base that is not positive is not described")
    return c.b.curve("exp", c.b.affine_map(c.inputs[1], np.log(base), ulps=2))


def limited(c: TracedCall, x: Operand, limit: Operand, negate: bool) -> Operand:
    """The larger (with `negate` the smaller) of two operands; against one constant a curve."""
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
    """`einsum` by lists of axis names; an axis of length 1 broadcasts."""
    size: dict[str, int] = {}
    for names, z in ((left, x), (right, y)):
        for q, n in zip(names, z.shape, strict=True):
            size[q] = max(size.get(q, 1), int(n))

    def widened(z: Operand, names: Sequence[str]) -> Operand:
        shape = [size[q] for q in names]
        return b.broadcast(z, shape) if isinstance(z, Value) else np.broadcast_to(z, shape)

    letter = dict(zip(size, string.ascii_letters, strict=False))
    terms = ("".join(letter[q] for q in names) for names in (left, right))
    spec = f"{','.join(terms)}->{''.join(letter[q] for q in out)}"
    return b.einsum(spec, widened(x, left), widened(y, right))


def matmul(
    b: Builder, x: Operand, y: Operand, turn_x: bool = False, turn_y: bool = False
) -> Operand:
    """The product of matrices in the last two axes; a `turn` transposes one of them first."""
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
    """Positions in each window over all axes of an array, `-1` outside, and the result's shape.

    Args:
        shape: Of the array.
        size: Of the window, one number an axis; so are the following.
        strides: Steps between windows.
        dilation: Steps between the entries of a window.
        padding: Places before and after each axis.
    """
    found = np.arange(int(np.prod(shape))).reshape(shape)
    for axis, (k, s, d, (lead, trail)) in enumerate(
        zip(size, strides, dilation, padding, strict=True)
    ):
        n = shape[axis]
        count = (n + lead + trail - (k - 1) * d - 1) // s + 1
        index = np.arange(count)[:, None] * s + np.arange(k)[None] * d - lead
        picked = np.take(found, np.clip(index, 0, n - 1), axis=axis)
        outside = ((index < 0) | (index >= n)).reshape(index.shape + (1,) * (found.ndim - axis - 1))
        found = np.moveaxis(np.where(outside, -1, picked), axis + 1, -1)
    result = found.shape[: len(shape)]
    return found.reshape(int(np.prod(result)), -1), tuple(int(n) for n in result)


def same_padding(
    shape: Sequence[int], size: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> list[tuple[int, int]]:
    """How TensorFlow pads `SAME`: the odd place comes last."""
    found = []
    for n, k, s, d in zip(shape, size, strides, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        found.append((total // 2, total - total // 2))
    return found


def pooled(c: TracedCall, how: str, x: Operand, found: np.ndarray, shape: Sequence[int]) -> Operand:
    """The largest or the mean of what each window holds."""
    if how == "max":
        return c.b.largest(x if isinstance(x, Value) else c.b.constant_value(x), found, shape)
    present = found >= 0
    weight = present / present.sum(axis=1, keepdims=True)
    return c.b.gather_sum(x, found, weight, shape, name="average_pool", ulps=1)


def running_sum(
    c: TracedCall, x: Operand, axis: int, reverse: bool = False, exclusive: bool = False
) -> Operand:
    """Sums of all entries up to each one along an axis."""
    if not isinstance(x, Value):
        return c.step.run(*c.inputs)[0]
    axis %= len(x.shape)
    positions = np.moveaxis(np.arange(x.size).reshape(x.shape), axis, -1)
    n = x.shape[axis]
    mask = np.tri(n, k=-1 if exclusive else 0, dtype=bool)
    found = np.where(mask.T if reverse else mask, positions[..., None, :], -1)
    found = np.moveaxis(found, -2, axis).reshape(-1, n)
    return c.b.gather_sum(x, found, 1.0, x.shape, name="cumsum")
