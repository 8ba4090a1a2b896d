"""The linear regions of a network within a polytope of inputs, and its values on each.

Depth first, some cells at once. Where time or room ends, the cells that are left go on without
cuts: lines around each curve enclose what they would have become, so the union of all cells' values
always covers the image.
Reference: Tran et al., *Star-based reachability analysis of deep neural networks* (2019).
"""

from __future__ import annotations

import numpy as np

from ...core import check_deadline, seconds_left
from ...domains.forward import RULES
from ...graph import Graph
from ...ops import Affine, Curve, Rearrange
from .cells import Cells, bounded
from .decide_units import decided, enclosed


class LinearRegions:
    """A network of straight pieces, and how cells pass through it.

    Args:
        most: Cells that may be had at once, those that wait and those at the end together.
        last: The last value that will be asked for.
        gives_up: Whether `advance` ends with an exception where time is over or it is interrupted,
            in the place of cells that enclose.
    """

    def __init__(self, graph: Graph, most: int, last: int, gives_up: bool = False) -> None:
        self.graph, self._most, self.gives_up = graph, most, gives_up
        nodes = graph.nodes[:last]
        self._last = {j: v for v, node in enumerate(nodes, 1) for j in node.inputs}
        self.stopped = ""
        """Why cells are cut no more: `"time"`, `"interrupted"`, `"pieces"`; empty if they are."""

    def advance(self, start: list[Cells], until: int) -> list[Cells]:
        """The cells at a value, those that were cut and those that enclose.

        Args:
            start: Cells at earlier values.

        Raises:
            OutOfTime: See `gives_up`.
            KeyboardInterrupt: The same.
        """
        waiting, done = [part for cells in start for part in cells.parted()], []
        while waiting:
            if self.gives_up:
                check_deadline()
            cells = waiting.pop()
            try:
                with np.errstate(over="ignore", invalid="ignore"):
                    cells = self._to_next_curve(cells, until)
                if cells.value == until:
                    done.append(cells)
                    continue
                others = sum(map(len, waiting)) + sum(map(len, done))
                with np.errstate(over="ignore", invalid="ignore"):
                    waiting += reversed(list(self._bend(cells, others).parted()))
            except KeyboardInterrupt:
                if self.gives_up:
                    raise
                self.stopped = self.stopped or "interrupted"
                waiting.append(cells)
        return done

    def _to_next_curve(self, cells: Cells, until: int) -> Cells:
        while cells.value < until:
            node = self.graph.nodes[cells.value]
            if isinstance(node.op, Curve):
                break
            forms = [cells.forms[j] for j in node.inputs]
            cells = Cells(cells.polytopes, dict(cells.forms), cells.exact, cells.value + 1)
            form = RULES[type(node.op)](node.op, forms, [], map)
            assert form is not None
            cells.forms[cells.value] = bounded(form)
            self._forget(cells)
        return cells

    def _bend(self, cells: Cells, others: int) -> Cells:
        node = self.graph.nodes[cells.value]
        op, (source,) = node.op, node.inputs
        assert isinstance(op, Curve)

        def room(count: int) -> bool:
            if count + others > self._most:
                self.stopped = self.stopped or "pieces"
            if seconds_left() < 0:
                self.stopped = self.stopped or "time"
            return not self.stopped

        if not self.stopped and seconds_left() < 0:
            self.stopped = "time"
        if self.stopped:
            bent = enclosed(op, source, cells)
        else:
            bent = decided(op, source, cells, room)
        bent.value += 1
        bent.forms[bent.value] = bent.forms.pop(-1)
        self._forget(bent)
        return bent

    def _forget(self, cells: Cells) -> None:
        for j in self.graph.nodes[cells.value - 1].inputs:
            if self._last[j] == cells.value:
                cells.forms.pop(j, None)


def has_regions(graph: Graph) -> bool:
    """Whether a network is affine on cells: no products, no jumps, no curved piece."""
    return all(
        isinstance(node.op, Affine | Rearrange)
        or (isinstance(node.op, Curve) and node.op.is_piecewise_linear)
        for node in graph.nodes
    )
