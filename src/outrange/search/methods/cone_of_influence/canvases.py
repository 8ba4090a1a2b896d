"""Points of the whole input, assembled from points of several cones of influence."""

import numpy as np


LATEST = 16
"""Number of most recent points into which the values of a new point may be written."""


class Canvases:
    """Points of the whole input, assembled from the values of one part after another.

    Args:
        middle: `(d,)` a point of the box, which supplies all entries to which no part writes.
    """

    def __init__(self, middle: np.ndarray) -> None:
        self._middle = middle
        self.points: list[np.ndarray] = []
        self._filled: list[np.ndarray] = []

    def place(self, entries: np.ndarray, values: np.ndarray) -> int:
        """Write `values` to `entries` of a point, and return the index of this point.

        The point is one of the last `LATEST` points if the values do not conflict with it.
        Otherwise, it is a new point.
        """
        for i in range(len(self.points) - 1, max(-1, len(self.points) - 1 - LATEST), -1):
            free = ~self._filled[i][entries]
            if (free | (self.points[i][entries] == values)).all():
                return self._put(i, entries, values)
        self.points.append(self._middle.copy())
        self._filled.append(np.zeros(self._middle.size, bool))
        return self._put(len(self.points) - 1, entries, values)

    def _put(self, i: int, entries: np.ndarray, values: np.ndarray) -> int:
        """Write values to entries of point `i`, mark the entries as filled, and return `i`."""
        self.points[i][entries] = values
        self._filled[i][entries] = True
        return i
