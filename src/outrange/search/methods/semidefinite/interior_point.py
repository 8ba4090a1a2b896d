"""Multipliers of products, computed by a primal-dual interior-point method.

`row . y <= height` holds wherever all products are at least 0, or equal to 0 where required, if

    height - row . y - sum_k lambda_k (left_k . y)(right_k . y)

is at least 0 for every `y` with `y_0 = 1`, where `lambda_k >= 0` unless product `k` is required to
be 0. This is the case if the matrix `S` of this quadratic form is positive semidefinite. The least
height is the value of a semidefinite program. Its primal variable `X` represents moments `E[y y^T]`
of a distribution of points. The method starts from moments of real points, which satisfy all
constraints on products, and from the analytic center of the multipliers, which is the same for all
rows. The multipliers of every iterate are feasible, so a bound is available at any time.

A product is a matrix of rank two, so the equations of one step take about `4 n m^2`
multiplications.

Not sound on its own: `proof.py` turns its multipliers into a proved bound. Reference: C. Helmberg,
F. Rendl, R. Vanderbei, H. Wolkowicz, *An interior-point method for semidefinite programming*, SIAM
J. Optim. 6 (1996); S. Mehrotra, *On the implementation of a primal-dual interior point method*,
SIAM J. Optim. 2 (1992).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....core import check_deadline, seconds_left
from .direction import Direction, Iterate, NewtonStep, ProductSums
from .products import Products


MOST_STEPS = 40
"""Maximum number of steps for one row, or for the center."""

CENTERED = 0.1
"""Distance of the mean complementarity from 1 below which the center is accepted."""

NEAR = 0.02
"""The gap is measured relative to the magnitude of the height, or to this number if it is larger.
The size of a row is about 1."""

LEAST_SLACK = 1e-6
"""Lower limit on the initial slack of a product, which the first moments may violate."""

MOST_DOUBLINGS = 60
"""Maximum number of times that the multipliers of the squares are doubled so that they outweigh all
the others, or that the multipliers of added products are halved."""


class NoCenterError(Exception):
    """Raised if no strictly interior point of the products is found."""


@dataclass(frozen=True, eq=False)
class Multipliers:
    """Multipliers of the products for one row.

    Args:
        height: The bound that follows from the multipliers, not yet proved.
        values: The multipliers, shape `(m,)`.
        moments: The primal variable, shape `(n, n)`.
    """

    height: float
    values: np.ndarray
    moments: np.ndarray


class InteriorPoint:
    """Interior-point method for a set of products, whose center is computed once.

    Args:
        products: `m` products of `n` variables.
        moments: `(n, n)` moments of points at which the constraints on the products hold.
        near: Method for a leading part of the products, whose center is extended to all products;
            None to find the center anew.

    Raises:
        NoCenterError: No strictly feasible multipliers and moments are found.
    """

    def __init__(
        self, products: Products, moments: np.ndarray, near: InteriorPoint | None = None
    ) -> None:
        self._sums = ProductSums(products)
        if not (np.isfinite(products.left).all() and np.isfinite(products.right).all()):
            raise NoCenterError
        try:
            if near is None:
                self._center = self._find_center(self._begin(products, moments))
            else:
                self._center = self._extend_center(near)
            outer = np.linalg.cholesky(self._sums.weighted_sum(self._center.dual))
            self._inner = np.linalg.inv(outer)
        except np.linalg.LinAlgError:
            raise NoCenterError from None

    def maximize(self, row: np.ndarray, gap: float) -> Multipliers:
        """Return multipliers for `row . y` whose height is least, up to a relative gap of `gap`.

        The gap is larger if the method runs out of time or steps, or fails numerically.

        Args:
            row: `(n,)`, of size about 1.
            gap: Relative gap at which the method stops.
        """
        cost = np.zeros((row.size, row.size))
        cost[0] += 0.5 * row
        cost[:, 0] += 0.5 * row
        # The center, scaled up until the row is small compared with it.
        size = np.linalg.eigvalsh(self._inner @ cost @ self._inner.T)
        far = 2.0 * float(np.abs(size).max()) + 1e-30
        now = Iterate(self._center.moments, self._center.slack, far * self._center.dual)
        for _ in range(MOST_STEPS):
            reached = float((cost * now.moments).sum())
            if now.dual[0] - reached < gap * max(abs(now.dual[0]), NEAR) or seconds_left() < 0:
                break
            try:
                direction = Direction(self._sums, now, cost)
                now = self._move(now, direction, direction.mehrotra_step())
            except np.linalg.LinAlgError:
                break
        return Multipliers(float(now.dual[0]), now.dual[1:], now.moments)

    def _begin(self, products: Products, moments: np.ndarray) -> Iterate:
        """Return a feasible start, in which the multipliers of squares outweigh all others."""
        slack = np.maximum(-self._sums.values_at(moments)[self._sums.signed], LEAST_SLACK)
        dual = np.concatenate([[0.0], np.where(products.free, 0.0, 1.0)])
        squares = np.flatnonzero(products.squares) + 1
        dual[squares] = 4.0
        for _ in range(MOST_DOUBLINGS):
            dual[0] = 4.0 * dual[squares].sum()
            if _is_definite(self._sums.weighted_sum(dual)):
                return Iterate(moments, slack, dual)
            dual[squares] *= 2.0
        raise NoCenterError

    def _extend_center(self, near: InteriorPoint) -> Iterate:
        """Extend the center of `near`, a method for the first products, to all products.

        The multipliers of the other products are halved until the iterate is feasible.
        """
        center, signed = near._center, self._sums.signed
        slack = np.maximum(-self._sums.values_at(center.moments)[signed], LEAST_SLACK)
        slack[: center.slack.size] = center.slack
        dual = np.zeros(signed.size)
        dual[: center.dual.size] = center.dual
        added = 1.0 / slack[center.slack.size :]
        for _ in range(MOST_DOUBLINGS):
            dual[center.dual.size :] = added
            if _is_definite(self._sums.weighted_sum(dual)):
                return Iterate(center.moments, slack, dual)
            added = 0.5 * added
        raise NoCenterError

    def _find_center(self, now: Iterate) -> Iterate:
        """Return an iterate that approximates the analytic center."""
        nothing = np.zeros_like(now.moments)
        for _ in range(MOST_STEPS):
            check_deadline()
            direction = Direction(self._sums, now, nothing)
            following = self._move(now, direction, direction.toward(1.0))
            near = np.abs(direction.complementarity - 1.0) < CENTERED
            now = following
            if near:
                break
        return now

    def _move(self, now: Iterate, direction: Direction, step: NewtonStep) -> Iterate:
        """Move along a direction by step lengths that keep the iterate feasible."""
        primal_share, dual_share = direction.shares(step)
        moments = now.moments + primal_share * step.moments
        return Iterate(
            0.5 * (moments + moments.T),
            now.slack + primal_share * step.slack,
            now.dual + dual_share * step.dual,
        )


def _is_definite(matrix: np.ndarray) -> bool:
    """Return whether a Cholesky factorization succeeds."""
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True
