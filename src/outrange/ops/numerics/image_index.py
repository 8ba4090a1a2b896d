"""Converts between boxes of positions in an image and indices of its flat vector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class ImageIndex:
    """The positions of an image's entries in its flat vector."""

    channels: int
    spatial: tuple[int, ...]
    channels_first: bool

    @property
    def shape(self) -> tuple[int, ...]:
        if self.channels_first:
            return (self.channels, *self.spatial)
        return (*self.spatial, self.channels)

    def hull(self, entries: np.ndarray) -> tuple[slice, ...]:
        """Return the smallest spatial box that contains the given entries of the flat vector."""
        at = np.unravel_index(entries, self.shape)
        at = at[1:] if self.channels_first else at[:-1]
        return tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in at)

    def entries(self, places: tuple[slice, ...]) -> np.ndarray:
        """Return the flat indices of all entries in a spatial box, in increasing order."""
        axes = [np.arange(place.start, place.stop) for place in places]
        axes.insert(0 if self.channels_first else len(axes), np.arange(self.channels))
        return np.ravel_multi_index(np.ix_(*axes), self.shape).ravel()
