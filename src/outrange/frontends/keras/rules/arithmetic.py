"""Lowering rules for sums, products, quotients, maxima, contractions and similar operations."""

import string
from collections.abc import Callable

import numpy as np

from ....core import UnsupportedError
from ....graph import Operand
from ....graph.composites.softmax import log_add_exp
from ...rule_table import rule_decorator
from ..lower.call import KerasCall, array, is_value, operand, round_to_float32


RULES: dict[str, Callable] = {}
rule = rule_decorator(RULES)


@rule("Add")
def _add(c: KerasCall) -> Operand:
    return c.builder.add(c.operand(0, "x1"), c.operand(1, "x2"))


@rule("Subtract")
def _subtract(c: KerasCall) -> Operand:
    return c.builder.subtract(c.operand(0, "x1"), c.operand(1, "x2"))


@rule("Multiply")
def _multiply(c: KerasCall) -> Operand:
    return c.builder.multiply(c.operand(0, "x1"), c.operand(1, "x2"))


@rule("Divide", "TrueDivide")
def _divide(c: KerasCall) -> Operand:
    x, y = c.operand(0, "x1"), c.operand(1, "x2")
    if not is_value(y) and not array(y).all():
        raise UnsupportedError("a division by the constant 0 is undefined")
    return c.builder.divide(x, y)


@rule("Negative")
def _negative(c: KerasCall) -> Operand:
    return c.builder.affine_map(c.x, -1.0, name="negative")


@rule("Deg2rad", "Rad2deg")
def _degrees(c: KerasCall) -> Operand:
    factor = np.pi / 180.0 if type(c.op).__name__ == "Deg2rad" else 180.0 / np.pi
    return c.builder.affine_map(c.x, factor, ulps=2)


@rule("Maximum", "Fmax")
def _maximum(c: KerasCall) -> Operand:
    return largest(c, c.operand(0, "x1"), c.operand(1, "x2"), False)


@rule("Minimum", "Fmin")
def _minimum(c: KerasCall) -> Operand:
    return largest(c, c.operand(0, "x1"), c.operand(1, "x2"), True)


def largest(c: KerasCall, x: Operand, y: Operand, negate: bool) -> Operand:
    """Return the elementwise maximum, or the minimum if `negate`.

    A curve computes the result if exactly one operand is constant, and its entries are either all
    finite or all equal.
    """
    b = c.builder
    if not is_value(x):
        x, y = y, x
    if not is_value(x) or is_value(y):
        return b.maximum(x, y, negate=negate)
    level = np.unique(y)
    shape = np.broadcast_shapes(x.shape, y.shape)
    if level.size == 1:
        limits = (-np.inf, float(level[0])) if negate else (float(level[0]), np.inf)
        return b.clip(b.broadcast(x, shape), *limits)
    if not np.isfinite(y).all():
        return b.maximum(x, y, negate=negate)
    # max(x, y) = y + relu(x - y), and min(x, y) = y - relu(y - x).
    sign = -1.0 if negate else 1.0
    excess = b.curve("relu", b.affine_map(x, sign, -sign * y))
    return b.affine_map(excess, sign, y)


@rule("Clip")
def _clip(c: KerasCall) -> Operand:
    lo = c.config.get("x_min", c.get(1, "x_min"))
    hi = c.config.get("x_max", c.get(2, "x_max"))
    if np.ndim(lo) == 0 and np.ndim(hi) == 0:
        return c.builder.clip(
            c.x,
            -np.inf if lo is None else round_to_float32(lo),
            np.inf if hi is None else round_to_float32(hi),
        )
    return largest(c, largest(c, c.x, operand(lo), False), operand(hi), True)


@rule("Logaddexp")
def _log_add_exp(c: KerasCall) -> Operand:
    return log_add_exp(c.builder, c.operand(0, "x1"), c.operand(1, "x2"))


@rule("Matmul")
def _matmul(c: KerasCall) -> Operand:
    x, y = c.operand(0, "x1"), c.operand(1, "x2")
    if len(x.shape) < 2 or len(y.shape) < 2:
        return _dot(c)
    letters = iter(string.ascii_letters)
    batch = [next(letters) for _ in range(max(len(x.shape), len(y.shape)) - 2)]
    row, inner, column = (next(letters) for _ in range(3))
    left = [*batch[len(batch) - len(x.shape) + 2 :], row, inner]
    right = [*batch[len(batch) - len(y.shape) + 2 :], inner, column]
    return contract(c, left, right, [*batch, row, column], x, y)


