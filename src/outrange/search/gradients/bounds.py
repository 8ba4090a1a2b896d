"""Bounds on the partial derivatives of a network, for many boxes in one pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import Bounds, Box, check_deadline
from ...domains.backward import BoxBatch
from ...domains.crown import CrownPass, CrownPlan
from ...domains.tangents import TangentPlan, plain_tangents, slopes, tangents
from ...graph import Graph
from ...graph.rewrites.rewrite import fold, piecewise_to_pairs
from .objectives import AT_ONCE, Objectives


FEWEST, SAMPLE_ENTRIES = 16, 1 << 26
"""Minimum number of random points at the start, and maximum number of tangent entries over all
points, which are computed in about a second. So a network on images gets few points."""


@dataclass(frozen=True, eq=False)
class DerivativeBounds:
    """Proved lower bounds on `m` derivative objectives over `B` boxes.

    Args:
        least: `(B, m)` lower bounds of the objectives on each box.
        blame: `(B, d)` the gap attributed to each input.
        undecided: `(B,)` number of units whose slope is not a single number, plus the number of
            factors of products that vary.
        slopes: Slope ranges of every curve, `(B, n)`, by value.
        ends: Bounds of every value.
    """

    least: np.ndarray
    blame: np.ndarray
    undecided: np.ndarray
    slopes: dict[int, Bounds]
    ends: list[Bounds]


class DerivativeEngine:
    """Engine that bounds derivative objectives over boxes within a root box.

    Args:
        graph: The network, whose outputs are differentiated.
        box: Root box, which contains every box to be bounded.
        derivatives: The objectives, single partial derivatives or Lipschitz constants.
    """

    def __init__(self, graph: Graph, box: Box, derivatives: Objectives) -> None:
        self.graph = fold(piecewise_to_pairs(graph))
        self.box = box
        self.derivatives, self.directions = derivatives, derivatives.directions
        self.objectives = derivatives.form.size
        self._values, self.plan = CrownPlan.of(self.graph), TangentPlan.of(self.graph)
        self.is_straight = not self._values.products and all(
            op.is_piecewise_linear and op.lines is not None for _, _, op in self._values.curves
        )
        root = CrownPass(self._values, BoxBatch.of(box.lo[None], box.hi[None]))
        root.run()
        self._value_bounds = {v: (lo[0], hi[0]) for v, (lo, hi) in enumerate(root.ends) if v}

    @property
    def chunk(self) -> int:
        """Maximum number of boxes per call, limited by the CROWN pass and by `AT_ONCE`."""
        return max(1, min(self._values.boxes, AT_ONCE // (2 * self.entries)))

    def samples(self, most: int) -> int:
        """Return the number of random points at the start: `most`, or fewer on a large network."""
        return max(FEWEST, min(most, SAMPLE_ENTRIES // self.entries))

    @property
    def entries(self) -> int:
        """Number of tangent entries per point, summed over all values of the graph."""
        sizes = self.graph.size + sum(node.size for node in self.graph.nodes)
        return self.directions.size * sizes

    def bound(self, lo: np.ndarray, hi: np.ndarray) -> DerivativeBounds:
        """Bound every objective over the boxes `lo`, `hi` `(B, d)`."""
        check_deadline()
        sweep = CrownPass(self._values, BoxBatch.of(lo, hi), dict(self._value_bounds))
        sweep.run()
        slope_ranges = slopes(self.graph, sweep.ends)
        tangent_ranges = tangents(self.plan, slope_ranges, sweep.ends, self.directions)
        blame, undecided = self._blame(sweep, slope_ranges, tangent_ranges, hi - lo)
        least = self.derivatives.least(*tangent_ranges[self.graph.output])
        return DerivativeBounds(least, blame, undecided, slope_ranges, sweep.ends)

    def _blame(
        self,
        sweep: CrownPass,
        slope_ranges: Mapping[int, Bounds],
        tangent_ranges: list[Bounds],
        width: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Attribute the widths of slope and factor ranges, times their tangents, to the inputs.

        Return the score of each input `(B, d)` and the number of undecided units `(B,)`.
        """
        blame = np.zeros_like(width)
        undecided = np.zeros(len(width), np.int64)
        for v, source, _ in self._values.curves:
            least, most = slope_ranges[v]
            undecided += self._share(sweep, source, most - least, tangent_ranges[source], blame)
        for _, sources, op in self._values.products:
            for factor, other, mine, its in (
                (*sources, op.left, op.right),
                (*sources[::-1], op.right, op.left),
            ):
                lo, hi = sweep.ends[factor]
                size_of = np.zeros((len(lo), self.directions.size, lo.shape[1]))
                tangent = np.maximum(*(np.abs(end[..., its]) for end in tangent_ranges[other]))
                at: Any = (slice(None), slice(None), mine)
                np.maximum.at(size_of, at, tangent)
                undecided += self._share(sweep, factor, hi - lo, (size_of, size_of), blame)
        return blame, undecided

    def _share(
        self, sweep: CrownPass, source: int, spread: np.ndarray, tangent: Bounds, blame: np.ndarray
    ) -> np.ndarray:
        """Add to `blame` the effect of the entries of `source` whose slope or factor varies.

        The effect of an entry is its `spread` times its largest absolute tangent. It is divided
        among the inputs that cause the entry's width. Return the number of entries per box
        whose `spread` is positive.
        """
        open_ = spread > 0
        if open_.any() and (source in sweep.shares or source == 0):
            size_of = np.maximum(np.abs(tangent[0]), np.abs(tangent[1])).max(axis=1)
            weight = np.where(open_, spread * size_of, 0.0)
            weight = np.where(np.isfinite(weight), weight, 1e100)
            if source == 0:
                blame += weight
            else:
                rows, share = sweep.shares[source]
                blame += np.einsum("bu,bud->bd", weight[:, rows], share)
        return open_.sum(axis=1)

    def at(self, x: np.ndarray) -> np.ndarray:
        """Evaluate the objectives at points `(batch, d)` in plain float64, without proof.

        A value is infinite at a kink that affects it (up to rounding), where there is no
        derivative.
        """
        step = max(1, AT_ONCE // self.entries)
        parts = [self._at(x[i : i + step]) for i in range(0, len(x), step)]
        return np.concatenate(parts) if parts else self._at(x)

    def _at(self, x: np.ndarray) -> np.ndarray:
        """Evaluate the objectives at points `x`, few enough that all tangents fit in memory."""
        check_deadline()
        values = self.graph.run_all(x)
        with np.errstate(all="ignore"):
            tangents_at = plain_tangents(self.plan, values, self.directions)
        kinked = np.zeros((len(x), self.directions.size), bool)
        for _, source, op in self._values.curves:
            for knot in op.knots:
                near = np.abs(values[source] - knot) <= 1e-13 * (1.0 + abs(knot))
                if near.any():
                    kinked |= (near[:, None] & (tangents_at[source] != 0)).any(axis=2)
        slope = tangents_at[self.graph.output]
        return np.where(
            self.derivatives.reads_marked(kinked), np.inf, self.derivatives.least(slope, slope)
        )
