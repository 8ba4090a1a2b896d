"""Exact limits at time 0, from the initial box and the direction in which the states move there.

Models of the initial set are rounded outward, and a tube is wider than the set of its trajectories.
So ranges alone would never prove a limit that the initial set touches. But a form that decreases
wherever it is at its upper limit does not cross the limit: to cross it, the form would have to
increase.

References: M. Nagumo, *Ueber die Lage der Integralkurven gewoehnlicher Differentialgleichungen*
(1942); F. Blanchini, *Set invariance in control*, Automatica 35 (1999).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...core import Bounds
from ...core.rounding import add_toward, multiply_toward
from ...ops import dense
from ..polynomials.models import Models, add, affine, scale, shift
from ..polynomials.ranges import Hull


@dataclass(frozen=True, eq=False)
class FirstBox:
    """The boxes of initial states, for a segment that begins at time 0.

    Args:
        lo: `(b, n)`: exact lower corners.
        hi: `(b, n)`: exact upper corners.
        tube: The states over the segment; None for the instant 0.
        rate: The derivatives of the states over the segment; None for the instant 0.
    """

    lo: np.ndarray
    hi: np.ndarray
    tube: Models | None = None
    rate: Models | None = None

    def take(self, some: np.ndarray) -> FirstBox:
        """Return the initial boxes that `some` selects."""
        lo, hi = self.lo[some], self.hi[some]
        if self.tube is None or self.rate is None:
            return replace(self, lo=lo, hi=hi)
        return FirstBox(lo, hi, self.tube.take(some), self.rate.take(some))

    def within(self, rows: np.ndarray, ends: Bounds, low: np.ndarray, high: np.ndarray) -> Bounds:
        """Tighten bounds on `rows @ x` to the limits that the forms are proved not to cross.

        At the instant 0, tighten them to the range over the initial boxes instead.

        Args:
            rows: Coefficients of the forms, `(R, n)`.
            ends: The known bounds, `(b, R)` each.
            low: `(R,)`: lower limits; `-inf` where there is none.
            high: `(R,)`: upper limits; `inf` where there is none.
        """
        least, most = ends
        first, last = self._at_first(rows)
        if self.tube is None or self.rate is None:
            return np.fmax(least, first), np.fmin(most, last)
        above = (most > high) & (last <= high)
        if above.any():
            most = np.where(above & self._falls(rows, high), high, most)
        below = (least < low) & (first >= low)
        if below.any():
            least = np.where(below & self._falls(-rows, -low), low, least)
        return least, most

    def _at_first(self, rows: np.ndarray) -> Bounds:
        """Return bounds on `rows @ x` over the boxes; exact where no operation is rounded."""
        shape = len(self.lo), len(rows)
        least, most = np.zeros(shape), np.zeros(shape)
        for i in np.flatnonzero(rows.any(axis=0)):
            c = rows[:, i]
            low = np.where(c >= 0, self.lo[:, i, None], self.hi[:, i, None])
            high = np.where(c >= 0, self.hi[:, i, None], self.lo[:, i, None])
            least = add_toward(least, multiply_toward(c, low, -np.inf), -np.inf)
            most = add_toward(most, multiply_toward(c, high, np.inf), np.inf)
        return least, most

    def _falls(self, rows: np.ndarray, limit: np.ndarray) -> np.ndarray:
        """Return whether each form is proved to decrease whenever it is at its limit, `(b, R)`.

        The forms are `rows @ x`. A sufficient condition is `rate + weight * (form - limit) < 0`
        throughout, for some non-negative weight: at the limit the second term is 0. The weight is
        chosen so that the sum varies little.
        """
        assert self.tube is not None and self.rate is not None
        op = dense(rows.T)
        form, rate = affine(op, [self.tube]), affine(op, [self.rate])
        symbols = max(form.sym.shape[-1], rate.sym.shape[-1])
        form, rate = form.pad(symbols), rate.pad(symbols)
        a, b = (_variable(part) for part in (form, rate))
        size = (a * a).sum(axis=-1)
        with np.errstate(all="ignore"):
            weight = np.where(size > 0, np.maximum(-(a * b).sum(axis=-1) / size, 0.0), 0.0)
        weight = np.where(np.isfinite(weight), weight, 0.0)
        bound = np.where(np.isfinite(limit), limit, 0.0)
        nothing = np.zeros_like(weight)
        over = shift(form, np.broadcast_to(-bound, weight.shape), nothing)
        _, most = Hull.of(add(rate, scale(over, weight, nothing))).ends()
        return most < 0


def _variable(models: Models) -> np.ndarray:
    """Return all coefficients of the models except the constants, `(b, R, ...)`."""
    sym = models.sym.reshape(*models.sym.shape[:2], -1)
    return np.concatenate([models.coef[..., 1:], sym], axis=-1)
