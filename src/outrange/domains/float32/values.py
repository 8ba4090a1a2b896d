"""Records for the inputs of an op in float32, and for its resulting errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, ClassVar

import numpy as np

from ...core import UnsupportedError
from ...graph import Graph, Node
from ...graph.float32 import FLOAT32, has_integer_coefficients, only_picks
from ...ops import Affine, Largest, Product, Rearrange, Step
from ...ops.pointwise.op import Pointwise


TINY = 2.0 * FLOAT32.tiny
"""Twice the largest change that flushing to zero can make."""

LOOKED_AT = 1 << 10
"""Largest number of results of an op whose coefficients are inspected one by one."""

MOST = 2.0**127
"""Magnitude from which an overflow of float32 is assumed to be possible."""


class Constant(IntEnum):
    """The kind of constant in a sum.

    A sum may have no constant, the bias of a matrix product, or an elementwise shift, such as that
    of batch normalization.
    """

    NONE = 0
    BIAS = 1
    SHIFT = 2


@dataclass(frozen=True, eq=False)
class Sums:
    """A value as a sum that a runtime may merge with the sum that reads it.

    Args:
        partial: `(B, n)` bound on the magnitude of every partial sum.
        added: `(B, n)` the number of additions that form it.
        size: `(B, n)` the sum of the magnitudes of all terms.
        counted: `(B, n)` bound on its total rounding error, in units of roundoff.
        rough: `(B, n)` bound on the rounding error of its individual terms, in units of roundoff.
        widest: `(B, n)` the largest magnitude of a number that may be multiplied by a coefficient
            while the sum is formed.
        weights: `(B, n)` the sum of the magnitudes of all coefficients.
        constant: The kind of constant that it contains.
        scaled: Whether it contains products with entry-by-entry factors.
        shared: Whether several ops read it and may see it rounded differently.
    """

    partial: np.ndarray
    added: np.ndarray
    size: np.ndarray
    counted: np.ndarray
    rough: np.ndarray
    widest: np.ndarray
    weights: np.ndarray
    constant: Constant = Constant.NONE
    scaled: bool = False
    shared: bool = False

    NUMBERS: ClassVar = ("partial", "added", "size", "counted", "rough", "widest", "weights")

    @staticmethod
    def of(size: np.ndarray) -> Sums:
        """Return the trivial sum, a single number without additions."""
        zero = np.zeros(size.shape)
        return Sums(size, zero, size, zero, zero, size, np.ones(size.shape))

    def as_number_and_constant(self, size: np.ndarray) -> Sums:
        """Return the sum as seen by an op that reads only its value: a number plus a constant.

        The number is computed once. The constant may move to the op that reads the sum, and a
        product may be rounded there or fused. The values that different ops see differ only in
        these two ways.

        Args:
            size: `(B, n)` magnitudes of the value.
        """
        alone = self.constant is Constant.NONE
        partial = size if alone else np.maximum(size, self.partial)
        added = np.zeros(size.shape) if alone else np.ones(size.shape)
        zero, ones = np.zeros(size.shape), np.ones(size.shape)
        return replace(
            self, partial=partial, added=added, size=np.minimum(self.size, 2.0 * partial),
            counted=zero if alone and not self.scaled else 4.0 * self.partial,
            rough=zero, widest=size, weights=ones,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class InputErrors:
    """An input of an op: bounds on its real value and its error, and a mask of its integer entries.

    `sums` is None if the input is not a sum. `formula` is a `Formula` if the input is made of
    factors, otherwise None.
    """

    lo: np.ndarray
    hi: np.ndarray
    off: np.ndarray
    whole: np.ndarray
    sums: Sums | None = None
    formula: Any = None

    @property
    def size(self) -> np.ndarray:
        """Bound on the magnitude of the float32 value."""
        return np.maximum(-self.lo, self.hi) + self.off


@dataclass(frozen=True, eq=False)
class OutputErrors:
    """Bounds on the float32 errors of the results of an op.

    Args:
        local: `(B, n)` rounding of the op itself, and the error of `lines`, if any.
        off: `(B, n)` bound on the total error; errors of the inputs are propagated as magnitudes.
        lines: Relaxation that propagates errors, if the op is not linear; otherwise None.
        own_rounding: `(B, n)` rounding of the op itself, if it is known apart from the error of
            `lines`; otherwise None.
        sums: The value as a sum, if it is one; otherwise None.
        formula: The value as a quotient of products, if it is one; otherwise None.
    """

    local: np.ndarray
    off: np.ndarray
    lines: Any = None
    own_rounding: np.ndarray | None = None
    sums: Sums | None = None
    formula: Any = None

    @property
    def rounding(self) -> np.ndarray:
        """Bound on the rounding error of the op itself; `local` if `own_rounding` is None."""
        return self.local if self.own_rounding is None else self.own_rounding


def flush_error(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Bound the error of flushing a number in `[lo, hi]` to zero; 0 if it cannot be subnormal."""
    normal = (lo >= FLOAT32.tiny) | (hi <= -FLOAT32.tiny) | ((lo == 0) & (hi == 0))
    return np.where(normal, 0.0, FLOAT32.tiny)


