"""Values in float32: what is known of those that an op reads, and what it makes of their errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, ClassVar

import numpy as np

from ...core import UnsupportedError
from ...graph import Graph, Node
from ...graph.float32 import FLOAT32, has_whole_coefficients, only_picks
from ...ops import Affine, Largest, Product, Rearrange, Step
from ...ops.pointwise.op import Pointwise


TINY = 2.0 * FLOAT32.tiny
"""What flushing to zero may move a number by, doubled."""

LOOKED_AT = 1 << 10
"""Results of the largest op whose numbers are looked at one by one."""

MOST = 2.0**127
"""Beyond it float32 may overflow."""


class Constant(IntEnum):
    """The constant of a sum: none, the bias of a matrix, a shift entry by entry (a batch norm)."""

    NONE = 0
    BIAS = 1
    SHIFT = 2


@dataclass(frozen=True, eq=False)
class Sums:
    """A value as a sum that a runtime may form together with the one that reads it.

    Args:
        partial: `(B, n)` the most that any partial sum can be.
        added: `(B, n)` how many additions form it.
        size: `(B, n)` the magnitudes of all terms together.
        counted: `(B, n)` what is counted of all its roundings, in units of roundoff.
        rough: `(B, n)` that of the roundings of terms by themselves.
        widest: `(B, n)` the largest number that may be multiplied on the way.
        weights: `(B, n)` the magnitudes of all coefficients together.
        constant: What is added in it that does not depend on the input.
        scaled: Whether it holds products with factors, entry by entry.
        shared: Whether others read it, too, and may see it rounded otherwise.
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
        """A number that is no sum."""
        zero = np.zeros(size.shape)
        return Sums(size, zero, size, zero, zero, size, np.ones(size.shape))

    def in_two(self, size: np.ndarray) -> Sums:
        """What is seen by those who do not form the sum themselves: a number and a constant.

        The number is formed once. The constant may be moved to whatever reads the sum, and a
        product may be rounded there or fused: those who read it differ by no more than that.

        Args:
            size: `(B, n)` of the value.
        """
        alone = self.constant is Constant.NONE
        partial = size if alone else np.maximum(size, self.partial)
        added = np.zeros(size.shape) if alone else np.ones(size.shape)
        zero, one = np.zeros(size.shape), np.ones(size.shape)
        return replace(
            self, partial=partial, added=added, size=np.minimum(self.size, 2.0 * partial),
            counted=zero if alone and not self.scaled else 4.0 * self.partial,
            rough=zero, widest=size, weights=one,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Arrived:
    """A value that an op reads: its real ends, its error, which entries are whole numbers.

    `sums` is None where it is no sum; `formula` is a `Formula` where it is made of factors.
    """

    lo: np.ndarray
    hi: np.ndarray
    off: np.ndarray
    whole: np.ndarray
    sums: Sums | None = None
    formula: Any = None

    @property
    def size(self) -> np.ndarray:
        """The largest magnitude in float32."""
        return np.maximum(-self.lo, self.hi) + self.off


@dataclass(frozen=True, eq=False)
class Carried:
    """What an op makes of errors.

    Args:
        local: `(B, n)` its own rounding.
        off: `(B, n)` all, its inputs' errors carried on by magnitudes.
        lines: How it carries them, if it is not linear.
        own: `(B, n)` its own rounding alone, where `local` holds what lines leave open, too.
        sums: The value as a sum, if it is one.
        formula: The value as a quotient of products, if it is one.
    """

    local: np.ndarray
    off: np.ndarray
    lines: Any = None
    own: np.ndarray | None = None
    sums: Sums | None = None
    formula: Any = None

    @property
    def rounding(self) -> np.ndarray:
        """Its own rounding alone."""
        return self.local if self.own is None else self.own


def flushed(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """What a number in `[lo, hi]` loses where it is flushed: nothing if it is normal, or zero."""
    normal = (lo >= FLOAT32.tiny) | (hi <= -FLOAT32.tiny) | ((lo == 0) & (hi == 0))
    return np.where(normal, 0.0, FLOAT32.tiny)


def settled(node: Node) -> Node:
    """A node in which a function of several values is the op that stands in its place.

    Raises:
        UnsupportedError: There is none.
    """
    if not isinstance(node.op, Pointwise):
        return node
    if node.op.otherwise is None:
        raise UnsupportedError(
            f"Layer `{node.source}` computes `{node.op.name}` of several values, whose float32 "
            "error is not described."
        )
    return replace(node, op=node.op.otherwise(node.size))


def alone_in(graph: Graph, unrounded: frozenset[int]) -> frozenset[int]:
    """Values that are sums which a runtime joins with no other, and whose weights it has as stated.

    The ops before and behind are no affine ones (but for entries that are picked, or negated, and
    forms of real arithmetic), and weights and biases are float32 numbers.
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
    """Whether an op is a small matrix of float32 numbers."""
    if not op.plain or op.ulps or op.factor is not None or op.coefficients is not None:
        return False
    if op.size > LOOKED_AT or op.size * sum(op.sizes) > LOOKED_AT**2:
        return False
    parts = (op.bias, *op.adjoint(np.eye(op.size)))
    with np.errstate(over="ignore"):
        return all(np.array_equal(part, part.astype(np.float32)) for part in parts)


def are_whole(op: Any, known: Sequence[np.ndarray]) -> np.ndarray:
    """Which results are whole numbers, of inputs of which that is known."""
    if isinstance(op, Rearrange):
        whole = op.run([k.astype(np.float64) for k in known], fill=False) > 0
        return np.where(op.index < 0, op.fill == np.rint(op.fill), whole)
    if isinstance(op, Largest):
        picked = known[0][np.maximum(op.windows, 0)]
        return np.asarray((picked | (op.windows < 0)).all(axis=1))
    if isinstance(op, Product):
        return known[0][op.left] & known[1][op.right]
    if isinstance(op, Affine):
        plain = has_whole_coefficients(op)
        return np.logical_and.reduce(list(known)) if plain else np.zeros(op.size, bool)
    if isinstance(op, Step) and op.rows is None:
        levels = op.lines or ()
        stairs = op.is_staircase and op.spacing == 1.0
        level = bool(levels) and all(one is not None and one[1] == round(one[1]) for one in levels)
        return np.full(known[0].shape, stairs or level)
    return np.zeros(known[0].shape, bool)


def times(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`x y`, where 0 times an infinite bound is 0."""
    return np.where((x == 0) | (y == 0), 0.0, x * y)
