"""Linear relaxations of activations for neuron splitting.

A sub-problem restricts the ranges of some units. `Activation.prepare` does most of the work that
depends only on the ranges. `PreparedActivation.relax` then returns the lines for any `alpha`, a
number in [0, 1] per unit. The number selects the slope of a convex kink's lower line, or the
tangent point of a curve.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from ...ops import Curve


@dataclass(frozen=True, eq=False)
class Relaxation:
    """Lines of one activation layer, `(P, n)` or `(n,)` each; not yet widened by rounding errors.

    Args:
        slope: Slopes of the lower and the upper lines.
        offset: Offsets of the lower and the upper lines; None for 0 everywhere.
        gain: Derivatives of the slopes with respect to `alpha`; None for 0 everywhere.
        pivot: Points about which the lines turn; None for 0 everywhere.
    """

    slope: tuple[np.ndarray, np.ndarray]
    offset: tuple[np.ndarray | None, np.ndarray]
    gain: tuple[np.ndarray | float, np.ndarray | None]
    pivot: tuple[np.ndarray | None, np.ndarray | None]


class Activation(Protocol):
    """An activation layer: `KinkActivation`, or `smooth_relaxations.SmoothActivation`.

    `below` is the slope to the left of the kink of a `KinkActivation`, and NaN for other
    activations. The ascent on a lower bound of a unit's input, or of its negative, stops at
    `enough`.
    """

    value: int
    source: int
    place: slice
    below: float
    enough: float

    @property
    def size(self) -> int: ...
    def is_stable(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray: ...
    def stable_slope(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray | None: ...
    def start(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray: ...
    def split_point(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray: ...
    def prepare(self, lo: np.ndarray, hi: np.ndarray) -> PreparedActivation: ...
    def gap(
        self, lo: np.ndarray, hi: np.ndarray, alpha: np.ndarray, rows: np.ndarray
    ) -> np.ndarray: ...


class PreparedActivation(Protocol):
    """An activation layer on given pre-activation ranges."""

    def relax(self, alpha: np.ndarray) -> Relaxation:
        """Return the units' lower and upper lines for the parameters `alpha`, `(P, n)`."""
        ...

    def take(self, index: np.ndarray) -> PreparedActivation:
        """Return a copy with only the sub-problems at `index`."""
        ...


@dataclass(eq=False)
class KinkActivation:
    """A convex activation of two linear pieces that meet at the origin.

    Args:
        value: Index of the activation's value in the graph.
        source: Index of its input value.
        place: Slice of the activation's units in arrays over the units of all nonlinear values.
        below: Slope of the left piece.
        above: Slope of the right piece; larger than `below`.
    """

    value: int
    source: int
    place: slice
    below: float
    above: float
    enough: float = 0.0

    @property
    def size(self) -> int:
        return self.place.stop - self.place.start

    def is_stable(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Return a mask of the stable units, whose range lies on one side of the kink."""
        return (lo >= 0) | (hi <= 0)

    def stable_slope(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Return the slopes of stable units, whose lines pass through the origin."""
        return np.where(lo >= 0, self.above, self.below)

    def start(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Return the `alpha` for which the area between the lower line and the curve is least."""
        return (hi > -lo).astype(np.float64)

    def split_point(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Return the points at which to split: the kinks at 0."""
        return np.zeros(np.shape(lo))

    def prepare(self, lo: np.ndarray, hi: np.ndarray) -> PreparedKink:
        """Compute the upper lines (chords of unstable units), and the lines of stable units."""
        span = np.where(hi > lo, hi - lo, 1.0)
        chord = np.clip((self.above * hi - self.below * lo) / span, self.below, self.above)
        # The chord's slope is rounded; its offset is the least sound one for that slope, padded.
        ends = np.maximum((self.above - chord) * hi, (self.below - chord) * lo)
        sizes = (abs(self.above) + np.abs(chord)) * np.abs(hi)
        sizes = sizes + (abs(self.below) + np.abs(chord)) * np.abs(lo)
        height = np.maximum(ends, 0.0) + 1e-15 * sizes + 1e-300
        up, settled = lo >= 0, self.is_stable(lo, hi)
        fixed = np.where(settled, np.where(up, self.above, self.below), np.nan)
        upper = np.where(settled, fixed, chord), np.where(settled, 0.0, height)
        return PreparedKink(self.below, self.above, settled, fixed, upper)

    def gap(
        self, lo: np.ndarray, hi: np.ndarray, alpha: np.ndarray, rows: np.ndarray
    ) -> np.ndarray:
        """Return the largest distance between the curve and the line that is active.

        Args:
            rows: Coefficients of the units; the upper line is active where they are negative.
        """
        width = np.where(hi > lo, hi - lo, 1.0)
        turn = self.above - self.below
        above = turn * np.maximum(hi, 0) * np.maximum(-lo, 0) / width
        below = turn * np.maximum((1 - alpha) * hi, -alpha * lo)
        return np.where(self.is_stable(lo, hi), 0.0, np.where(rows < 0, above, below))


@dataclass(eq=False)
class PreparedKink:
    """A `KinkActivation` on given ranges: see `KinkActivation.prepare`."""

    below: float
    above: float
    settled: np.ndarray
    fixed: np.ndarray
    upper: tuple[np.ndarray, np.ndarray]

    def relax(self, alpha: np.ndarray) -> Relaxation:
        """Return the units' lower and upper lines for the parameters `alpha`, `(P, n)`."""
        free = (
            alpha
            if (self.below, self.above) == (0.0, 1.0)
            else (np.clip(self.below + alpha * (self.above - self.below), self.below, self.above))
        )
        lower = np.where(self.settled, self.fixed, free)
        gain = self.gain, None
        return Relaxation((lower, self.upper[0]), (None, self.upper[1]), gain, (None, None))

    @cached_property
    def gain(self) -> np.ndarray:
        """Derivative of the lower slope with respect to `alpha`."""
        return np.where(self.settled, 0.0, self.above - self.below)

    def take(self, index: np.ndarray) -> PreparedKink:
        """Return a copy with only the sub-problems at `index`."""
        return PreparedKink(
            self.below,
            self.above,
            self.settled[index],
            self.fixed[index],
            (self.upper[0][index], self.upper[1][index]),
        )


def kink_slopes(op: Curve) -> tuple[float, float] | None:
    """Return the two slopes of a convex kink at the origin, or None for other curves."""
    return op.rays if op.rays is not None and op.rays[0] < op.rays[1] else None
