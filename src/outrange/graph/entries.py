"""Expressions that describe each entry of a value in terms of one entry of an earlier value."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import UnsupportedError
from ..ops import Affine, Curve, Largest, Rearrange
from ..ops.pointwise import Expressions, apply_curve
from ..ops.pointwise.definitions import largest
from ..ops.pointwise.domain import apply_with_domain
from ..ops.pointwise.limits import exact
from ..ops.pointwise.op import Pointwise
from .graph import Node
from .rewrites.regions import FusedRegion


MOST_FORMULAS = 512
"""Largest number of distinct formulas within one value."""


@dataclass(frozen=True, eq=False)
class EntryExpressions:
    """Expressions for the entries of a value in terms of entries of one earlier value, the root.

    Entry `j` of the value is the expression `ids[j]` of entry `source[j]` of the root.

    Args:
        source: `(n,)`: positions in the root; `-1` where the entry is a constant.
        ids: `(n,)`: indices of the entries' expressions in the table.
    """

    source: np.ndarray
    ids: np.ndarray

    def distinct(self, table: Expressions) -> list[int]:
        """Return the indices of the distinct expressions, without those of float64 constants."""
        expressions = []
        for e in np.unique(self.ids).tolist():
            value = table.value_of(e)
            if value is None or float(value) != value:
                expressions.append(e)
        return expressions


def entry_expressions(
    table: Expressions, nodes: Sequence[Node], root: int, inner: Sequence[int], value: int
) -> EntryExpressions | None:
    """Express the entries of `value` in terms of `root`, through the values `inner`.

    Returns None if an entry depends on several entries of `root`, or on a value that is neither
    `root` nor in `inner`.
    """
    size = _root_size(nodes, root, inner)
    expressions = {root: EntryExpressions(np.arange(size), np.full(size, table.x))}
    for v in sorted(inner):
        node = nodes[v - 1]
        result = _step(table, node, [expressions.get(j) for j in node.inputs])
        if result is None:
            return None
        expressions[v] = result
    return expressions[value]


def is_entrywise_in_root(
    nodes: Sequence[Node], region: FusedRegion, values: Sequence[int], size: int
) -> bool:
    """Return whether `values` depend on at most one common entry of the root at each position.

    This is the test that `entry_expressions` makes, but no expressions are built.

    Args:
        nodes: Nodes of the graph.
        region: The region between the root and the values.
        values: Values of the region or the root itself, all of one size.
        size: The number of entries of the root.
    """
    sources: dict[int, np.ndarray] = {region.root: np.arange(size)}
    for v in region.inner:
        node = nodes[v - 1]
        op: Any = node.op
        if isinstance(op, Rearrange):
            source = _rearranged_places(op, [sources.get(j) for j in node.inputs])
        else:
            inputs = [sources[j] for j in node.inputs if j in sources]
            if len(inputs) < len(node.inputs):
                return False
            if isinstance(op, Largest):
                inputs = [np.where(w < 0, -1, inputs[0][w]) for w in np.asarray(op.windows).T]
            source = _one_source(inputs)
        if source is None:
            return False
        sources[v] = source
    return _one_source([sources[v] for v in values]) is not None


def _one_source(places: Sequence[np.ndarray]) -> np.ndarray | None:
    """Return the root entry that the columns depend on at each position; -1 if none does.

    Returns None if, at some position, two columns depend on different entries of the root.
    """
    source = places[0]
    for other in places[1:]:
        if ((other != source) & (other >= 0) & (source >= 0)).any():
            return None
        source = np.maximum(source, other)
    return source


def _rearranged_places(op: Rearrange, inputs: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """Return the root entry that each rearranged entry depends on, or -1 for a constant.

    Returns None if an entry comes from an input that is None.
    """
    columns = [
        x if x is not None else np.full(n, -2) for x, n in zip(inputs, op.sizes, strict=True)
    ]
    source = np.concatenate(columns)[np.maximum(op.index, 0)]
    filled = op.index < 0
    return None if (source[~filled] == -2).any() else np.where(filled, -1, source)


def _column(x: EntryExpressions, window: np.ndarray) -> EntryExpressions:
    absent = window < 0
    return EntryExpressions(
        np.where(absent, -1, x.source[window]), np.where(absent, -1, x.ids[window])
    )


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


def _step(
    table: Expressions, node: Node, inputs: list[EntryExpressions | None]
) -> EntryExpressions | None:
    op: Any = node.op
    if isinstance(op, Rearrange):
        return _rearrange(table, op, inputs)
    operands = [x for x in inputs if x is not None]
    if len(operands) < len(inputs):
        return None
    if isinstance(op, Curve):
        return _map_rows(table, op, lambda e: apply_curve(table, op, e), operands)
    if isinstance(op, Pointwise):
        return _map_rows(table, op, lambda *es: op.write(table, *es), operands)
    if isinstance(op, Affine):
        factors = [op.factor] if op.factor is not None else list(op.coefficients or ())
        columns = [np.broadcast_to(np.asarray(f, float), (op.size,)) for f in factors]
        return _map_rows(
            table, "line", lambda *row: _line_expression(table, row), operands, [*columns, op.bias]
        )
    picked = [_column(operands[0], w) for w in np.asarray(op.windows).T]
    return _map_rows(table, "largest", lambda *es: _largest_expression(table, es), picked)


def _line_expression(table: Expressions, row: Sequence[float]) -> int:
    """Return the expression `sum f_i e_i + b` of a row of `k` expressions, `k` factors and `b`."""
    k = len(row) // 2
    return table.combine(
        [(exact(f), int(e)) for e, f in zip(row[:k], row[k : 2 * k], strict=True)],
        exact(row[-1]),
    )


def _largest_expression(table: Expressions, es: Sequence[int]) -> int:
    present = [e for e in es if e >= 0]
    out = present[0]
    for e in present[1:]:
        out = largest(table, out, e) if e != out else out
    return out


def _rearrange(
    table: Expressions, op: Rearrange, inputs: list[EntryExpressions | None]
) -> EntryExpressions | None:
    source = _rearranged_places(op, [x if x is None else x.source for x in inputs])
    if source is None:
        return None
    whole = [
        x.ids if x is not None else np.full(n, -1) for x, n in zip(inputs, op.sizes, strict=True)
    ]
    ids = np.concatenate(whole)[np.maximum(op.index, 0)]
    filled = op.index < 0
    fills = np.unique(op.fill[filled])
    _refuse_many(len(fills))
    for value in fills:
        ids[filled & (op.fill == value)] = table.constant(float(value))
    return EntryExpressions(source, ids)


def _map_rows(
    table: Expressions,
    name: Hashable,
    function: Callable,
    operands: list[EntryExpressions],
    more: Sequence[np.ndarray] = (),
) -> EntryExpressions | None:
    """Apply a function to the expressions (and numbers) of each row, once per distinct row.

    `name` identifies the function in the cache of earlier results. Returns None if the operands
    depend on different entries of the root.
    """
    source = _one_source([x.source for x in operands])
    if source is None:
        return None
    columns = [np.asarray(x.ids) for x in operands] + [np.asarray(c) for c in more]
    if all((c == c[0]).all() for c in columns if len(c)):
        if not len(source):
            return EntryExpressions(source, np.zeros(0, int))
        rows, back = np.array([[c[0] for c in columns]]), np.zeros(len(source), int)
    else:
        rows, back = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    _refuse_many(len(rows))
    k, results = len(operands), []
    for row in rows.tolist():
        ids, more = [int(v) for v in row[:k]], row[k:]
        key = (name, *ids, *more)
        if key not in table.made:
            table.made[key] = apply_with_domain(
                table, lambda *es, more=more: function(*es, *more), ids
            )
        results.append(table.made[key])
    return EntryExpressions(source, np.array(results)[back.ravel()])


def _refuse_many(count: int) -> None:
    if count > MOST_FORMULAS:
        raise UnsupportedError(
            f"a tensor whose entries are more than {MOST_FORMULAS} different functions of one "
            "variable"
        )
