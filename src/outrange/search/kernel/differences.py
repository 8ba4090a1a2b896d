"""Compiles two nearly equal copies of a network into one copy and layers of differences.

The units of the later copy are represented only by their differences from their counterparts in the
earlier copy: `d = z - w` for the sums, and `D = f(w + d) - f(w)` for the values. Layers that read
such a unit read `f(w) + D`. Terms that the two copies have in common cancel when their matrices are
subtracted, before anything is bounded.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial

import numpy as np

from ...core.rounding import UNIT
from ...graph import Graph, Node
from ...ops import Rearrange
from .compile import Compiler, Source, compile_layers
from .layer_program import LayerProgram, ProgramLayer
from .sparse import Matrix


def compile_differences(
    graph: Graph,
    curves: Collection[int],
    rows: np.ndarray,
    offset: np.ndarray,
    fixed: np.ndarray,
) -> LayerProgram | None:
    """Compile objectives `rows @ output + offset`, or return None if the graph has no program.

    See `compile_layers` for the graphs without a program.

    Args:
        graph: A graph that contains both copies of the network.
        curves: Indices of the values `f(z)` that are curves of the later copy. Each of them reads
            `z`, and the `w` and `f(w)` of its counterpart in the earlier copy.
        rows: Array of shape `(m, outputs)`.
        offset: Array of shape `(m,)`.
        fixed: `(d,)` values of the inputs that cannot vary; NaN for the inputs that vary.
    """
    return compile_layers(graph, rows, offset, fixed, partial(_DifferenceCompiler, curves))


class _DifferenceCompiler(Compiler):
    """A `Compiler` that represents later copies of curves by layers of differences."""

    def __init__(self, curves: Collection[int], graph: Graph, fixed: np.ndarray) -> None:
        super().__init__(graph, fixed)
        self.curves = curves
        for value in curves:  # It reads the layer of its counterpart, not the sum.
            self.readers[graph.nodes[value - 1].inputs[1]].remove(value)

    def add(self, value: int, node: Node) -> bool:
        return self._apart(value, node) if value in self.curves else super().add(value, node)

    def _rearrange(self, op: Rearrange, views: list[Source]) -> Source:
        source = super()._rearrange(op, views)
        if all(view.more is None for view in views):
            return source
        rest = [view.more or _nothing(view.unit.size) for view in views]
        blank = replace(op, fill=np.zeros_like(op.fill))
        return replace(source, more=self._rearrange(blank, rest))

    def _apart(self, value: int, node: Node) -> bool:
        """Append a layer that represents one curve of the later of two copies of a network.

        The layer contains the differences between the curve's units and their counterparts in the
        earlier copy. Return False if no such layer can be built.

        Args:
            value: Index of the curve's value.
            node: Node of the curve.
        """
        z, _, a = (self.views[j] for j in node.inputs)
        here, there = self._whole(z), self._whole(a)
        if not here or not there:
            return False
        later, first = self.layers[here - 1], self.layers[there - 1]
        if not later.linear or first.linear or first.first:
            return False
        is_private = here == len(self.layers) and self.readers[node.inputs[0]] == [value]
        if is_private and node.inputs[0] != self.graph.output:
            self.layers.pop()
            self.widths.pop()
        view = self._push(_difference(later, first, there))
        self.views[value] = replace(view, more=a)
        return True

    def _whole(self, view: Source) -> int:
        """Return the index, from 1, of the layer whose units are exactly those of `view`, in order.

        Return 0 if there is none.
        """
        number = int(view.layer[0])
        whole = number > 0 and view.more is None and view.unit.size == self.widths[number]
        whole = whole and (view.layer == number).all()
        return number if whole and np.array_equal(view.unit, np.arange(view.unit.size)) else 0


def _nothing(size: int) -> Source:
    """Return a source whose entries are all the constant 0."""
    return Source(np.full(size, -1), np.zeros(size, int), np.zeros(size))


def _difference(later: ProgramLayer, first: ProgramLayer, number: int) -> ProgramLayer:
    """Build the layer whose sums are `later`'s minus `first`'s, with the curve of `first`."""
    sources, sizes = dict(later.sources), dict(later.sizes)
    for source, matrix in first.sources.items():
        _add(sources, source, -1.0 * matrix)
        _add(sizes, source, first.sizes[source])
    bias = later.bias - first.bias
    slack = 2.0 * UNIT * (np.abs(later.bias) + np.abs(first.bias))
    return ProgramLayer(
        sources, sizes, bias, False, first.below, first.above,
        (later.error + first.error + slack) * (1.0 + 8.0 * UNIT),
        later.merged + first.merged + 1, number,
    )  # fmt: skip


def _add(store: dict[int, Matrix], source: int, matrix: Matrix) -> None:
    """Store a matrix for a source, or add it to the matrix already stored."""
    store[source] = store[source] + matrix if source in store else matrix
