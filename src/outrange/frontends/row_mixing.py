"""Dependence between the rows of a batch, read from the graph of a batch of several rows.

The model is traced for several rows, and the traced program is lowered as if the whole batch were
one row. Every entry of the batch is then a separate input. So the structure of the graph shows
whether a row depends on another row, for any input values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..core import check_deadline
from ..graph import Graph
from ..graph.graph import Node
from ..ops import Affine, Curve, Largest, Product
from ..ops.pointwise.op import Pointwise


_GRID = np.array([-1e4, -40.3, -7.0, -2.9, -1.0, -0.6, 0.0, 0.3, 1.0, 1.7, 5.2, 31.0, 1e4])
"""Arguments at which a curve is evaluated to identify it."""

_NUDGE = 1e-13
"""Relative change of an input, used to measure how much a graph amplifies roundoff."""

COMMON_SIZES = (3, 7, 16, 32, 64, 100, 128)
"""Batch sizes at which code is checked if its conditions on the number of rows are unknown."""

MOST_BATCH_ENTRIES = 1 << 23
"""Maximum number of entries in the graph of a batch with more than two rows."""


class RowsMixed(Exception):
    """Error for a batch whose outputs cannot be split into one row for each input row."""


@dataclass(frozen=True, eq=False)
class BatchGraph:
    """The graph of a model that is applied to a batch of several rows.

    Args:
        graph: The graph before operations are fused into curves. Value 0 contains the inputs one
            after another, each for all rows.
        rows: Number of rows in the batch.
        sizes: Number of entries of one row of each input.
        shapes: Shape of each output, with the batch axis.
    """

    graph: Graph
    rows: int
    sizes: Sequence[int]
    shapes: Sequence[tuple[int, ...]]

    def pack_rows(self, x: np.ndarray) -> np.ndarray:
        """Return rows `(rows, size)` as the flat input of the graph."""
        ends = np.cumsum([0, *self.sizes])
        return np.concatenate([x[:, a:b].ravel() for a, b in pairwise(ends)])

    def places(self, alone: Sequence[tuple[int, ...]]) -> np.ndarray:
        """Return the positions of each row's entries in the flat output, `(rows, outputs)`.

        Args:
            alone: Shape of each output for a batch of one.

        Raises:
            RowsMixed: The outputs cannot be split into one row for each input row.
        """
        if len(alone) != len(self.shapes):
            raise RowsMixed
        parts, start = [], 0
        for shape, single in zip(self.shapes, alone, strict=True):
            size = int(np.prod(shape))
            leaf = np.arange(start, start + size).reshape(shape)
            parts.append(split_rows(leaf, tuple(single), self.rows))
            start += size
        return np.concatenate(parts, axis=1)


def split_rows(leaf: np.ndarray, alone: tuple[int, ...], rows: int) -> np.ndarray:
    """Reshape a model's output for a batch to `(rows, entries)`.

    The batch axis is the one where the shape differs from `alone`, the shape for a single row. An
    output without such an axis is repeated for each row.

    Raises:
        RowsMixed: The shape differs from `alone` in any other way.
    """
    if leaf.shape == alone:
        return np.broadcast_to(leaf.ravel(), (rows, leaf.size))
    axes = [i for i, (n, m) in enumerate(zip(leaf.shape, alone, strict=False)) if n != m]
    if (
        leaf.ndim != len(alone)
        or len(axes) != 1
        or (leaf.shape[axes[0]], alone[axes[0]]) != (rows, 1)
    ):
        raise RowsMixed
    return np.moveaxis(leaf, axes[0], 0).reshape(rows, -1)


def fits(graph: Graph, rows: int) -> bool:
    """Return whether the graph of `rows` rows has at most `MOST_BATCH_ENTRIES` entries.

    The result is True for up to two rows. `graph` is the graph of one row.
    """
    return rows <= 2 or rows * graph.entries <= MOST_BATCH_ENTRIES


def mixing_part(single: Graph, batch: BatchGraph, alone: Sequence[tuple[int, ...]]) -> str | None:
    """Return a description of the part of a model that mixes rows or uses their number.

    Args:
        single: The graph of one row, before operations are fused into curves.
        batch: The graph of several rows.
        alone: Shape of each output for a batch of one.

    Returns:
        Text for an error message, such as the operation and its layer; None if no such part is
        found.
    """
    try:
        places = batch.places(alone)
    except RowsMixed:
        return "an output without a row for each input"
    marks = _marks(batch)
    foreign = ~_digits(batch.rows)
    if (marks[batch.graph.output][:, places] & foreign[:, :, None]).any():
        return _first_mixing(batch.graph, marks)
    if _depends_on_size(single, batch, places):
        return "the number of rows"
    return None


def _digits(rows: int) -> np.ndarray:
    """Return two masks for each binary digit: rows whose index has a 0 there, and rows with a 1.

    The result has the shape `(2 * digits, rows)`. Any two rows differ in some digit, so these sets
    of rows distinguish all rows.
    """
    ones = np.arange(rows) >> np.arange(max(1, (rows - 1).bit_length()))[:, None] & 1 > 0
    return np.stack([~ones, ones], axis=1).reshape(-1, rows)


def _marks(batch: BatchGraph) -> list[np.ndarray]:
    """Return, for each value, masks of the entries that may depend on each row set of `_digits`.

    The masks have the shape `(sets, size)`.
    """
    sets = np.repeat(_digits(batch.rows)[:, :, None], sum(batch.sizes), axis=2)
    marks = [np.stack([batch.pack_rows(x) for x in sets])]
    for node in batch.graph.nodes:
        check_deadline()
        xs = [marks[j].astype(np.float64) for j in node.inputs]
        op = node.op
        if isinstance(op, Affine):
            values = op.apply(xs, True)
        elif isinstance(op, Curve | Pointwise):
            values = np.sum(xs, axis=0)
        elif isinstance(op, Largest):
            values = op.run(xs)
        elif isinstance(op, Product):
            values = xs[0][:, op.left] + xs[1][:, op.right]
        else:
            values = op.run(xs, fill=False)
        marks.append(values > 0)
    return marks


def _first_mixing(graph: Graph, marks: Sequence[np.ndarray]) -> str:
    """Describe the first operation that mixes rows and that the output depends on.

    If no operation mixes rows, the description states that their order changes.
    """
    behind = graph.ancestors(graph.output)
    for value in sorted(behind - {0}):
        if marks[value].reshape(-1, 2, marks[value].shape[1]).all(axis=1).any():
            node = graph.nodes[value - 1]
            where = f" in `{node.source}`" * bool(node.source)
            return f"`{node.operation or node.op.name}`{where}"
    return "an order of rows that is not that of the inputs"


def _depends_on_size(single: Graph, batch: BatchGraph, places: np.ndarray) -> bool:
    """Return whether a row is mapped by a different function in a batch than when it is alone.

    Curves and pointwise operations are replaced by smooth functions, so that no threshold hides a
    difference. Differences that roundoff explains are ignored. The result is False if the two
    graphs have different curves, maxima or pointwise operations, since they are not compared then.
    """
    if _kinds(single) != _kinds(batch.graph):
        return False
    x = np.random.default_rng(0).uniform(-1.0, 1.0, (batch.rows, single.size))
    expected, nudged = _smooth(single, np.stack([x, x * (1.0 + _NUDGE)]))
    (values,) = _smooth(batch.graph, batch.pack_rows(x)[None])
    difference = np.abs(values[places] - expected)
    scale = np.abs(expected).max(initial=1.0)
    return bool(
        (difference > 1e4 * np.abs(nudged - expected).max(initial=0.0) + 1e-11 * scale).any()
    )


def _kinds(graph: Graph) -> list[tuple[type, str]]:
    """Return type and name of each curve, maximum and pointwise operation before the output."""
    behind = graph.ancestors(graph.output)
    return [
        (type(node.op), node.op.name)
        for value, node in enumerate(graph.nodes, 1)
        if value in behind and isinstance(node.op, Curve | Largest | Pointwise)
    ]


def _smooth(graph: Graph, x: np.ndarray) -> np.ndarray:
    """Compute the outputs with each curve and pointwise operation replaced by a cosine."""
    behind, values = graph.ancestors(graph.output), [x]
    for value, node in enumerate(graph.nodes, 1):
        check_deadline()
        xs = [values[j] for j in node.inputs] if value in behind else []
        if value not in behind:
            values.append(np.zeros(0))
        elif isinstance(node.op, Curve):
            values.append(np.cos(xs[0] + _phase(node)))
        elif isinstance(node.op, Pointwise):
            values.append(np.cos(sum(x * (1.0 + i) for i, x in enumerate(xs))))
        else:
            values.append(node.op.run(xs))
    return values[graph.output]


def _phase(node: Node) -> np.ndarray:
    """Return, for each entry of a node, a number that identifies the curve of this entry."""
    grid = np.broadcast_to(_GRID[:, None], (len(_GRID), node.size))
    with np.errstate(all="ignore"):
        table = np.nan_to_num(node.op.run([grid]), posinf=2.0, neginf=-2.0)
    return np.tanh(table).T @ np.sqrt(np.arange(2.0, 2.0 + len(_GRID)))
