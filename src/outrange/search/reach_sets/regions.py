"""The linear regions of a network within a polytope of inputs, and its values on each.

The enumeration is depth first, several cells at a time. If the time or the allowed number of cells
is used up, the remaining cells are no longer cut: lines around each curve enclose their values. So
the union of all cells' values always covers the image.
Reference: Tran et al., *Star-based reachability analysis of deep neural networks* (2019).
"""

from __future__ import annotations

import numpy as np

from ...core import check_deadline, seconds_left
from ...domains.zonotopes import RULES
from ...graph import Graph
from ...ops import Affine, Curve, Rearrange
from .cells import Cells, without_overflow
from .decide_units import cut_by_knots, enclose


class LinearRegions:
    """A piecewise-linear network, through which cells are propagated.

    Args:
        most: Maximum number of cells, including waiting and finished ones.
        last: Index of the last value to be computed.
        gives_up: Whether `advance` raises after a timeout or an interrupt, instead of enclosing the
            values on the remaining cells.
    """

    def __init__(self, graph: Graph, most: int, last: int, gives_up: bool = False) -> None:
        self.graph, self._most, self.gives_up = graph, most, gives_up
        nodes = graph.nodes[:last]
        self._last = {j: v for v, node in enumerate(nodes, 1) for j in node.inputs}
        self.stopped = ""
        """Why cells are no longer cut (`"time"`, `"interrupted"` or `"pieces"`), or `""`."""

    def advance(self, start: list[Cells], until: int) -> list[Cells]:
        """Propagate cells up to a value of the graph, and return all resulting cells.

        Args:
            start: Cells at earlier values.
            until: Index of the value to reach.

        Raises:
            OutOfTime: See `gives_up`.
            KeyboardInterrupt: See `gives_up`.
        """
        waiting, done = [part for cells in start for part in cells.groups()], []
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
                    waiting += reversed(list(self._bend(cells, others).groups()))
            except KeyboardInterrupt:
                if self.gives_up:
                    raise
                self.stopped = self.stopped or "interrupted"
                waiting.append(cells)
        return done

    def _to_next_curve(self, cells: Cells, until: int) -> Cells:
        """Propagate cells through affine ops and rearrangements, up to a curve or to `until`."""
        while cells.value < until:
            node = self.graph.nodes[cells.value]
            if isinstance(node.op, Curve):
                break
            forms = [cells.forms[j] for j in node.inputs]
            cells = Cells(cells.polytopes, dict(cells.forms), cells.exact, cells.value + 1)
            form = RULES[type(node.op)](node.op, forms, [], each=map, keep_symbols=False)
            assert form is not None
            cells.forms[cells.value] = without_overflow(form)
            self._forget(cells)
        return cells

    def _bend(self, cells: Cells, others: int) -> Cells:
        """Propagate cells through a curve: cut them, or after a limit only enclose its values.

        Args:
            others: Number of all other cells, waiting or finished.
        """
        node = self.graph.nodes[cells.value]
        op, (source,) = node.op, node.inputs
        assert isinstance(op, Curve)

        def has_room(count: int) -> bool:
            if count + others > self._most:
                self.stopped = self.stopped or "pieces"
            if seconds_left() < 0:
                self.stopped = self.stopped or "time"
            return not self.stopped

        if not self.stopped and seconds_left() < 0:
            self.stopped = "time"
        if self.stopped:
            bent = enclose(op, source, cells)
        else:
            bent = cut_by_knots(op, source, cells, has_room)
        bent.value += 1
        bent.forms[bent.value] = bent.forms.pop(-1)
        self._forget(bent)
        return bent

    def _forget(self, cells: Cells) -> None:
        """Remove forms that no later op reads."""
        for j in self.graph.nodes[cells.value - 1].inputs:
            if self._last[j] == cells.value:
                cells.forms.pop(j, None)


def has_regions(graph: Graph) -> bool:
    """Return whether all ops of a network are affine, rearrangements or piecewise-linear curves."""
    return all(
        isinstance(node.op, Affine | Rearrange)
        or (isinstance(node.op, Curve) and node.op.is_piecewise_linear)
        for node in graph.nodes
    )
