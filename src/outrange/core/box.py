"""Closed boxes of real vectors."""

from dataclasses import dataclass

import numpy as np

from .errors import InputError


Bounds = tuple[np.ndarray, np.ndarray]
"""Lower and upper bounds, two arrays of the same shape."""


@dataclass(frozen=True, eq=False)
class Box:
    """A closed box of real vectors: all `x` with `lo <= x <= hi`, entry by entry.

    Args:
        lo: Float64 array of shape `(n,)`.
        hi: Float64 array of shape `(n,)`.

    Raises:
        InputError: The bounds are not real numbers, have more than one axis or different shapes, an
            entry is NaN, or `lo > hi` somewhere.

    Example:
        >>> Box([0, 0], [1, 2]).contains([[0.5, 0.5], [0.5, 3.0]]).tolist()
        [True, False]
    """

    lo: np.ndarray
    hi: np.ndarray

    def __post_init__(self) -> None:
        try:
            lo = np.atleast_1d(np.asarray(self.lo, np.float64))
            hi = np.atleast_1d(np.asarray(self.hi, np.float64))
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(
                f"The bounds of a box must be real numbers. Received: {error}."
            ) from None
        if lo.shape != hi.shape or lo.ndim != 1:
            raise InputError(
                "A box needs two vectors `lo` and `hi` of the same shape. "
                f"Received: shapes {lo.shape} and {hi.shape}."
            )
        bad = np.flatnonzero(~(lo <= hi))
        if bad.size:
            i = int(bad[0])
            raise InputError(
                "A box needs `lo <= hi` in every entry, and no NaN. "
                f"Received: lo[{i}]={lo[i]:.6g} > hi[{i}]={hi[i]:.6g} ({bad.size} in total)."
            )
        # Zero has one sign: from 0.0 to -0.0 the width is -0.0, which NumPy considers negative.
        object.__setattr__(self, "lo", lo + 0.0)
        object.__setattr__(self, "hi", hi + 0.0)

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return self.lo.size

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw uniform points; the first two are the corners `lo` and `hi`.

        Args:
            rng: Random number generator of the draw.
            count: Number of points to draw.

        Returns:
            The points, `(count, n)`.
        """
        inner = self.uniform(rng, max(count - 2, 0))
        return np.concatenate([self.lo[None], self.hi[None], inner])[:count]

    def uniform(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draw uniform points, even if the width of the box overflows.

        Args:
            rng: Random number generator of the draw.
            count: Number of points to draw.

        Returns:
            The points, `(count, n)`.
        """
        share = rng.random((count, self.size))
        return np.clip(self.lo * (1.0 - share) + self.hi * share, self.lo, self.hi)

    def contains(self, x: np.ndarray) -> np.ndarray:
        """Return for each point whether it lies in the box.

        Args:
            x: The points, `(..., n)`.

        Returns:
            A bool array of shape `(...)`.
        """
        return np.all((self.lo <= x) & (x <= self.hi), axis=-1)