@rule("Dot")
def _dot(c: KerasCall) -> Operand:
    x, y = c.operand(0, "x1"), c.operand(1, "x2")
    if not x.shape or not y.shape:
        return c.builder.multiply(x, y)
    letters = list(string.ascii_letters)
    left = letters[: len(x.shape)]
    right = letters[len(left) : len(left) + len(y.shape)]
    right[-2 if len(right) > 1 else 0] = left[-1]
    return contract(c, left, right, [q for q in left + right if q != left[-1]], x, y)


@rule("Tensordot")
def _tensordot(c: KerasCall) -> Operand:
    x, y, axes = c.operand(0, "x1"), c.operand(1, "x2"), c.config["axes"]
    if isinstance(axes, int):
        axes = (range(len(x.shape) - axes, len(x.shape)), range(axes))
    first, second = ([i] if isinstance(i, int) else list(i) for i in axes)
    letters = list(string.ascii_letters)
    left = letters[: len(x.shape)]
    right = letters[len(left) : len(left) + len(y.shape)]
    for i, j in zip(first, second, strict=True):
        right[j] = left[i]
    shared = {left[i] for i in first}
    return contract(c, left, right, [q for q in left + right if q not in shared], x, y)


@rule("Einsum")
def _einsum(c: KerasCall) -> Operand:
    spec = c.config["subscripts"].replace(" ", "")
    operands = [operand(x) for x in c.args]
    if len(operands) > 2:
        raise UnsupportedError("an einsum of more than two tensors is not supported yet")
    left, _, out = spec.partition("->")
    terms = [list(term) for term in _expand_dots(left, operands)]
    dots = list(_dots(operands, left))
    if "->" in spec:
        result = list(out.replace("...", "".join(dots)))
    else:
        every = [q for term in terms for q in term]
        result = dots + sorted(q for q in every if every.count(q) == 1 and q not in dots)
    if len(operands) == 1:
        return contract(c, terms[0], [], result, operands[0], np.ones(()))
    return contract(c, terms[0], terms[1], result, *operands)


_SPARE = "αβγδεζηθ"
"""Letters for the axes that `...` denotes in subscripts; users' subscripts do not contain them."""


def _dots(operands: list, left: str) -> str:
    """Return letters for the axes that `...` denotes in the operand with the most such axes.

    Operands with fewer such axes use the last letters.
    """
    widest = 0
    for term, x in zip(left.split(","), operands, strict=True):
        if "..." in term:
            widest = max(widest, len(x.shape) - len(term.replace("...", "")))
    return _SPARE[:widest]


def _expand_dots(left: str, operands: list) -> list[str]:
    dots = _dots(operands, left)
    terms = []
    for term, x in zip(left.split(","), operands, strict=True):
        count = len(x.shape) - len(term.replace("...", ""))
        terms.append(term.replace("...", dots[len(dots) - count :] if count else ""))
    return terms


def contract(c: KerasCall, left: list, right: list, out: list, x: Operand, y: Operand) -> Operand:
    """Compute an `einsum` given by lists of axis names; axes of length 1 are broadcast."""
    b = c.builder
    if not all((*x.shape, *y.shape)):
        raise UnsupportedError("a product of tensors with no entries is not supported yet")
    size: dict[str, int] = {}
    for names, z in ((left, x), (right, y)):
        for q, n in zip(names, z.shape, strict=True):
            size[q] = max(size.get(q, 1), n)
    x = b.broadcast(x, [size[q] for q in left]) if is_value(x) else x
    y = b.broadcast(y, [size[q] for q in right]) if is_value(y) else y
    letter = dict(zip(size, string.ascii_letters, strict=False))
    spec = ",".join("".join(letter[q] for q in names) for names in (left, right))
    if is_value(x) or is_value(y):
        x = np.broadcast_to(array(x), [size[q] for q in left]) if not is_value(x) else x
        y = np.broadcast_to(array(y), [size[q] for q in right]) if not is_value(y) else y
    return b.einsum(f"{spec}->{''.join(letter[q] for q in out)}", x, y)
