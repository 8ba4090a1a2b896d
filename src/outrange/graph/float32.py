"""Float32 deviation: how far float32 inference may be from the real-valued graph at a point.

There are two estimates. The *bound*, computed here, carries every local rounding forward by the
magnitudes of the weights: it is valid for any order of summation, and loose for deep networks. The
*noise*, computed in `frontends.tolerance`, carries random roundings of the same local sizes through
the graph: it is tight, but misses a jump that rounding may step across. A point near a jump is
judged by the bound alone.

The bound, for an op that float32 computes from operands with an error of `e`:

* A sum of `n` products is off by at most `|W| e + gamma(n + k) (|W| (|x| + e) + |b|)`, where `k`
  roundings account for weights and scales that the runtime computes itself.
* An op that only picks one of its operands or a constant (a maximum, a relu, a clip, a negation)
  adds no rounding of its own. Integers up to 2^24 are added and multiplied without rounding.
* A curve is off by its range over `x +- e`, which includes every jump within reach, and by the
  roundings of its own formula.

Reference: N. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., chapter 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from ..core import InputError, check_deadline
from ..ops import Affine, Curve, Largest, Product, Rearrange, Step
from ..ops.pointwise.op import Pointwise
from .graph import Graph, Node


LARGEST32 = 1e37
"""Absolute value from which a float32 value counts as an overflow. It is below the largest float32
number, because the partial sums of a value may be larger."""


@dataclass(frozen=True)
class FloatType:
    """The floating-point type of a model's arithmetic.

    Args:
        name: Name of the type, such as `"float32"`.
        unit: Unit roundoff, round to nearest.
        whole: Size up to which every integer is exactly representable.
        largest: Size beyond which values are taken to overflow.
        tiny: The least normal number; smaller results may be flushed to zero.
        absolute: Absolute error of transcendental functions, whatever the size of the value.
        dtype: The NumPy type that stores its numbers.
    """

    name: str
    unit: float
    whole: float
    largest: float
    tiny: float
    absolute: float
    dtype: type[np.floating]


FLOAT32 = FloatType("float32", 2.0**-24, 2.0**24, LARGEST32, 2.0**-126, 2e-6, np.float32)
"""The usual type of Keras, ONNX and PyTorch models."""

FLOAT16 = FloatType("float16", 2.0**-11, 2.0**11, 2.0**14, 2.0**-14, 2.0**-8, np.float16)
"""The type of layers with the dtype `"float16"`. Such layers may also compute sums in float16."""

BFLOAT16 = FloatType("bfloat16", 2.0**-8, 2.0**8, LARGEST32, 2.0**-126, 2.0**-5, np.float32)
"""The type of layers with the dtype `"bfloat16"`."""

FLOAT64 = FloatType("float64", 2.0**-53, 2.0**53, 1e307, 2.0**-1022, 4e-15, np.float64)
"""The type of scikit-learn. The graph's own values are float64 numbers, too: see
`frontends.tolerance`.
"""

EXTRA_TERMS = 8
"""Number of roundings that a runtime may add to one sum: a computed weight, a bias, a scale."""

OPERATIONS = 16
"""Number of elementary operations that a model may use where the graph has one.

