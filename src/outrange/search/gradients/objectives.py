"""Derivative objectives: single partial derivatives, or local Lipschitz constants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt

import numpy as np

from ...core import down, gamma


AT_ONCE = 1 << 24
"""Maximum number of tangent entries in memory, over points, directions and values: 128 MiB."""


Exact = Callable[[int], list[Fraction | None]]
"""Function from an output to its exact slopes in all directions; an unknown slope is None."""


@dataclass(frozen=True, eq=False)
class Partials:
    """The partial derivatives `sign_k * d(output form_k) / d(input direction_k)`.

    Args:
        form: Index of each objective's output in the flattened outputs, shape `(m,)`.
        direction: Index of each objective's input in the flattened inputs, shape `(m,)`.
        sign: `(m,)` 1 or -1.
    """

    form: np.ndarray
    direction: np.ndarray
    sign: np.ndarray

    @property
    def directions(self) -> np.ndarray:
        """Indices of the inputs with respect to which outputs are differentiated, ascending."""
        return np.unique(self.direction)

    @property
    def _column(self) -> np.ndarray:
        """`(m,)` position of each objective's input in `directions`."""
        return np.searchsorted(self.directions, self.direction)

    def least(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Return lower bounds `(B, m)`, given bounds `(B, D, outputs)` of all slopes."""
        low, high = (end[:, self._column, self.form] for end in (lo, hi))
        return np.where(self.sign > 0, low, -high)

    def reads_marked(self, marks: np.ndarray) -> np.ndarray:
        """Return a mask `(B, m)` of the objectives whose direction is True in `marks` `(B, D)`."""
        return marks[:, self._column]

    def exact(self, k: int, slopes: Exact) -> float | None:
        """Return a float64 at or just below objective `k`, or None if its slope is unknown."""
        slope = slopes(int(self.form[k]))[self._column[k]]
        return None if slope is None else below(slope * int(self.sign[k]))


@dataclass(frozen=True, eq=False)
class LipschitzObjective:
    """The negative of a norm of the gradient of each output: the norm that is dual to `norm`.

    Its minimum over a box is minus the Lipschitz constant for steps measured in `norm`.

    Args:
        form: Indices of the outputs, flattened, shape `(m,)`.
        directions: `(D,)` indices of the inputs that vary, flattened.
        norm: Norm of steps in the inputs: `"inf"` (largest entry), `"1"` or `"2"`.
    """

    form: np.ndarray
    directions: np.ndarray
    norm: str

    def least(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Return lower bounds `(B, m)`, given bounds `(B, D, outputs)` of all slopes."""
        size_of = np.maximum(np.abs(lo), np.abs(hi))[:, :, self.form]
        if self.norm == "1":
            return -size_of.max(axis=1)
        total = size_of.sum(axis=1) if self.norm == "inf" else np.sqrt((size_of**2).sum(axis=1))
        # Squares may underflow; their effect is below the square root of the least float64.
        pad = 1e-150 if self.norm == "2" else 0.0
        return down(-total * (1.0 + 2.0 * gamma(self.directions.size + 4)) - pad)

    def reads_marked(self, marks: np.ndarray) -> np.ndarray:
        """Return a mask `(B, m)`: True for all objectives of a box if any direction is marked."""
        return np.repeat(np.any(marks, axis=1)[:, None], self.form.size, axis=1)

    def exact(self, k: int, slopes: Exact) -> float | None:
        """Return a float64 at or just below objective `k`, or None if a slope is unknown."""
        sizes = [abs(s) for s in slopes(int(self.form[k])) if s is not None]
        if len(sizes) < self.directions.size:
            return None
        if self.norm == "inf":
            return below(-sum(sizes, Fraction(0)))
        if self.norm == "1":
            return below(-max(sizes))
        square = sum((s * s for s in sizes), Fraction(0))
        grain = 1 << 400
        return below(-Fraction(isqrt(square.numerator * grain**2 // square.denominator) + 1, grain))


Objectives = Partials | LipschitzObjective


def below(exact: Fraction) -> float:
    """Return the float64 nearest to an exact number; if it is larger, return its predecessor."""
    near = float(exact)
    return near if Fraction(near) <= exact else float(down(near))
