"""Values in float32: what is known of those that an op reads, and what it makes of their errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...core import UnsupportedError
from ...graph import Graph, Node
from ...graph.float32 import FLOAT32, has_whole_coefficients
from ...ops import Affine, Largest, Product, Rearrange, Step
from ...ops.pointwise.op import Pointwise


TINY = 2.0 * FLOAT32.tiny
"""What flushing to zero may move a number by, doubled."""

LOOKED_AT = 1 << 10
"""Results of the largest op whose numbers are looked at one by one."""

MOST = 2.0**127
"""Beyond it float32 may overflow."""


@dataclass(frozen=True, eq=False)
class Sums:
    """A value as a sum that a runtime may form together with the one that reads it.

    Args:
        partial: `(B, n)` the most that any partial sum can be.
        added: `(B, n)` how many additions form it.
        counted: `(B, n)` what is counted of their roundings, in units of roundoff.
    """

    partial: np.ndarray
    added: np.ndarray
    counted: np.ndarray


@dataclass(frozen=True, eq=False)
class Arrived:
    """A value that an op reads: its real ends, its error, which entries are whole numbers.

    `sums` is None where it is no sum, or is read by others too and so computed once.
    """

    lo: np.ndarray
    hi: np.ndarray
    off: np.ndarray
    whole: np.ndarray
    sums: Sums | None = None

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
    """

    local: np.ndarray
    off: np.ndarray
    lines: Any = None
    own: np.ndarray | None = None
    sums: Sums | None = None

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
    """Values of affine ops whose weights no other layer's can be multiplied into.

    Weights and biases are float32 numbers, and between the op and the next one that multiplies,
    before it and behind it, a nonlinear op stands. What only adds, subtracts or moves entries lets
    weights through, and so does what is formed in real arithmetic, which multiplies nothing.
    """
    multiplied_below, multiplied_above = [False], [False] * (len(graph.nodes) + 1)
    for node in graph.nodes:
        straight = isinstance(node.op, Affine | Rearrange)
        through = straight and any(multiplied_below[j] for j in node.inputs)
        multiplied_below.append(through or _multiplies(node.op))
    for v in range(len(graph.nodes), 0, -1):
        node = graph.nodes[v - 1]
        if v in unrounded or not isinstance(node.op, Affine | Rearrange):
            continue
        for j in node.inputs:
            multiplied_above[j] |= multiplied_above[v] or _multiplies(node.op)
    return frozenset(
        v
        for v, node in enumerate(graph.nodes, 1)
        if isinstance(node.op, Affine)
        and not multiplied_above[v]
        and not any(multiplied_below[j] for j in node.inputs)
        and _is_single(node.op)
    )


def _multiplies(op: Any) -> bool:
    """Whether a runtime may multiply what stands for an op into the weights of another."""
    if not isinstance(op, Affine):
        return False
    numbers = op.factor if op.factor is not None else op.coefficients
    return numbers is None or op.ulps > 0 or not bool((np.abs(np.asarray(numbers)) == 1.0).all())


def _is_single(op: Affine) -> bool:
    """Whether the numbers of a small plain op are float32 numbers."""
    if not op.plain or op.size > LOOKED_AT or op.size * sum(op.sizes) > LOOKED_AT**2:
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
