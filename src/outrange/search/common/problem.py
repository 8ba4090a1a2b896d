"""Problems: linear objectives of a network, to be minimized over boxes of inputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...core import down, gamma
from ...domains import bounds
from ...domains.cone import cone, restore_axes
from ...domains.rounding import FLOOR
from ...graph import Builder, Graph
from ...graph.rewrites.gates import simplify
from ...graph.rewrites.rewrite import fold
from ...graph.values import Value
from ...ops import Largest, Step, gather_sum
from .domain_boxes import DomainBoxes
from .parts import Part, independent_parts


SPARSE = 64
"""Minimum ratio of the number of outputs to the largest number of nonzero entries of a row. From
this ratio on, rows are stored as sparse sums."""


MANY_UNREAD = 2
"""Minimum ratio of the number of all entries of a graph to the number of entries that its output
needs. From this ratio on, the unneeded entries are dropped."""

FEW_ROWS = 16
"""Maximum number of objectives for which the inputs of a wide graph may be split.

Each objective has its own relaxation lines for every unit."""


@dataclass(frozen=True, eq=False)
class Problem:
    """Objectives to be minimized over boxes: `rows @ output(x) + offset`.

    Args:
        graph: The network.
        rows: Coefficients of the outputs, shape `(m, outputs)`.
        offset: Constants of the objectives, shape `(m,)`.
        domain: Boxes of all inputs.
    """

    graph: Graph
    rows: np.ndarray
    offset: np.ndarray
    domain: DomainBoxes

    @cached_property
    def small(self) -> Graph:
        """The simplified graph, or `graph` itself if nothing changes.

        The simplified graph writes maxima as maxima of pairs, merges gates, and drops entries that
        the output does not need. A merged gate is clipped to the hull of the values that it mixes.
        """
        graph, small = self.graph, _without_unread(simplify(self.graph))
        same = [*map(id, small.nodes)] == [*map(id, graph.nodes)] and small.output == graph.output
        return graph if same else small

    @cached_property
    def parts(self) -> list[Part] | None:
        """The independent parts by cones of influence; see `independent_parts`.

        None if the problem should not be split into parts.
        """
        return independent_parts(self.small, self.rows, self.offset, self.domain)

    @property
    def free(self) -> int:
        """The number of inputs that are not fixed."""
        return int((self.domain.hull.lo < self.domain.hull.hi).sum())

    @property
    def has_few_forms(self) -> bool:
        """Whether the problem has at most `FEW_ROWS` objectives and no `Step` or `Largest` ops.

        If such a problem has few free inputs, even a wide graph is searched by input splits.
        """
        steps = any(isinstance(node.op, Step | Largest) for node in self.graph.nodes)
        return len(self.rows) <= FEW_ROWS and not steps

    @property
    def is_one_box(self) -> bool:
        """Whether the domain is a single box of real inputs."""
        return len(self.domain.lo) == 1 and not self.domain.whole.any()

    def of_outputs(self, graph: Graph) -> Graph:
        """Return `graph` with the objectives as its outputs."""
        outputs = graph.value_size(graph.output)
        same = self.rows.shape == (outputs, outputs) and not self.offset.any()
        if same and np.array_equal(self.rows, np.eye(outputs)):
            return graph
        return with_rows(graph, self.rows, self.offset)

    def by_intervals(self, graph: Graph) -> np.ndarray:
        """Compute lower bounds `(m,)` of the objectives by interval arithmetic over every box.

        Args:
            graph: A graph with the same outputs as the network.
        """
        lo, hi = bounds(graph, self.domain.lo, self.domain.hi, "intervals")[graph.output]
        return self.by_outputs(lo, hi).min(axis=0)

    def by_linear_bounds(self, domain: str = "linear") -> np.ndarray:
        """Compute lower bounds `(m,)` of the objectives over the hull of the boxes, without splits.

        If both factors of a product depend on the same source, forward forms keep this dependence.
        McCormick planes, which use only the factors' intervals, lose it.

        Args:
            domain: Name of the abstract domain.
        """
        hull = self.domain.hull
        ends = bounds(self.small, hull.lo[None], hull.hi[None], domain)[self.small.output]
        return self.by_outputs(*ends)[0]

    def by_outputs(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Compute lower bounds `(B, m)` of the objectives from output bounds `(B, outputs)`."""
        low = by_outputs(self.rows, self.offset, lo, hi)
        others = np.isneginf(low).any(axis=0)
        if others.any():
            low[:, others] = sums_of_outputs(self.rows[others], self.offset[others], lo, hi)
        return low


