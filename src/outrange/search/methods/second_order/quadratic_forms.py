"""Second-order lower bounds over boxes: forms `g . x + z S z + c`.

`z` is the offset from the center in units of the box's radii, so `|z| <= 1`. With
`2 S_ij z_i z_j >= -|S_ij| (z_i^2 + z_j^2)`, a form is bounded by a sum of functions of one input
each, `G_i z_i + q_i z_i^2`. These functions are easy to minimize, and the regions where their sum
may stay below a level are easy to enclose. Before that, a convex part `z W W' z` may be replaced by
its tangent: `|W' (z - z0)|^2 >= 0` for any `W` and `z0`, so eigenvectors need not be exact.

Sound: yes. Each result is a sum of fewer than `4 d^2 + 64` terms. `gamma` of this number, times the
sum of the terms' absolute values, is subtracted once.

Reference: C. Adjiman et al., *A global optimization method, alphaBB*, Computers and Chemical
Engineering 22 (1998), for quadratic terms moved to the diagonal.
"""

from dataclasses import dataclass

import numpy as np

from ....core import down, gamma
from ....domains.backward import BoxBatch, LinearForm
from ....domains.rounding import FLOOR


@dataclass(eq=False)
class QuadraticForms:
    """Quadratic lower bounds `g . x + z S z + c`, one per box.

    Args:
        rows: Slopes `g`, shape `(P, d)`.
        constant: Constants `c`, shape `(P,)`.
        total: Symmetric matrices `S`, shape `(P, d, d)`.
        radii: Whether to account for rounding errors.
        hint: `(P, d)` preferred values of the inputs whose slope is only a rounding error; NaN for
            the other inputs.
    """

    cells: BoxBatch
    rows: np.ndarray
    constant: np.ndarray
    total: np.ndarray
    radii: bool = True
    hint: np.ndarray | None = None

    @staticmethod
    def nothing(cells: BoxBatch, radii: bool) -> "QuadraticForms":
        """Create forms that bound nothing yet: their constants are minus infinity."""
        pairs, d = cells.lo.shape
        none = np.full(pairs, -np.inf)
        return QuadraticForms(cells, np.zeros((pairs, d)), none, np.zeros((pairs, d, d)), radii)

    def take(self, index: np.ndarray) -> "QuadraticForms":
        """Return the forms at the indices `index`, which may contain repeats."""
        parts = (self.rows[index], self.constant[index], self.total[index])
        return QuadraticForms(self.cells.take(index), *parts, self.radii)

    def adopt(self, index: np.ndarray, others: "QuadraticForms", which: np.ndarray) -> None:
        """Replace the forms at `index` with the forms `which` of `others`, over the same boxes."""
        self.rows[index] = others.rows[which]
        self.constant[index] = others.constant[which]
        self.total[index] = others.total[which]

    def mix(self, others: "QuadraticForms", share: np.ndarray) -> "QuadraticForms":
        """Mix these forms and `others` with weights `1 - share` and `share`, shape `(P,)`.

        At every point, the mixture is at most the larger of the two forms. In float64, the weights
        add up to 1 only up to a rounding error. The error is accounted for in proportion to the
        absolute values of the terms of both forms.
        """
        rest = 1.0 - share
        rows = rest[:, None] * self.rows + share[:, None] * others.rows
        total = rest[:, None, None] * self.total + share[:, None, None] * others.total
        constant = rest * self.constant + share * others.constant
        constant = np.where(share == 0, self.constant, constant)
        constant = np.where(rest == 0, others.constant, constant)
        return QuadraticForms(
            self.cells, rows, constant - self._noise(others.sizes + self.sizes), total, self.radii
        )

    def values(self, z: np.ndarray) -> np.ndarray:
        """Return the values `(P,)` of the forms at `z` `(P, d)`, in plain float64."""
        x = self.cells.center + z * self.cells.reach
        bent = np.einsum("pi,pij,pj->p", z, self.total, z)
        return (self.rows * x).sum(axis=1) + bent + self.constant

    @property
    def sizes(self) -> np.ndarray:
        """`(P,)` upper bounds on the sum of the absolute values of a form's terms."""
        far = np.abs(self.rows) * (np.abs(self.cells.center) + self.cells.reach)
        quadratic = 8.0 * np.abs(self.total).sum(axis=(1, 2))
        return far.sum(axis=1) + quadratic + np.abs(self.constant)

    def _noise(self, sizes: np.ndarray) -> np.ndarray:
        """Return bounds on the rounding errors of sums, from sums of absolute values `sizes`."""
        if not self.radii:
            return np.zeros_like(sizes)
        return gamma(4 * self.rows.shape[1] ** 2 + 64) * sizes + FLOOR

    @property
    def mixed_terms(self) -> np.ndarray:
        """`(P, d)` sums `sum_j |S_ij|`, excluding the diagonal."""
        return np.abs(self.total).sum(axis=2) - np.abs(self._straight)

    @property
    def _straight(self) -> np.ndarray:
        """`(P, d)` the diagonals of the matrices `S`."""
        return np.einsum("pii->pi", self.total)

    @property
    def bend(self) -> np.ndarray:
        """`(P, d)` the coefficients `q` of the separable lower bound."""
        return self._straight - self.mixed_terms

    @property
    def blame(self) -> np.ndarray:
        """`(P, d)` the part of the second-order terms' slack that each input causes."""
        slack = self.mixed_terms + np.maximum(-self._straight, 0.0)
        return np.nan_to_num(slack, posinf=1e100)

    def corner(self) -> np.ndarray:
        """Return approximate minimizers `z` of the separable lower bounds, `(P, d)`."""
        slope, bend = self.rows * self.cells.reach, self.bend
        with np.errstate(all="ignore"):
            inside = np.clip(-0.5 * slope / bend, -1.0, 1.0)
        z = np.where(bend > 0, inside, -np.sign(slope))
        if self.hint is not None:
            z = np.where(np.isnan(self.hint), z, self.hint)
        return np.nan_to_num(z)

    def least(self) -> tuple[np.ndarray, LinearForm, np.ndarray]:
        """Return lower bounds `(P,)`, linear forms that attain them, and the minimizing points."""
        plain, tight = self._least(), self.tangents()
        other = tight._least()
        better = other[0] > plain[0]
        if better.any():
            rows = np.where(better[:, None], other[1].rows[:, 0], plain[1].rows[:, 0])
            constant = np.where(better, other[1].constant[:, 0], plain[1].constant[:, 0])
            form = LinearForm(rows[:, None], constant[:, None])
            at = np.where(better[:, None], other[2], plain[2])
            plain = np.maximum(plain[0], other[0]), form, at
        return plain

    def _least(self) -> tuple[np.ndarray, LinearForm, np.ndarray]:
        """Bound the forms as `least` does, without tangents of convex parts."""
        cells, bend, z = self.cells, self.bend, self.corner()
        with np.errstate(all="ignore"):
            turn = np.where((bend > 0) & (cells.reach > 0), 2.0 * bend * z / cells.reach, 0.0)
            drop = np.where(bend > 0, -bend * z * z, bend).sum(axis=1)
            drop = drop - (turn * cells.center).sum(axis=1)
            far = (np.abs(turn) * (np.abs(cells.center) + cells.reach)).sum(axis=1)
            rows = self.rows + turn
            constant = down(self.constant + drop - self._noise(self.sizes + far))
            fine = np.isfinite(rows).all(axis=1) & np.isfinite(constant)
        rows = np.where(fine[:, None], rows, np.nan_to_num(self.rows))
        constant = np.where(fine, constant, -np.inf)
        out = LinearForm(rows[:, None], constant[:, None])
        at = np.clip(cells.center + z * cells.reach, cells.lo, cells.hi)
        return cells.least(out)[:, 0], out, at

    def tangents(self) -> "QuadraticForms":
        """Return lower forms in which a tangent plane replaces the convex part of each form.

        The tangent plane touches the convex part near the minimum of this part plus `g . x`.
        """
        reach, center = self.cells.reach, self.cells.center
        with np.errstate(all="ignore"):
            usual = np.abs(self.total).max(axis=(1, 2)) < LARGEST
            total = np.where(usual[:, None, None], self.total, 0.0)
            value, vector = np.linalg.eigh(total)
            root = vector * np.sqrt(np.maximum(value, 0.0))[:, None, :]
            convex = np.matmul(root, root.transpose(0, 2, 1))
            z = _minimize_convex(self.rows * reach, convex)
            slope = 2.0 * np.einsum("pij,pj->pi", convex, z)
            turn = np.where(reach > 0, slope / reach, 0.0)
            level = 0.5 * (slope * z).sum(axis=1) + (turn * center).sum(axis=1)
            size = 32.0 * np.square(np.abs(root).sum(axis=1)).sum(axis=1)
            size += (np.abs(turn) * (np.abs(center) + reach)).sum(axis=1)
            constant = self.constant - level - self._noise(self.sizes + size)
            rows = self.rows + turn
            # At an interior minimum, the remaining slope is only rounding.
            level_now = np.abs(rows) <= FLAT * (np.abs(self.rows) + np.abs(turn))
        hint = np.where(level_now, z, np.nan)
        return QuadraticForms(self.cells, rows, constant, self.total - convex, self.radii, hint)

    def below(
        self, level: np.ndarray, start: np.ndarray, end: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return `start` and `end`, tightened to the region where the forms may be at most `level`.

        Args:
            level: Levels of the forms, shape `(P,)`.
            start: `(P, d)` lower bounds on `z`, in units of the radii.
            end: `(P, d)` upper bounds on `z`, in units of the radii.
        """
        slope, bend = self.rows * self.cells.reach, self.bend
        with np.errstate(all="ignore"):
            at = _least_on(slope, bend, start, end)
            base = self.constant + (self.rows * self.cells.center).sum(axis=1)
            # Margin for each input, with the others at their minimum.
            room = base - self._noise(2.0 * (self.sizes + np.abs(level))) - level
            room = (room + at.sum(axis=1))[:, None] - at
            ends = []
            for sign, near, far in ((1.0, start, end), (-1.0, end, start)):
                cut = np.broadcast_to(near, slope.shape).copy()
                for share in SHARES:
                    edge = near + share * (far - near)
                    low, high = (near, edge) if sign > 0 else (edge, near)
                    above = room + _least_on(slope, bend, low, high) > 0
                    cut = np.where(above, edge, cut)
                ends.append(cut)
        return ends[0], ends[1]


SHARES = np.linspace(0.0625, 1.0, 16)
"""Fractions of the interval of one input, in ascending order, that `below` tries to cut off at
each end."""


def _least_on(slope: np.ndarray, bend: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the minimum of `slope z + bend z^2` for `low <= z <= high`."""
    ends = np.minimum(slope * low + bend * low * low, slope * high + bend * high * high)
    inside = np.clip(-0.5 * slope / bend, low, high)
    level = slope * inside + bend * inside * inside
    return np.where(bend > 0, np.fmin(level, ends), ends)


def _minimize_convex(slope: np.ndarray, convex: np.ndarray) -> np.ndarray:
    """Minimize `slope z + z C z` approximately over `|z| <= 1`, one input after another.

    The matrix `C` must be positive semidefinite.
    """
    z = np.zeros_like(slope)
    for _ in range(SWEEPS):
        for i in range(slope.shape[1]):
            diagonal = convex[:, i, i]
            rest = slope[:, i] + 2.0 * ((convex[:, i] * z).sum(axis=1) - diagonal * z[:, i])
            inside = np.clip(-0.5 * rest / diagonal, -1.0, 1.0)
            z[:, i] = np.where(diagonal > 0, inside, -np.sign(rest))
    return np.nan_to_num(z)


FLAT = 1e-6
"""Fraction of `|g| + |t|` up to which the sum `g + t` is treated as 0. Here `g` is the slope of a
form in one input, and `t` is the slope of the tangent that replaces the form's convex part."""

LARGEST = 1e100
"""Largest matrix entry for which eigenvectors are computed."""

SWEEPS = 3
"""Number of rounds over all inputs in the minimization of a convex part."""