Examples are a softmax that subtracts its largest entry first, a variance computed as the
mean of squares minus the square of the mean, and a gelu computed with erf.
"""


@dataclass(frozen=True, eq=False)
class PointErrors:
    """The real values of a graph at some points, and bounds on the float32 errors there."""

    values: list[np.ndarray]
    """Every value of the graph, `(batch, n)`, in float64."""
    bounds: list[np.ndarray]
    """For each value, a bound on how far float32 roundings can move it, `(batch, n)`."""
    roundings: list[np.ndarray]
    """For each value, the part of `bounds` that its own op adds."""
    near_jump: np.ndarray
    """`(batch,)`: whether rounding may step across a jump at the point."""
    overflows: np.ndarray
    """`(batch,)`: whether an intermediate value may be too large for float32."""
    computed: FloatType
    """The floating-point type of the model, which this module calls float32."""


def run_with_error_bounds(
    graph: Graph, x: np.ndarray, operations: int = 1, computed: FloatType = FLOAT32, sums: int = 0
) -> PointErrors:
    """Run `graph` at the float32 points `x`, `(batch, size)`, with error bounds alongside.

    Args:
        graph: The computation graph of the model.
        x: Points whose entries are numbers of the model's type.
        operations: The number of operations that the model may use where the graph has one: see
            `OPERATIONS`.
        computed: The type of the model's arithmetic.
        sums: The number of operations for a sum of products with stored weights; 0 means
            `operations`.
    """
    values = graph.run_all(np.asarray(x, np.float64))
    none = np.zeros(values[0].shape)
    bounds, roundings = [_flush_error(values[0], none, computed)], [none]
    near_jump, overflows = np.zeros(len(x), bool), np.zeros(len(x), bool)
    with np.errstate(all="ignore"):
        for node, y in zip(graph.nodes, values[1:], strict=True):
            check_deadline()
            before = tuple(bounds[j] for j in node.inputs)
            inputs = tuple(values[j] for j in node.inputs)
            moved, rounding = _node(node, inputs, before, y, computed)
            stored = isinstance(node.op, Affine) and not node.op.ulps
            rounding = (sums or operations if stored else operations) * rounding
            if isinstance(node.op, Pointwise) and node.op.jumps:
                near_jump |= (moved > 0).any(axis=1)
            if isinstance(node.op, Curve):
                for jump in node.op.jumps:
                    near_jump |= (np.abs(inputs[0] - jump) <= before[0]).any(axis=1)
            if isinstance(node.op, Step) and node.op.is_staircase:
                flat = node.op.is_flat(inputs[0] - before[0], inputs[0] + before[0])
                near_jump |= ~flat.all(axis=1)
            overflows |= (np.abs(y) >= computed.largest).any(axis=1)
            bounds.append(moved + rounding)
            roundings.append(rounding)
    return PointErrors(values, bounds, roundings, near_jump, overflows, computed)


def _node(
    node: Node,
    inputs: Sequence[np.ndarray],
    before: Sequence[np.ndarray],
    y: np.ndarray,
    computed: FloatType,
) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds on two parts of a node's error.

    The first part is due to the errors of its inputs, and the second to its own rounding.
    """
    op = node.op
    if isinstance(op, Pointwise):
        moved = _pointwise(op, inputs, before, y)
        return moved, gamma_of(EXTRA_TERMS, computed) * (np.abs(y) + moved) + computed.tiny
    if isinstance(op, Rearrange):
        return op.run(before, fill=False), np.zeros(y.shape)
    if isinstance(op, Largest):
        return op.run(before), np.zeros(y.shape)
    if isinstance(op, Product):
        u, v = (np.abs(x) for x in inputs)
        moved = op.run((u + before[0], before[1])) + op.run((before[0], v))
        rounding = gamma_of(EXTRA_TERMS, computed) * (np.abs(y) + moved) + computed.tiny
        counted = _are_exact_integers(inputs, before, op) & (np.abs(y) < computed.whole)
        return moved, np.where(counted, 0.0, rounding)
    if isinstance(op, Affine):
        if only_picks(op, computed):
            moved = op.apply(before, True)
            return moved, _flush_error(y, moved, computed)
        moved, size = _sums(op, inputs, before)
        # A sum of zeros alone is 0 in any order.
        least = computed.tiny * op.terms * (size > 0)
        rounding = gamma_of(op.terms + EXTRA_TERMS, computed) * size + least
        if has_integer_coefficients(op):
            rounding = np.where(
                _are_exact_integers(inputs, before) & (size < computed.whole), 0.0, rounding
            )
        return moved, rounding
    moved = _curve(op, inputs[0], before[0], y)
    if only_picks(op, computed):
        return moved, _flush_error(y, moved, computed)
    rounding = gamma_of(EXTRA_TERMS, computed) * (np.abs(y) + moved) + computed.tiny
    if not op.is_piecewise_linear:
        rounding = rounding + computed.absolute
    return moved, rounding


