"""Margins of linear classifiers, and integer multipliers under which they add up to zero.

A linear classifier has one linear unit per class, so a row `x` has the scores `z = W x + b`. The
row is classified correctly if the margin `z_y - z_c` is positive for every wrong class `c`.
Multipliers `m >= 0`, not all 0, with

    sum over (row, wrong class) of m * (e_y - e_c) (x, 1)^T = 0

prove that no `W` and `b` classify all rows correctly (Farkas). If they did, the weighted margins
would have a positive sum, but their sum is 0 for all `W` and `b`. A single unit with a threshold is
a classifier of two classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, reduce
from math import gcd

import numpy as np

from ...ops.numerics.balls import solve_integers
from ...search.exact_regions.forms import integers


BITS = 50
"""Multipliers are rounded to multiples of `2**-BITS` before they are corrected."""

DEPENDENT = 1e-9
"""A column is treated as linearly dependent on the chosen columns if its component orthogonal to
them is at most this fraction of the longest column."""


@dataclass(frozen=True, eq=False)
class ExactMultipliers:
    """Multipliers of margins as exact fractions: `whole / denominator`.

    Args:
        whole: Numerators as Python integers, `(columns,)`.
        denominator: The common positive denominator.
    """

    whole: np.ndarray
    denominator: int

    @cached_property
    def floats(self) -> np.ndarray:
        """The multipliers in float64, `(columns,)`, each correctly rounded."""
        return np.array([float(Fraction(int(w), self.denominator)) for w in self.whole])

    @property
    def reduced(self) -> list[int]:
        """The numerators divided by their greatest common divisor."""
        divisor = reduce(gcd, (int(w) for w in self.whole), 0)
        return [int(w) // max(divisor, 1) for w in self.whole]


@dataclass(frozen=True, eq=False)
class HomogeneousRows:
    """Rows in homogeneous coordinates, that is, with a 1 appended.

    Args:
        values: The rows, `(n, d + 1)` float64.
    """

    values: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray) -> HomogeneousRows:
        """Append a 1 to each row of `x`, `(n, d)`."""
        return cls(np.concatenate([x, np.ones((len(x), 1))], axis=1))

    @cached_property
    def scaled(self) -> np.ndarray:
        """The rows with features of mean 0 and standard deviation 1, `(n, d + 1)`.

        Constant features become 0. The scaling is an invertible map of the rows.
        """
        x = self.values[:, :-1]
        spread = x.std(axis=0)
        x = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        return np.concatenate([x, np.ones((len(x), 1))], axis=1)

    @cached_property
    def whole(self) -> np.ndarray:
        """The rows as Python integers, `(n, d + 1)`: each column is multiplied by a power of two.

        The scaling is an invertible map of the rows.
        """
        return np.stack([integers(column)[0] for column in self.values.T], axis=1)


@dataclass(frozen=True, eq=False)
class Margins:
    """Margins of rows over wrong classes, as linear functions of the weights, one column each.

    Column `j` is the outer product `effects[j] (x) points[rows[j]]`. Invertible maps of the points
    do not change the multipliers, so each computation may use the most convenient coordinates.

    Args:
        points: All rows of the data.
        rows: The row index of each margin, `(columns,)`.
        effects: Coefficients of the `t` scores in each margin, `(columns, t)` integers.
    """

    points: HomogeneousRows
    rows: np.ndarray
    effects: np.ndarray

    @classmethod
    def of_classes(cls, x: np.ndarray, labels: np.ndarray, classes: int) -> Margins:
        """Build the margins of every row with each of its wrong classes.

        Adding a constant to all scores of a row changes no margin, so the score of the last class
        is fixed at 0.

        Args:
            x: The rows, `(n, d)`.
            labels: Class numbers from 0, `(n,)`.
            classes: The number of classes.
        """
        row, wrong = np.nonzero(np.arange(classes) != labels[:, None])
        unit = np.eye(classes, dtype=np.int64)[:, :-1]
        return cls(HomogeneousRows.of(x), row, unit[labels[row]] - unit[wrong])

    @property
    def equations(self) -> int:
        """The number of weighted sums that must be zero in a certificate."""
        return self.points.values.shape[1] * self.effects.shape[1]

    def of(self, keep: np.ndarray) -> Margins:
        """Return the margins that a mask or indices select."""
        return Margins(self.points, self.rows[keep], self.effects[keep])

    @cached_property
    def scaled(self) -> np.ndarray:
        """The columns of the margins, from the scaled rows of the data, `(equations, columns)`."""
        points = self.points.scaled[self.rows]
        return (self.effects[:, :, None] * points[:, None, :]).reshape(len(self.rows), -1).T

    def sums(self, whole: np.ndarray) -> np.ndarray:
        """Compute the weighted sums of the columns exactly, `(d + 1, t)` Python integers.

        Args:
            whole: Integer weights of the columns, `(columns,)`.
        """
        used = np.flatnonzero(whole)
        weights = np.zeros((len(self.points.values), self.effects.shape[1]), object)
        np.add.at(weights, self.rows[used], self.effects[used].astype(object) * whole[used, None])
        rows = np.unique(self.rows[used])
        return self.points.whole[rows].T @ weights[rows]

    def exact(self, near: np.ndarray, room: np.ndarray) -> ExactMultipliers | None:
        """Find multipliers close to the given ones for which the weighted sums are exactly zero.

        The float64 multipliers are rounded to multiples of `2**-BITS`. The multipliers of a set of
        linearly independent columns are then corrected by the exact solution of a linear system.
        Finally the sums are recomputed in integers, so a bad choice of columns cannot make the
        result wrong.

        Args:
            near: Approximate multipliers, `(columns,)`.
            room: Size of the change that each multiplier tolerates, `(columns,)`. Columns that
                tolerate larger changes are preferred as independent columns.

        Returns:
            The multipliers; None if the correction does not make the sums zero, or if all
            multipliers are 0. Signs are not checked.
        """
        whole = np.array([round(float(v) * 2.0**BITS) for v in near], object)
        basis = self._basis(room)
        columns = self._columns(basis)
        left = self.sums(whole).reshape(-1)
        # The normal equations have a unique solution if the columns are independent.
        square = columns @ columns.T
        solved = solve_integers(square.tolist(), (-(columns @ left)).tolist())
        if solved is None:
            return None
        numerators, denominator = solved
        whole = whole * denominator
        whole[basis] += np.array(numerators, object)
        if np.any(self.sums(whole) != 0) or not np.any(whole != 0):
            return None
        return ExactMultipliers(whole, denominator << BITS)

    def _columns(self, chosen: np.ndarray) -> np.ndarray:
        """Return the chosen columns as rows of Python integers, `(chosen, equations)`."""
        points = self.points.whole[self.rows[chosen]]
        effects = self.effects[chosen].astype(object)
        return (points[:, :, None] * effects[:, None, :]).reshape(len(chosen), -1)

    def _basis(self, room: np.ndarray) -> np.ndarray:
        """Return the indices of independent columns, chosen by pivoted Gram-Schmidt.

        Each column is first multiplied by the change that its multiplier tolerates.
        """
        left = self.scaled * room
        chosen: list[int] = []
        sizes = np.square(left).sum(axis=0)
        least = DEPENDENT**2 * float(sizes.max(initial=0.0))
        for _ in range(min(left.shape)):
            pivot = int(np.argmax(sizes))
            if sizes[pivot] <= least:
                break
            chosen.append(pivot)
            direction = left[:, pivot] / np.sqrt(sizes[pivot])
            left = left - np.outer(direction, direction @ left)
            left[:, chosen] = 0.0
            sizes = np.square(left).sum(axis=0)
        return np.array(chosen, np.int64)
