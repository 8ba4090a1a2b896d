"""Bounds on the distance between a runtime's float32 values and the values of a graph.

The argument of a quantizer needs such a bound, for any input. After a quantizer, every value is
bounded, so its errors are bounded, too. Each value has an error of at most
`relative |v| + absolute`, where `v` is the value of the graph. Before the first quantizer, relative
errors cover inputs of any size.

The bounds hold for runtimes that reorder sums, fuse products or multiply scales first. They do not
cover products in fewer digits (TF32, bfloat16), or other algorithms for a product, such as
Winograd's for convolutions.

Reference: N. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., section 3.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ....core import Bounds, InputError
from ....domains.intervals import bound_op
from ....graph import Builder
from ....graph.graph import Node
from ....ops import Affine, Curve, Largest, Product, Rearrange, Step
from ....ops.float32 import float32_error
from ....ops.pointwise.op import Pointwise
from ....ops.relaxation.slopes import slope_range


UNIT = 2.0**-24
"""Unit roundoff of float32."""

TINY = 2.0**-125
"""Bound on an underflow: a runtime may flush a result below `2^-126` to zero."""

LARGEST_RELATIVE = 2.0**-11
"""Maximum relative error of a value that a quantizer reads.

Only a chain of hundreds of scalings exceeds it.
"""

EXTRA_TERMS = 12
"""Number of roundings in a sum besides those of its terms. These are roundings of the scales, of
their products and quotients, of the weights and of the bias."""

MARGIN = 1.0 + 2.0**-20
"""Factor that covers the float64 roundings of the bounds themselves."""


DESCRIBED = frozenset((
    "MatMul Gemm Conv Add Sub Mul Div Neg Sum Mean Max Min BatchNormalization Cast "
    "MaxPool AveragePool GlobalAveragePool GlobalMaxPool ReduceSum ReduceMean ReduceMax ReduceMin "
    "Relu LeakyRelu PRelu Clip Abs Sigmoid Tanh HardSigmoid Elu Erf Exp Sqrt "
    "QuantizeLinear DequantizeLinear QLinearMatMul QLinearConv MatMulInteger ConvInteger "
    "QGemm QLinearAdd QLinearMul QLinearGlobalAveragePool"
).split())  # fmt: skip
"""Operators for which the rules below cover every rounding of a runtime.

