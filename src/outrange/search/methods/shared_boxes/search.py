"""Search over boxes that all objectives share, for problems with few inputs.

One pass of forward linear bounds covers every output over many boxes; back-substitution would take
one pass per objective. The boxes with the largest open gaps, summed over objectives, are
halved.

Sound: yes, because the forward bounds are sound. Complete: convergent. Cost: the number of boxes
grows exponentially with the number of inputs. The cost per box grows linearly with the number of
outputs.

Reference: G. Singh et al., *Fast and Effective Robustness Certification* (DeepZ), NeurIPS 2018.
"""

from __future__ import annotations

import numpy as np

from ....core.arrays import linear_forms
from ....domains import bounds
from ...common.incumbent import Incumbent
from ...common.problem import Problem
from ...common.search import Search


METHODS = ("forward linear bounds over shared boxes (DeepZ, Singh et al. 2018)",)

MOST_INPUTS = 4
"""Maximum number of free inputs for which boxes are shared."""

LEAST_WORK = 1 << 20
"""Minimum product of the numbers of objectives and graph entries for which boxes are shared."""

SAMPLES = 512
"""Number of random points at the start of a search."""

NUMBERS = 1 << 23
"""Maximum number of entries in the forms of all boxes that are bounded together."""

MOST_NUMBERS = 1 << 27
"""Maximum number of stored bounds of open boxes; the search ends if there are more."""


def shares_boxes(problem: Problem) -> bool:
    """Return whether a problem has few inputs, and many objectives that each read one output.

    For smaller problems, separate searches for the objectives finish before the first pass of this
    search would.
    """
    single = np.count_nonzero(problem.rows, axis=1).max(initial=0) == 1
    work = len(problem.rows) * problem.small.entries
    return problem.free <= MOST_INPUTS and bool(single) and work >= LEAST_WORK


class SharedBoxSearch(Search):
    """Search that halves the boxes whose open gaps, summed over all objectives, are largest.

    Args:
        problem: Objectives over one box of real inputs.
        incumbent: Clock, tolerances and the best points.
        seed: Seed for the samples.
    """

    methods = METHODS
    share = 64.0  # Searches of single objectives take long to start.

    def __init__(self, problem: Problem, incumbent: Incumbent, seed: int = 0) -> None:
        self.incumbent, self._problem = incumbent, problem
        box, self._graph = problem.domain.hull, problem.small
        self._free = np.flatnonzero(box.lo < box.hi)
        self._width = np.where(box.lo < box.hi, box.hi - box.lo, 1.0)
        forms = self._graph.entries * (self._free.size + 3)
        self._together = int(np.clip(NUMBERS // max(1, forms), 1, 256))
        self._start(seed)
        self._lo, self._hi = box.lo[None], box.hi[None]
        self._lower = self._bound_boxes(self._lo, self._hi)
        """`(boxes, m)` proved bounds over the open boxes."""
        self._closed = np.full(len(problem.rows), np.inf)
        """`(m,)` smallest of the bounds over the closed boxes."""

    def _start(self, seed: int) -> None:
        """Offer random points of the box to the incumbent."""
        box, rng = self._problem.domain.hull, np.random.default_rng(seed)
        x = box.uniform(rng, SAMPLES)
        y = self._values(x)
        self.incumbent.start(y.min(axis=0), x[y.argmin(axis=0)], y.max(axis=0))

    def _values(self, x: np.ndarray) -> np.ndarray:
        y = linear_forms(self._problem.rows, self._graph.run(x)) + self._problem.offset
        return np.where(np.isnan(y), np.inf, y)

    def _bound_boxes(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Return lower bounds of the objectives over boxes, `(boxes, m)`."""
        parts = []
        for start in range(0, len(lo), self._together):
            part = slice(start, start + self._together)
            ends = bounds(self._graph, lo[part], hi[part], "forward")[self._graph.output]
            parts.append(self._problem.by_outputs(*ends))
        return np.concatenate(parts)

    def lower(self) -> np.ndarray:
        return np.minimum(self._closed, self._lower.min(axis=0, initial=np.inf))

    @property
    def waiting(self) -> int:
        return len(self._lo)

    def recover(self) -> None:
        pass

    def advance(self) -> bool:
        """Halve the boxes with the largest open gaps, and offer the midpoints of the halves."""
        if not len(self._lo) or self._lower.size > MOST_NUMBERS:
            return False
        gap = (self.incumbent.cutoff() - self._lower) / self.incumbent.scale()
        worth = np.maximum(np.nan_to_num(gap, nan=0.0, posinf=1.0, neginf=0.0), 0.0).sum(axis=1)
        order = np.argsort(-worth, kind="stable")
        chosen = order[: self._together // 2 + 1]
        chosen = chosen[worth[chosen] > 0]
        lo, hi = self._halves(chosen)
        lower = np.maximum(self._bound_boxes(lo, hi), np.tile(self._lower[chosen], (2, 1)))
        x = 0.5 * lo + 0.5 * hi
        y = self._values(x)
        self.incumbent.offer(y.min(axis=0), x[y.argmin(axis=0)])
        self.incumbent.boxes += len(lo)
        self._replace(chosen, worth <= 0, lo, hi, lower)
        return True

    def _halves(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the halves of boxes, each cut along its widest input relative to the root box."""
        lo, hi = np.tile(self._lo[chosen], (2, 1)), np.tile(self._hi[chosen], (2, 1))
        n, rows = len(chosen), np.arange(len(chosen))
        j = ((hi[:n] - lo[:n]) / self._width).argmax(axis=1)
        middle = 0.5 * lo[rows, j] + 0.5 * hi[rows, j]
        hi[rows, j] = lo[rows + n, j] = middle
        return lo, hi

    def _replace(
        self,
        chosen: np.ndarray,
        done: np.ndarray,
        lo: np.ndarray,
        hi: np.ndarray,
        lower: np.ndarray,
    ) -> None:
        """Replace the chosen boxes with their halves, and drop boxes without open objectives."""
        done = done.copy()
        done[chosen] = False
        self._closed = np.minimum(self._closed, self._lower[done].min(axis=0, initial=np.inf))
        done[chosen] = True
        keep = ~done
        self._lower = np.concatenate([self._lower[keep], lower])
        self._lo = np.concatenate([self._lo[keep], lo])
        self._hi = np.concatenate([self._hi[keep], hi])