def _sums(
    op: Affine, inputs: Sequence[np.ndarray], before: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Bound the propagated error, `|W| e`, and the magnitude of the result, `|W| (|x| + e) + |b|`.

    `W` and `b` are the coefficients and the bias of `op`, `x` its inputs, and `e` their errors.
    Both bounds are computed in one product, because reading the weights dominates its time.
    """
    largest = tuple(np.abs(x) + e for x, e in zip(inputs, before, strict=True))
    if not any(e.any() for e in before):
        size = op.apply(largest, True)
        return np.zeros(size.shape), size + np.abs(op.bias)
    both = tuple(np.concatenate(pair) for pair in zip(before, largest, strict=True))
    moved, size = np.split(op.apply(both, True), 2)
    return moved, size + np.abs(op.bias)


def _are_exact_integers(
    inputs: Sequence[np.ndarray], before: Sequence[np.ndarray], op: Product | None = None
) -> np.ndarray:
    """Return a mask of the entries whose operands are all integers, with errors of 0."""
    exact = [(x == np.rint(x)) & (e == 0.0) for x, e in zip(inputs, before, strict=True)]
    if op is not None:
        exact = [k[..., places] for k, places in zip(exact, (op.left, op.right), strict=True)]
    return np.logical_and.reduce(exact)


def has_integer_coefficients(op: Affine) -> bool:
    """Return whether an op is an entry-by-entry sum of integer multiples and an integer."""
    numbers = op.factor if op.factor is not None else op.coefficients
    whole = (np.asarray(part) for part in (numbers, op.bias) if part is not None)
    return (
        numbers is not None
        and not op.ulps
        and all(bool((part == np.rint(part)).all()) for part in whole)
    )


def gamma_of(terms: int, computed: FloatType) -> float:
    """Return `n u / (1 - n u)`, which bounds the relative error of `n` roundings."""
    share = terms * computed.unit
    return share / (1.0 - share) if share < 1.0 else np.inf


def only_picks(op: Affine | Curve, computed: FloatType) -> bool:
    """Return whether an op is known to add no rounding error of its own.

    If so, every result is an operand, its negative, a constant, or an integer level of a staircase.
    """
    if isinstance(op, Affine):
        # A factor that the model computes may differ from 1.
        if op.factor is None or op.ulps:
            return False
        return bool(np.all(np.abs(op.factor) == 1) and not op.bias.any())
    if isinstance(op, Step) and op.is_staircase:
        return op.spacing == 1.0  # Integers.
    lines = op.lines or (None,)
    return all(line is not None and _is_picked(*line, computed) for line in lines)


def _is_picked(slope: float, offset: float, computed: FloatType) -> bool:
    """Return whether a line is `x`, `-x` or a number of the type."""
    if slope == 0.0:
        inside = offset == 0.0 or computed.tiny <= abs(offset) < computed.largest
        return inside and np.frexp(offset)[0] / computed.unit % 1.0 == 0.0
    return abs(slope) == 1.0 and offset == 0.0


def _flush_error(y: np.ndarray, moved: np.ndarray, computed: FloatType) -> np.ndarray:
    """Bound the change of an input or a copied number if the runtime flushes it to 0."""
    small = (np.abs(y) - moved < computed.tiny) & ((y != 0) | (moved != 0))
    return np.where(small, computed.tiny, 0.0)


def _pointwise(
    op: Pointwise, inputs: Sequence[np.ndarray], before: Sequence[np.ndarray], y: np.ndarray
) -> np.ndarray:
    """Return the largest change of `op` when every input moves by its error, up or down."""
    out = np.zeros(y.shape)
    for signs in product((-1.0, 1.0), repeat=len(inputs)):
        moved = op.run(tuple(x + s * e for x, e, s in zip(inputs, before, signs, strict=True)))
        out = np.maximum(out, np.abs(moved - y))
    return np.where(np.isnan(out), np.inf, out)


def _curve(op: Curve, x: np.ndarray, e: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Bound the change of `op` when each entry of `x` moves by at most `e`.

    The change is infinite where `op` may be undefined.
    """
    try:
        least, most = op.range(x - e, x + e)
    except InputError:
        near = np.stack([op.f(x - e), op.f(x + e)])
        least, most = near.min(axis=0), near.max(axis=0)
        for pole in op.poles:
            most = np.where(np.abs(x - pole) <= e, np.inf, most)
    out = np.maximum(most - y, y - least)
    return np.where(np.isnan(out), np.inf, np.maximum(out, 0.0))
