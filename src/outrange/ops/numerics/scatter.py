"""Sums of entries that share a target: the transpose of selecting entries."""

import numpy as np


class Scatter:
    """Sums of the array entries that share a target index, with any batch axes.

    The entries are sorted by target once. A sum of adjacent entries is then many times as fast as
    `np.add.at`.

    Args:
        target: `(k,)` integers below `size`; `-1` leaves an entry out.

    Example:
        >>> scatter = Scatter(np.array([2, 0, -1, 2]), 4)
        >>> scatter.sums(np.take([1.0, 10.0, 100.0, 1000.0], scatter.order, axis=-1))
        array([  10.,    0., 1001.,    0.])
    """

    def __init__(self, target: np.ndarray, size: int) -> None:
        order = np.argsort(target, kind="stable")
        self.order = order[np.count_nonzero(target < 0) :]
        """Indices `(n,)` of the entries that have a target, sorted by target."""
        ordered = target[self.order]
        self._first = np.flatnonzero(np.diff(ordered, prepend=-1))
        self._targets = ordered[self._first]
        self._size = size
        self.most = int(np.diff(self._first, append=ordered.size).max(initial=0))
        """The largest number of entries that share a target."""

    def sums(self, entries: np.ndarray) -> np.ndarray:
        """Return the sum of the entries of each target, `(..., size)`.

        The `entries`, `(..., n)`, must be in the order `order`.
        """
        if self.most > 1:
            entries = np.add.reduceat(entries, self._first, axis=-1)
        if self._targets.size == self._size:
            return entries
        out = np.zeros((*entries.shape[:-1], self._size), entries.dtype)
        out[..., self._targets] = entries
        return out
