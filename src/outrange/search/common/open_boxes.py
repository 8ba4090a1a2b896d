"""Boxes that cheap bounds leave open, halved along the inputs with the largest expected gain.

On small boxes, forward forms are nearly exact, and one pass bounds hundreds of boxes. The choice of
the input to halve depends on measured gains: each box stores the gain from the last halving along
each input, and expects half of it next time.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...domains import bounds
from ...graph import Graph
from .domain_boxes import DomainBoxes
from .parallel import parallel_map, single_blas_thread


ENTRIES = 1 << 22
"""Maximum number of entries in the values of all boxes that one pass bounds."""

MOST_ROWS = 12
"""Maximum number of free inputs of a box that is bounded: a forward form has one row for each free
input."""

LEAST_GAIN = 1.0 / 16.0
"""Minimum gain that is attributed to a halving, as a fraction of the distance left to the target.

So an input whose halving gained nothing in a large box is halved again in a small box."""


class OpenBoxes:
    """Boxes that no bound has closed yet, stored as their bounds `lo` and `hi`, `(n, d)`.

    Args:
        graph: Graph whose outputs are bounded.
        target: Targets of the outputs, shape `(m,)`.
        late: Function that returns whether to stop bounding boxes.
        is_closed: Function from output bounds `(n, m)` to whether they close each box, `(n,)`. By
            default a box is closed if all outputs reach their targets.
    """

    def __init__(
        self,
        graph: Graph,
        roots: DomainBoxes,
        target: np.ndarray,
        late: Callable[[], bool],
        is_closed: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        self._graph, self._target, self._late = graph, target, late
        self._is_closed = is_closed or (lambda least: (least >= target).all(axis=1))
        self._whole = roots.whole
        self.lo, self.hi = roots.lo, roots.hi
        self.apart = np.full(target.size, np.inf)
        """`(m,)` lower bounds proved for the outputs on the closed part of the domain."""
        self._missing = np.full((len(self.lo), target.size), np.inf)
        """`(n, m)` distances by which the bounds are below their targets."""
        self._gain = np.full(self.lo.shape, np.inf)
        """`(n, d)` expected gain of halving each input, or infinite before its first halving."""
        self._unit = np.ones(target.size)
        """`(m,)` units for adding gains of different outputs: each output's largest distance below
        its target over the boxes that `bound` last left open."""

    @property
    def free(self) -> np.ndarray:
        """`(n, d)` whether each input varies within each box."""
        return self.lo < self.hi

    def halvable(self, most: int) -> np.ndarray:
        """Return a mask `(n,)` of the boxes to halve.

        These boxes have at most `most` free inputs, all of them real, and can be halved in float64.
        """
        free, middle = self.free, 0.5 * self.lo + 0.5 * self.hi
        few = (free.sum(axis=1) <= most) & ~(self._whole & free).any(axis=1)
        return few & ((middle > self.lo) & (middle < self.hi)).any(axis=1)

    def bound(self, domain: str) -> None:
        """Bound all boxes with the given abstract domain, and keep those that remain open."""
        self._keep(self.lo, self.hi, self._gain, self._least(self.lo, self.hi, domain))
        finite = np.where(np.isfinite(self._missing), self._missing, 0.0)
        most = finite.max(axis=0, initial=0.0)
        self._unit = np.where(most > 0, most, 1.0)

    def halve(self, some: np.ndarray) -> None:
        """Halve the selected boxes, each along one input, and bound the halves.

        A box is halved along its widest input that was never halved. If there is none, the input
        with the largest expected gain is halved.
        """
        lo, hi, missing, gain = (
            part[some] for part in (self.lo, self.hi, self._missing, self._gain)
        )
        row, middle = np.arange(len(lo)), 0.5 * lo + 0.5 * hi
        splits = (middle > lo) & (middle < hi)
        untried = splits & np.isinf(gain)
        widest = np.where(untried, hi - lo, -1.0).argmax(axis=1)
        best = np.where(splits & ~untried, gain, -1.0).argmax(axis=1)
        cut = np.where(untried.any(axis=1), widest, best)
        left_hi, right_lo = hi.copy(), lo.copy()
        left_hi[row, cut] = right_lo[row, cut] = middle[row, cut]
        ends = np.concatenate([lo, right_lo]), np.concatenate([left_hi, hi])
        least = self._least(*ends, "forward")
        decrease = self._fall(np.concatenate([missing, missing]), self._below(least))
        gain = np.concatenate([gain, gain])
        gain[np.arange(len(gain)), np.concatenate([cut, cut])] = 0.5 * decrease
        whole = self.lo[~some], self.hi[~some], self._missing[~some], self._gain[~some]
        self._keep(*ends, gain, least)
        self.lo, self.hi, self._missing, self._gain = (
            np.concatenate([rest_part, half])
            for rest_part, half in zip(
                whole, (self.lo, self.hi, self._missing, self._gain), strict=True
            )
        )

    def _fall(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Return how much the distances below the targets decrease, summed over all outputs.

        Each output has its own unit. The result is infinite for boxes without finite bounds.

        Args:
            before: `(n, m)` distances by which bounds were below their targets.
            after: The same distances after the boxes were halved.
        """
        with np.errstate(invalid="ignore"):  # inf - inf, if neither is bounded
            decrease = np.maximum(before - after, LEAST_GAIN * after) / self._unit
        # Without finite bounds, the gain of an input is unknown.
        return np.where(np.isfinite(decrease).all(axis=1), decrease.sum(axis=1), np.inf)

    def _below(self, least: np.ndarray) -> np.ndarray:
        return np.maximum(self._target - least, 0.0)

    def _keep(self, lo: np.ndarray, hi: np.ndarray, gain: np.ndarray, least: np.ndarray) -> None:
        """Replace all boxes by the given ones, without those that the bounds `least` close."""
        closed = self._is_closed(least)
        self.apart = np.minimum(self.apart, least[closed].min(axis=0, initial=np.inf))
        self.lo, self.hi, self._gain = lo[~closed], hi[~closed], gain[~closed]
        self._missing = self._below(least[~closed])

    def _least(self, lo: np.ndarray, hi: np.ndarray, domain: str) -> np.ndarray:
        """Return lower bounds of the outputs over each box, shape `(n, m)`."""
        free, total = (lo < hi).sum(axis=1), sum(node.size for node in self._graph.nodes)
        pieces: list[np.ndarray] = []
        # Boxes with equally many free inputs have forms of equally many rows.
        for count in np.unique(free):
            same = np.flatnonzero(free == count)
            step = max(1, ENTRIES // (total * (1 if domain == "intervals" else 2 + count)))
            pieces += [same[start : start + step] for start in range(0, same.size, step)]
        lower = np.full((len(lo), self._target.size), -np.inf)

        def bound_piece(some: np.ndarray) -> None:
            if free[some[0]] <= MOST_ROWS and not self._late():
                ends = bounds(self._graph, lo[some], hi[some], domain)[self._graph.output]
                lower[some] = np.where(np.isnan(ends[0]), -np.inf, ends[0])

        with single_blas_thread():
            parallel_map(bound_piece, pieces)
        return lower
