"""Every entry of a value as an expression of one entry of an earlier value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..core import UnsupportedError
from ..ops import Affine, Curve, Largest, Rearrange
from ..ops.pointwise import Expressions, of_curve
from ..ops.pointwise.definitions import largest
from ..ops.pointwise.op import Pointwise
from .graph import Node


MOST_FORMULAS = 512
"""Distinct formulas within one value."""


@dataclass(frozen=True, eq=False)
class Entries:
    """`value[j] = ids[j](root[source[j]])`.

    Args:
        source: `(n,)` places in the root; `-1` where the entry is a constant.
        ids: `(n,)` expressions.
    """

    source: np.ndarray
    ids: np.ndarray

    def distinct(self, table: Expressions) -> list[int]:
        """The expressions that are not constants which float64 holds."""
        kept = []
        for e in np.unique(self.ids).tolist():
            value = table.value_of(e)
            if value is None or float(value) != value:
                kept.append(e)
        return kept


def entries(
    table: Expressions, nodes: Sequence[Node], root: int, inner: Sequence[int], value: int
) -> Entries | None:
    """The entries of `value` in terms of `root`, through the values `inner`; None if they mix."""
    size = _root_size(nodes, root, inner)
    known = {root: Entries(np.arange(size), np.full(size, table.x))}
    for v in sorted(inner):
        node = nodes[v - 1]
        found = _step(table, node, [known.get(j) for j in node.inputs])
        if found is None:
            return None
        known[v] = found
    return known[value]


def placed(
    table: Expressions, nodes: Sequence[Node], root: int, inner: Sequence[int], value: int
) -> bool:
    """Whether every entry of `value` hangs on one entry of `root`: `entries` without formulas."""
    size = _root_size(nodes, root, inner)
    known = {root: Entries(np.arange(size), np.zeros(size, int))}
    for v in sorted(inner):
        node = nodes[v - 1]
        op: Any = node.op
        inputs = [known.get(j) for j in node.inputs]
        if isinstance(op, Rearrange):
            found = _rearranged(table, op, inputs)
        else:
            given = [x for x in inputs if x is not None]
            if len(given) < len(inputs):
                return False
            if isinstance(op, Largest):
                given = [_column(given[0], w) for w in np.asarray(op.windows).T]
            found = _mapped(table, lambda *es: 0, [Entries(x.source, 0 * x.ids) for x in given])
        if found is None:
            return False
        known[v] = found
    return True


def _column(x: Entries, window: np.ndarray) -> Entries:
    absent = window < 0
    return Entries(np.where(absent, -1, x.source[window]), np.where(absent, -1, x.ids[window]))


def _root_size(nodes: Sequence[Node], root: int, inner: Sequence[int]) -> int:
    if root:
        return nodes[root - 1].size
    for v in inner:
        node = nodes[v - 1]
        op: Any = node.op
        for i, j in enumerate(node.inputs):
            if j == 0 and not isinstance(op, Largest):
                return op.sizes[i] if isinstance(op, Affine | Rearrange) else node.size
    raise UnsupportedError("a maximum of inputs")


def _step(table: Expressions, node: Node, inputs: list[Entries | None]) -> Entries | None:
    op: Any = node.op
    if isinstance(op, Rearrange):
        return _rearranged(table, op, inputs)
    given = [x for x in inputs if x is not None]
    if len(given) < len(inputs):
        return None
    if isinstance(op, Curve):
        return _mapped(table, lambda e: of_curve(table, op, e), given)
    if isinstance(op, Pointwise):
        return _mapped(table, lambda *es: op.write(table, *es), given)
    if isinstance(op, Affine):
        factors = [op.factor] if op.factor is not None else list(op.coefficients or ())
        columns = [np.broadcast_to(np.asarray(f, float), (op.size,)) for f in factors]
        return _mapped(table, lambda *row: _line(table, row), given, [*columns, op.bias])
    picked = [_column(given[0], w) for w in np.asarray(op.windows).T]
    return _mapped(table, lambda *es: _largest(table, es), picked)


def _line(table: Expressions, row: Sequence[float]) -> int:
    """`sum f_i e_i + b` of `k` expressions, then `k` factors and `b`."""
    k = len(row) // 2
    return table.combine(
        [(Fraction(f), int(e)) for e, f in zip(row[:k], row[k : 2 * k], strict=True)],
        Fraction(row[-1]),
    )


def _largest(table: Expressions, es: Sequence[int]) -> int:
    present = [e for e in es if e >= 0]
    out = present[0]
    for e in present[1:]:
        out = largest(table, out, e) if e != out else out
    return out


def _rearranged(table: Expressions, op: Rearrange, inputs: list[Entries | None]) -> Entries | None:
    unread = [Entries(np.full(n, -2), np.full(n, -1)) for n in op.sizes]
    whole = [x if x is not None else u for x, u in zip(inputs, unread, strict=True)]
    source = np.concatenate([x.source for x in whole])[np.maximum(op.index, 0)]
    ids = np.concatenate([x.ids for x in whole])[np.maximum(op.index, 0)]
    filled = op.index < 0
    if (source[~filled] == -2).any():
        return None
    for value in np.unique(op.fill[filled]):
        ids[filled & (op.fill == value)] = table.constant(float(value))
    source[filled] = -1
    return Entries(source, ids)


def _mapped(
    table: Expressions, function: Callable, given: list[Entries], more: Sequence[np.ndarray] = ()
) -> Entries | None:
    """A function of expressions (and numbers), row by row; each distinct row once."""
    source = given[0].source
    for x in given[1:]:
        if ((x.source != source) & (x.source >= 0) & (source >= 0)).any():
            return None
        source = np.maximum(source, x.source)
    columns = [np.asarray(x.ids) for x in given] + [np.asarray(c) for c in more]
    if all((c == c[0]).all() for c in columns if len(c)):
        if not len(source):
            return Entries(source, np.zeros(0, int))
        row = [c[0] for c in columns]
        e = function(*(int(v) for v in row[: len(given)]), *(float(v) for v in row[len(given) :]))
        return Entries(source, np.full(source.shape, e))
    rows, back = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    if len(rows) > MOST_FORMULAS:
        raise UnsupportedError(f"more than {MOST_FORMULAS} functions of one variable in one tensor")
    k = len(given)
    made = [function(*(int(v) for v in r[:k]), *(float(v) for v in r[k:])) for r in rows]
    return Entries(source, np.array(made)[back.ravel()])
