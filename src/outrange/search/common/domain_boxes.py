"""The domain of a search: a single box, or a union of boxes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...core import Box


@dataclass(frozen=True, eq=False)
class DomainBoxes:
    """Boxes of the same inputs, one per row, and a mask of the integer inputs.

    Args:
        lo: Lower bounds of the inputs, shape `(r, d)`.
        hi: Upper bounds of the inputs, shape `(r, d)`.
        whole: `(d,)` whether an input is an integer.
    """

    lo: np.ndarray
    hi: np.ndarray
    whole: np.ndarray

    @classmethod
    def of(cls, box: Box) -> DomainBoxes:
        """Create a domain of a single box with real inputs."""
        return cls(box.lo[None], box.hi[None], np.zeros(box.size, bool))

    @property
    def hull(self) -> Box:
        """The smallest box that contains all boxes."""
        return Box(self.lo.min(axis=0), self.hi.max(axis=0))

    def middle(self) -> np.ndarray:
        """Return the middle of the first box, `(1, d)`."""
        lo, hi = self.lo[:1], self.hi[:1]
        return self.snap(0.5 * lo + 0.5 * hi)

    def uniform(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw `(count, d)` points, each uniformly from a randomly chosen box."""
        several = len(self.lo) > 1
        which = rng.integers(0, len(self.lo), count) if several else np.zeros(count, np.int64)
        lo, hi = self.lo[which], self.hi[which]
        share = rng.random(lo.shape)
        return self.snap(np.clip(lo * (1.0 - share) + hi * share, lo, hi))

    def with_ends(self, lo: np.ndarray, hi: np.ndarray) -> DomainBoxes:
        """Return a domain with the given boxes (bounds `(c, d)`) and the same integer inputs."""
        return replace(self, lo=lo, hi=hi)

    def around(self, at: np.ndarray) -> DomainBoxes:
        """Return one box for each point of `at` `(c, d)`: the first box that contains the point.

        If no box contains it, return the first box.
        """
        if len(self.lo) == 1:
            which = np.zeros(len(at), np.int64)
        else:
            inside = (self.lo <= at[:, None]) & (at[:, None] <= self.hi)
            which = inside.all(axis=2).argmax(axis=1)
        return self.with_ends(self.lo[which], self.hi[which])

    def snap(self, x: np.ndarray) -> np.ndarray:
        """Return points with their integer inputs rounded to the nearest integers."""
        return np.where(self.whole, np.rint(x), x) if self.whole.any() else x