Runtimes may compute other operators by different formulas. Operators that only move entries are not
listed, because they do not round.
"""


@dataclass(frozen=True, eq=False)
class Errors:
    """Errors of the entries of one value, `(n,)` each: `relative |v| + absolute`."""

    relative: np.ndarray
    absolute: np.ndarray

    def within(self, size: np.ndarray) -> np.ndarray:
        """Bound the absolute errors of values with at most these magnitudes, `(n,)`."""
        with np.errstate(invalid="ignore"):
            scaled = np.where(self.relative > 0.0, self.relative * size, 0.0)
        return (scaled + self.absolute) * MARGIN


@dataclass(eq=False)
class ValueRoundings:
    """Bounds and errors of the values of a graph under construction, computed on demand.

    Args:
        builder: The builder of the graph.
        losses: Map from the index of a value to additional absolute errors that a kernel causes.
    """

    builder: Builder
    losses: dict[int, np.ndarray] = field(default_factory=dict)
    _nodes: list[Node] = field(default_factory=list)
    _ends: list[Bounds] = field(default_factory=list)
    _errors: list[Errors] = field(default_factory=list)

    def of(self, value: int) -> tuple[np.ndarray, Errors]:
        """Return the largest magnitudes `(n,)` of a value, and its errors."""
        self._extend(value)
        lo, hi = self._ends[value]
        return np.maximum(-lo[0], hi[0]), self._errors[value]

    def largest(self, value: int, least: float, most: float) -> float:
        """Return the largest error of an entry that is clipped to `[least, most]` afterwards.

        The result is infinite if the value or its error has no finite bound.
        """
        size, errors = self.of(value)
        if errors.relative.max(initial=0.0) > LARGEST_RELATIVE:
            return np.inf
        limit = max(abs(least), abs(most)) + 1.0 + errors.absolute
        # Up to `1.001 limit`, the result covers the error. Beyond it, a value moves by at most
        # `|v| / 2048 + absolute`, so it stays beyond `most` or `least`, and is clipped.
        return 1.001 * float(errors.within(np.minimum(size, limit)).max(initial=0.0))

    def _extend(self, value: int) -> None:
        nodes = self.builder.nodes
        valid = 0
        while valid < len(self._nodes) and self._nodes[valid] is nodes[valid]:
            valid += 1
        del self._nodes[valid:], self._ends[valid + 1 :], self._errors[valid + 1 :]
        if not self._ends:
            n = sum(slot.size for slot in self.builder.inputs)
            self._ends.append((np.full((1, n), -np.inf), np.full((1, n), np.inf)))
            self._errors.append(Errors(np.full(n, UNIT), np.full(n, TINY)))
        for v in range(len(self._nodes) + 1, value + 1):
            node = _without_formula(nodes[v - 1])
            ends = [self._ends[j] for j in node.inputs]
            self._ends.append(_bounds(node, ends))
            errors = _errors(node, ends, [self._errors[j] for j in node.inputs], self._ends[-1])
            if v in self.losses:
                errors = Errors(errors.relative, errors.absolute + self.losses[v])
            self._errors.append(errors)
            self._nodes.append(nodes[v - 1])


def _without_formula(node: Node) -> Node:
    """Replace a formula by its equivalent op that has rules for bounds, if there is one."""
    op = node.op
    if isinstance(op, Pointwise) and op.otherwise is not None:
        return replace(node, op=op.otherwise(node.size))
    return node


def _bounds(node: Node, ends: Sequence[Bounds]) -> Bounds:
    """Bound a value; the bounds are infinite where the value may be undefined."""
    unknown = np.full((1, node.size), -np.inf), np.full((1, node.size), np.inf)
    try:
        with np.errstate(all="ignore"):
            lo, hi = bound_op(node.op, ends)
    except (InputError, KeyError):
        return unknown
    return np.where(np.isnan(lo), -np.inf, lo), np.where(np.isnan(hi), np.inf, hi)


def _errors(node: Node, ends: Sequence[Bounds], before: Sequence[Errors], own: Bounds) -> Errors:
    """Bound the errors of a node: the propagated errors of its inputs, and its own rounding."""
    op, zero = node.op, np.zeros(node.size)
    if isinstance(op, Rearrange):
        moved = [op.run([e[None] for e in part], fill=False)[0] for part in _columns(before)]
        return Errors(*moved)
    if not DESCRIBED.issuperset(node.operation.split("+")):
        return Errors(zero, np.full(node.size, np.inf))
    if isinstance(op, Step) and op.rows is None and op.is_staircase:
        return Errors(zero, zero)  # Its slack covers the errors of its argument.
    if isinstance(op, Curve) and op.rays is not None and op.rays in ((0.0, 1.0), (-1.0, 1.0)):
        return before[0]  # ReLU and absolute value increase no error.
    if isinstance(op, Affine) and op.factor is not None:
        # The term without the bias is at most `|v| + |b|`.
        extra = EXTRA_TERMS * UNIT
        relative = before[0].relative + extra * (1.0 + before[0].relative)
        absolute = np.abs(op.factor) * before[0].absolute * (1.0 + extra)
        return Errors(relative, (absolute + (relative + extra) * np.abs(op.bias) + TINY) * MARGIN)
    sizes = [np.maximum(-lo[0], hi[0]) for lo, hi in ends]
    if isinstance(op, Curve) and op.name == "clip" and op.knots:
        beyond = max(map(abs, op.knots)) + 1.0 + before[0].absolute
        sizes = [np.minimum(sizes[0], beyond)] if len(op.knots) == 2 else sizes
    with np.errstate(all="ignore"):
        moved = [part.within(size) for part, size in zip(before, sizes, strict=True)]
        error = _propagate(op, ends, sizes, moved, own)
    return Errors(zero, np.where(np.isnan(error), np.inf, error * MARGIN + TINY))


def _columns(before: Sequence[Errors]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    return [e.relative for e in before], [e.absolute for e in before]


def _propagate(
    op: object,
    ends: Sequence[Bounds],
    sizes: Sequence[np.ndarray],
    moved: Sequence[np.ndarray],
    own: Bounds,
) -> np.ndarray:
    """Bound the error of an op's result, given absolute errors of its inputs."""
    if isinstance(op, Affine):
        growth = (op.terms + EXTRA_TERMS + op.ulps) * UNIT
        rounding = growth / (1.0 - growth)
        spread = [size + error for size, error in zip(sizes, moved, strict=True)]
        if not all(np.isfinite(s).all() for s in spread):
            return np.full(op.size, np.inf)
        through = op.apply(tuple(e[None] for e in moved), True)[0]
        return through + rounding * (
            op.apply(tuple(s[None] for s in spread), True)[0] + abs(op.bias)
        )
    if isinstance(op, Largest):
        return op.run([moved[0][None]])[0]
    if isinstance(op, Product):
        (u, v), (e, f) = sizes, moved
        through = op.run((u + e, f)) + op.run((e, v))
        return through + EXTRA_TERMS * UNIT * (np.maximum(-own[0][0], own[1][0]) + through)
    if isinstance(op, Curve) and not isinstance(op, Step):
        lo, hi = ends[0][0][0] - moved[0], ends[0][1][0] + moved[0]
        least, most = slope_range(op, lo, hi)
        steep = np.maximum(-least, most)
        stated = float32_error(op)
        if stated is None:
            return np.full(lo.shape, np.inf)
        through = np.where(moved[0] > 0, steep * moved[0], 0.0)
        size = np.maximum(-own[0][0], own[1][0]) + through
        return through + UNIT * (stated.relative * size + stated.absolute)
    return np.full(own[0].shape[1], np.inf)
