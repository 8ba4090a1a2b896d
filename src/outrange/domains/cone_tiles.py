"""Tiles: groups of entries with small cones, and bounds of rows in them.

The module also chooses how deep cones reach.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..core import Bounds, check_deadline
from ..graph import Graph
from ..ops import Curve, Largest
from .backward import RelaxedGraph, back_substitute
from .cone import Cone, cone, costs_at_most


GAIN = 0.85
"""Largest share of the work that may remain after a division for it to be worthwhile."""

LAYERS = 3
"""Maximum number of nonlinear layers in a cone that does not reach the input."""

SHARE = 0.25
"""The part of the effort for such a cone."""

SMALL = 1 << 17
"""Work, in numbers of all rows, below which a group is not divided."""

Tile = tuple[np.ndarray, Cone]
"""Some entries of a value, and their cone."""

RowBounds = tuple[np.ndarray, np.ndarray, int]
"""Some entries, lower bounds `(B, 2 R)` of them and of their negatives, and the floor of their
cone.
"""

Each = Callable[[Callable[[Tile], RowBounds], Iterable[Tile]], Iterable[RowBounds]]
"""A map `each(work, tiles)`, on as many cores as the caller chooses."""


@dataclass(frozen=True, eq=False)
class ConeTiles:
    """A division of the entries of one value into groups with small cones.

    Args:
        value: The value that the entries belong to.
        room: Numbers that the rows of one group may hold in its widest value.
        effort: Numbers that all rows may hold in all values; beyond it, cones are less deep.
    """

    graph: Graph
    value: int
    room: int
    effort: float

    def of(self, entries: np.ndarray) -> Iterator[tuple[np.ndarray, Cone]]:
        """Yield groups of `entries` (increasing), each with its cone.

        Yields nothing if all are too expensive.
        """
        floor = self._floor(entries)
        if floor is None:
            return
        whole = self._cone(entries, floor)
        shape = self.graph.nodes[self.value - 1].shape if self.value else (entries.max() + 1,)
        at = np.stack(np.unravel_index(entries, shape))
        useful = [
            a for a in range(len(shape)) if shape[a] > 1 and self._gains(entries, at[a], whole)
        ]
        yield from self._divide(entries, at, whole, useful)

    def _cone(self, entries: np.ndarray, floor: int) -> Cone:
        return cone(self.graph, self.value, entries, floor)

    def _floor(self, entries: np.ndarray) -> int | None:
        """Return the value at which cones end, estimated from a few neighboring entries."""
        nonlinear = [
            v
            for v, node in enumerate(self.graph.nodes[: self.value], 1)
            if isinstance(node.op, Curve | Largest) and v < self.value
        ]
        neighbors = entries[entries.size // 2 : entries.size // 2 + 8]
        # Stay in one line: the end of a line and the start of the next depend on all between.
        line = neighbors // (
            self.graph.nodes[self.value - 1].shape[-1] if self.value else 1 + neighbors[-1]
        )
        neighbors = neighbors[line == line[0]]
        # Reach the input, or else only the last few layers for a part of the effort: the bounds
        # of a late layer help little where those of earlier layers are loose.
        cheap = [(floor, SHARE * self.effort) for floor in nonlinear[-LAYERS:]]
        for floor, effort in [(0, self.effort), *cheap]:
            if costs_at_most(self.graph, self.value, neighbors, floor, effort / (2 * entries.size)):
                return floor
        return None

    def _gains(self, entries: np.ndarray, along: np.ndarray, whole: Cone) -> bool:
        """Return whether half of the entries, divided along an axis, have a smaller cone."""
        half = along <= (along.min() + along.max()) // 2
        if half.all():
            return False
        return self._cone(entries[half], whole.floor).work < GAIN * whole.work

    def _divide(
        self, entries: np.ndarray, at: np.ndarray, whole: Cone, useful: list[int]
    ) -> Iterator[tuple[np.ndarray, Cone]]:
        extents = [at[a].max() - at[a].min() for a in useful]
        check_deadline()
        if entries.size * whole.work <= SMALL or max(extents, default=0) == 0:
            yield from self._batch_rows(entries, whole)
            return
        along = at[useful[int(np.argmax(extents))]]
        half = along <= (along.min() + along.max()) // 2
        parts = [
            (entries[some], at[:, some], self._cone(entries[some], whole.floor))
            for some in (half, ~half)
        ]
        divided = sum(some.size * cone_part.work for some, _, cone_part in parts)
        if divided > GAIN * entries.size * whole.work:
            yield from self._batch_rows(entries, whole)
            return
        for some, place, cone_part in parts:
            yield from self._divide(some, place, cone_part, useful)

    def _batch_rows(self, entries: np.ndarray, whole: Cone) -> Iterator[tuple[np.ndarray, Cone]]:
        """Yield fewer rows at a time if not all fit."""
        step = max(1, self.room // (2 * whole.widest))
        for start in range(0, entries.size, step):
            yield entries[start : start + step], whole


def rows_in_cones(
    net: RelaxedGraph, tiles: Iterable[Tile], ends: Sequence[Bounds], radii: bool, each: Each
) -> Iterator[RowBounds]:
    """Bound the entries of every tile.

    Args:
        net: The lines of every value before them.
        tiles: Tiles of one value, consumed lazily, because their index arrays together are long.
        ends: Ends of all values before: those where a cone ends are its boxes.
        radii: Whether rounding is paid for.
        each: The mapping function over tiles.
    """

    def bound(tile: Tile) -> RowBounds:
        entries, part = tile
        units = units_of(part.units(entries), part.entries[-1].size)
        cells = part.leaf_boxes(ends, radii)
        form = back_substitute(part.restrict_lines(net), len(part.graph.nodes), units)
        return entries, cells.least(form), part.floor

    yield from each(bound, tiles)


def units_of(rows: np.ndarray, size: int) -> np.ndarray:
    """Return the rows that pick entries, and those that pick them negated: `(2 R, size)`."""
    count, units = np.arange(rows.size), np.zeros((2 * rows.size, size))
    units[count, rows] = 1.0
    units[rows.size + count, rows] = -1.0
    return units
