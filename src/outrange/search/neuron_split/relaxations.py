"""The bent values of a graph as a phase search sees them: lines over cut ranges of their units.

A sub-problem cuts the ranges of some units; `Bend.over` fixes what follows from the cuts once, and
`draw` then gives the lines for any `theta`, one number in [0, 1] a unit: the slope of the lower
line of a convex kink.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ...ops import Curve


@dataclass(frozen=True, eq=False)
class Drawn:
    """Lines of one bent value, `(P, n)` or `(n,)` each, noise not paid.

    Args:
        slope: Of the lines below and above.
        offset: Of the lines below and above; None for 0 everywhere.
        gain: By how much the slopes grow with `theta`; None for 0 everywhere.
        pivot: Where the lines turn; None for 0 everywhere.
    """

    slope: tuple[np.ndarray, np.ndarray]
    offset: tuple[np.ndarray | None, np.ndarray]
    gain: tuple[np.ndarray | float, np.ndarray | None]
    pivot: tuple[np.ndarray | None, np.ndarray | None]


class Bend(Protocol):
    """A bent value: `Kink`, or `arcs.Arc`.

    `below` is 0 where the value is 0 left of its only kink, and NaN where there is no such slope;
    `enough` is a lower end of a range that need not be made better.
    """

    value: int
    source: int
    place: slice
    below: float
    enough: float

    @property
    def size(self) -> int: ...
    def settled(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray: ...
    def straight(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray | None: ...
    def start(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray: ...
    def point(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray: ...
    def over(self, lo: np.ndarray, hi: np.ndarray) -> Over: ...
    def gap(self, lo, hi, theta, rows) -> np.ndarray: ...


class Over(Protocol):
    """A bent value over cut ranges."""

    def draw(self, theta: np.ndarray) -> Drawn:
        """The lines for `theta` `(P, n)`."""
        ...

    def take(self, index: np.ndarray) -> Over:
        """Some of the sub-problems."""
        ...


@dataclass(eq=False)
class Kink:
    """A value of two straight pieces that meet at the origin, convex.

    Args:
        value: Its number in the graph.
        source: The number of its input.
        place: Its units among those of all bent values.
        below: Slope of the first piece.
        above: Slope of the second, more than that.
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

    def settled(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Units that are straight on their range."""
        return (lo >= 0) | (hi <= 0)

    def straight(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """The slopes, through 0, of units that are settled."""
        return np.where(lo >= 0, self.above, self.below)

    def start(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """The `theta` whose line is nearest to the curve."""
        return (hi > -lo).astype(np.float64)

    def point(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Where to cut."""
        return np.zeros(np.shape(lo))

    def over(self, lo: np.ndarray, hi: np.ndarray) -> KinkOver:
        """The chord above, whatever the lower line."""
        span = np.where(hi > lo, hi - lo, 1.0)
        chord = np.clip((self.above * hi - self.below * lo) / span, self.below, self.above)
        # The chord's slope is a float like any other; its height is what it must be for it.
        ends = np.maximum((self.above - chord) * hi, (self.below - chord) * lo)
        sizes = (abs(self.above) + np.abs(chord)) * np.abs(hi)
        sizes = sizes + (abs(self.below) + np.abs(chord)) * np.abs(lo)
        height = np.maximum(ends, 0.0) + 1e-15 * sizes + 1e-300
        up, settled = lo >= 0, self.settled(lo, hi)
        fixed = np.where(settled, np.where(up, self.above, self.below), np.nan)
        upper = np.where(settled, fixed, chord), np.where(settled, 0.0, height)
        return KinkOver(self.below, self.above, settled, fixed, upper)

    def gap(self, lo, hi, theta, rows) -> np.ndarray:
        """The largest distance between the curve and the line that `rows` use."""
        width = np.where(hi > lo, hi - lo, 1.0)
        turn = self.above - self.below
        above = turn * np.maximum(hi, 0) * np.maximum(-lo, 0) / width
        below = turn * np.maximum((1 - theta) * hi, -theta * lo)
        return np.where(self.settled(lo, hi), 0.0, np.where(rows < 0, above, below))


@dataclass(eq=False)
class KinkOver:
    """See `Kink.over`."""

    below: float
    above: float
    settled: np.ndarray
    fixed: np.ndarray
    upper: tuple[np.ndarray, np.ndarray]

    def draw(self, theta: np.ndarray) -> Drawn:
        """The lines for `theta` `(P, n)`."""
        free = (
            theta
            if (self.below, self.above) == (0.0, 1.0)
            else (np.clip(self.below + theta * (self.above - self.below), self.below, self.above))
        )
        lower = np.where(self.settled, self.fixed, free)
        gain = np.where(self.settled, 0.0, self.above - self.below)
        return Drawn((lower, self.upper[0]), (None, self.upper[1]), (gain, None), (None, None))

    def take(self, index: np.ndarray) -> KinkOver:
        """Some of the sub-problems."""
        return KinkOver(
            self.below,
            self.above,
            self.settled[index],
            self.fixed[index],
            (self.upper[0][index], self.upper[1][index]),
        )


def kink(op: Curve) -> tuple[float, float] | None:
    """The slopes of a convex kink at the origin."""
    return op.rays if op.rays is not None and op.rays[0] < op.rays[1] else None