def _without_unread(graph: Graph) -> Graph:
    """Drop entries that the output does not need, if it needs all inputs.

    Nothing is dropped if the ratio of all entries to the needed ones is below `MANY_UNREAD`.

    For example, a property of a power grid may constrain only one of hundreds of lines.
    """
    whole = cone(graph, graph.output, np.arange(graph.value_size(graph.output)))
    reads = [some.size for value, some in whole.leaves if value == 0]
    if (
        reads != [graph.size]
        or len(whole.leaves) > 1
        or whole.graph.entries * MANY_UNREAD > graph.entries
    ):
        return graph
    return replace(restore_axes(graph, whole), inputs=graph.inputs, outputs=graph.outputs)


def by_outputs(rows: np.ndarray, offset: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Return lower bounds `(B, m)` of rows that are plus or minus one output, with offset 0.

    The bounds of all other rows are `-inf`.
    """
    size = np.abs(rows)
    column = size.argmax(axis=1)
    # Entries are counted: a sum of absolute values may round away a tiny one.
    single = (np.count_nonzero(size, axis=1) == 1) & (size.max(axis=1) == 1.0)
    single &= offset == 0
    rises = rows[np.arange(len(column)), column] > 0
    low = np.where(single, np.where(rises, lo[:, column], -hi[:, column]), -np.inf)
    return np.where(np.isnan(low), -np.inf, low)


def sums_of_outputs(
    rows: np.ndarray, offset: np.ndarray, lo: np.ndarray, hi: np.ndarray
) -> np.ndarray:
    """Compute lower bounds `(B, k)` of `rows @ output + offset` from intervals of the outputs.

    The bound of a sum of zeros is exactly 0.
    """
    low = np.zeros((len(lo), len(rows)))
    sizes, terms = np.zeros_like(low) + np.abs(offset), np.zeros_like(low) + (offset != 0)
    for part, ends in ((np.maximum(rows, 0.0), lo), (np.minimum(rows, 0.0), hi)):
        finite, read = np.where(np.isfinite(ends), ends, 0.0), (part != 0).astype(np.float64)
        low += finite @ part.T
        sizes += np.abs(finite) @ np.abs(part).T
        terms += (ends != 0).astype(np.float64) @ read.T
        low[(~np.isfinite(ends)).astype(np.float64) @ read.T > 0] = -np.inf
    pad = gamma(2 * rows.shape[1] + 8) * sizes + FLOOR
    low = np.where(terms == 0, low, down(low + offset - pad))
    return np.where(np.isnan(low), -np.inf, low)


def with_rows(graph: Graph, rows: np.ndarray, offset: np.ndarray) -> Graph:
    """Return a copy of the graph whose outputs are `rows @ output + offset`."""
    builder = Builder(graph.inputs, nodes=list(graph.nodes), source="objectives")
    y = Value(builder, graph.output, (1, graph.value_size(graph.output)))
    terms = max(1, int(np.count_nonzero(rows, axis=1).max(initial=0)))
    if terms * SPARSE > y.size:
        return fold(builder.finish([builder.dense(y, rows.T, offset)], ["value"]))
    index = np.argsort(rows == 0, axis=1, kind="stable")[:, :terms]
    weight = np.take_along_axis(rows, index, axis=1)
    op = gather_sum(np.where(weight == 0, -1, index), weight, y.size, offset)
    return fold(builder.finish([builder.add_node(op, [y], (1, len(rows)))], ["value"]))