def replace_pointwise(node: Node) -> Node:
    """Replace the op of a node, if it is a function of several values, by an equivalent one.

    Raises:
        UnsupportedError: The function has no equivalent.
    """
    if not isinstance(node.op, Pointwise):
        return node
    if node.op.otherwise is None:
        raise UnsupportedError(
            "With arithmetic='float32', every function must have a known bound on its float32 "
            f"error. Received: `{node.op.name}`, a function of several variables without such a "
            f"bound, in layer `{node.source}`. For this layer, use arithmetic='real'."
        )
    return replace(node, op=node.op.otherwise(node.size))


def find_separate_sums(graph: Graph, unrounded: frozenset[int]) -> frozenset[int]:
    """Return the values of matrix ops whose sums a runtime cannot merge with other sums.

    Matrix ops with more than `LOOKED_AT` results are not examined.

    The ops before and after such a sum are not affine (except ops that only pick or negate entries,
    and forms in real arithmetic). Its weights and biases are float32 numbers, so the runtime uses
    them unchanged.
    """
    n = len(graph.nodes)
    behind_sum, before_sum = [False] * (n + 1), [False] * (n + 1)
    for v, node in enumerate(graph.nodes, 1):
        behind_sum[v] = _is_sum(node.op) or (
            _only_moves(node.op) and any(behind_sum[j] for j in node.inputs)
        )
    for v in range(n, 0, -1):
        op = graph.nodes[v - 1].op
        if v not in unrounded and (_is_sum(op) or (_only_moves(op) and before_sum[v])):
            for j in graph.nodes[v - 1].inputs:
                before_sum[j] = True
    return frozenset(
        v
        for v, node in enumerate(graph.nodes, 1)
        if isinstance(node.op, Affine)
        and _is_single(node.op)
        and not before_sum[v]
        and not any(behind_sum[j] for j in node.inputs)
    )


def _only_moves(op: Any) -> bool:
    return isinstance(op, Rearrange) or (isinstance(op, Affine) and only_picks(op, FLOAT32))


def _is_sum(op: Any) -> bool:
    return isinstance(op, Affine) and not _only_moves(op)


def _is_single(op: Affine) -> bool:
    """Return whether an op is a matrix of float32 numbers and is small enough to inspect."""
    if not op.plain or op.ulps or op.factor is not None or op.coefficients is not None:
        return False
    if op.size > LOOKED_AT or op.size * sum(op.sizes) > LOOKED_AT**2:
        return False
    parts = (op.bias, *op.adjoint(np.eye(op.size)))
    with np.errstate(over="ignore"):
        return all(np.array_equal(part, part.astype(np.float32)) for part in parts)


def find_integers(op: Any, integer_inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Return a mask of the results that must be integers, from masks of the inputs' integers."""
    if isinstance(op, Rearrange):
        whole = op.run([k.astype(np.float64) for k in integer_inputs], fill=False) > 0
        return np.where(op.index < 0, op.fill == np.rint(op.fill), whole)
    if isinstance(op, Largest):
        picked = integer_inputs[0][np.maximum(op.windows, 0)]
        return np.asarray((picked | (op.windows < 0)).all(axis=1))
    if isinstance(op, Product):
        return integer_inputs[0][op.left] & integer_inputs[1][op.right]
    if isinstance(op, Affine):
        plain = has_integer_coefficients(op)
        return np.logical_and.reduce(list(integer_inputs)) if plain else np.zeros(op.size, bool)
    if isinstance(op, Step) and op.rows is None:
        levels = op.lines or ()
        stairs = op.is_staircase and op.spacing == 1.0
        level = bool(levels) and all(
            line is not None and line[1] == round(line[1]) for line in levels
        )
        return np.full(integer_inputs[0].shape, stairs or level)
    return np.zeros(integer_inputs[0].shape, bool)


def times(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return `x y`, where 0 times an infinite bound is 0."""
    return np.where((x == 0) | (y == 0), 0.0, x * y)
