"""Tiles: groups of entries with small cones, and bounds on the entries of each group.

The module also chooses how far back the cones reach.
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
"""A group of entries is divided if its parts, with their own cones, need at most this fraction of
the work of the whole group."""

LAYERS = 3
"""Number of preceding curves or maxima at which a cone that does not reach the input may end."""

SHARE = 0.25
"""Fraction of the effort that is available for a cone that does not reach the input."""

SMALL = 1 << 17
"""A group is not divided if its size times the `work` of its cone is at most this number."""

Tile = tuple[np.ndarray, Cone]
"""Some entries of a value, and their cone."""

RowBounds = tuple[np.ndarray, np.ndarray, int]
"""Some entries, lower bounds `(B, 2 R)` on them and on their negatives, and the `floor` of their
cone.
"""

Each = Callable[[Callable[[Tile], RowBounds], Iterable[Tile]], Iterable[RowBounds]]
"""A function `each(work, tiles)` that maps `work` over tiles, on the cores that the caller chooses.
"""


@dataclass(frozen=True, eq=False)
class ConeTiles:
    """A division of the entries of one value into groups with small cones.

    Args:
        value: The value that the entries belong to.
        room: Largest number of coefficients of one group's rows in the widest value of its cone;
            one entry is always allowed.
        effort: Largest number of coefficients of all rows in all values. If an estimate exceeds it,
            cones end nearer to `value`, or there are no groups.
    """

    graph: Graph
    value: int
    room: int
    effort: float

    def of(self, entries: np.ndarray) -> Iterator[tuple[np.ndarray, Cone]]:
        """Yield groups of `entries` (increasing), each with its cone.

        Yields nothing if even the smallest cones are too expensive.
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
        """Return the value at which cones end, estimated from the cone of up to eight neighbors.

        Returns None if all choices are too expensive.
        """
        nonlinear = [
            v
            for v, node in enumerate(self.graph.nodes[: self.value], 1)
            if isinstance(node.op, Curve | Largest) and v < self.value
        ]
        neighbors = entries[entries.size // 2 : entries.size // 2 + 8]
        # Stay in one row: the end of a row and the start of the next depend on all entries between.
        line = neighbors // (
            self.graph.nodes[self.value - 1].shape[-1] if self.value else 1 + neighbors[-1]
        )
        neighbors = neighbors[line == line[0]]
        # Reach the input, or only the last few layers with a part of the effort: bounds of a
        # late layer help little if those of earlier layers are loose.
        cheap = [(floor, SHARE * self.effort) for floor in nonlinear[-LAYERS:]]
        for floor, effort in [(0, self.effort), *cheap]:
            if costs_at_most(self.graph, self.value, neighbors, floor, effort / (2 * entries.size)):
                return floor
        return None

    def _gains(self, entries: np.ndarray, along: np.ndarray, whole: Cone) -> bool:
        """Return whether the first half of the entries along an axis has a cone with less work."""
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
        """Yield the entries with their cone, in batches whose rows fit into `room`, or singly."""
        step = max(1, self.room // (2 * whole.widest))
        for start in range(0, entries.size, step):
            yield entries[start : start + step], whole


def rows_in_cones(
    net: RelaxedGraph, tiles: Iterable[Tile], ends: Sequence[Bounds], radii: bool, each: Each
) -> Iterator[RowBounds]:
    """Bound the entries of every tile, and yield one `RowBounds` per tile.

    Args:
        net: The relaxed graph, with the lines of all earlier values.
        tiles: Tiles of one value, consumed lazily, because together their index arrays are large.
        ends: Bounds of all earlier values; those of a cone's leaves serve as its boxes.
        radii: Whether rounding errors are included.
        each: The function that maps over tiles; see `Each`.
    """

    def bound(tile: Tile) -> RowBounds:
        entries, part = tile
        units = units_of(part.units(entries), part.entries[-1].size)
        cells = part.leaf_boxes(ends, radii)
        form = back_substitute(part.restrict_lines(net), len(part.graph.nodes), units)
        return entries, cells.least(form), part.floor

    yield from each(bound, tiles)


def units_of(rows: np.ndarray, size: int) -> np.ndarray:
    """Return unit rows that select the entries `rows`, then their negatives: `(2 R, size)`."""
    count, units = np.arange(rows.size), np.zeros((2 * rows.size, size))
    units[count, rows] = 1.0
    units[rows.size + count, rows] = -1.0
    return units
