"""Multipliers of products, by a primal-dual interior-point method.

`row . y <= height` holds wherever the products say what they say, if

    height - row . y - sum_k lambda_k (left_k . y)(right_k . y)

is at least 0 for every `y` with `y_0 = 1`, where `lambda_k >= 0` unless the product is 0: that is,
if the matrix `S` of this quadratic form is positive semidefinite. The least height is the value of
a semidefinite program; its primal variable `X` stands for the moments `E[y y^T]` of a distribution
of points. The method starts from moments of real points, which satisfy every product, and from the
analytic center of the multipliers, which is the same for all rows; the multipliers of every iterate
are feasible, so that whenever time is over there is a bound.

A product is a matrix of rank two, so one step takes about `12 n m^2` products of numbers.

Unsound by itself: `proof.proved` bounds what it found. Reference: C. Helmberg, F. Rendl, R.
Vanderbei, H. Wolkowicz, *An interior-point method for semidefinite programming*, SIAM J. Optim. 6
(1996); S. Mehrotra, *On the implementation of a primal-dual interior point method*, SIAM J.
Optim. 2 (1992).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import check_deadline, seconds_left
from .direction import Direction, Iterate, NewtonStep, ProductSums
from .products import Products


MOST_STEPS = 40
"""Steps for one row, or for the center."""

CENTERED = 0.1
"""How near to 1 the mean complementarity of the center is."""

NEAR = 0.02
"""Heights nearer to 0 than this share of the row's size count as this large."""

LEAST_SLACK = 1e-6
"""Of a product at the first moments, which need not satisfy it."""

MOST_DOUBLINGS = 60
"""Of the first multipliers of squares, until they outweigh all others."""


class NoCenter(Exception):
    """The products have no point that is strictly inside all of them, up to rounding."""


@dataclass(frozen=True, eq=False)
class Multipliers:
    """What was found for one row.

    Args:
        height: The bound that the multipliers show.
        values: The multipliers, shape `(m,)`.
        moments: `(n, n)` the primal variable.
    """

    height: float
    values: np.ndarray
    moments: np.ndarray


class InteriorPoint:
    """The method for some products; it finds their center once.

    Args:
        products: `m` of them, of `n` variables.
        moments: `(n, n)` of points at which the products hold.
        near: The method for the first few of them: its center is near enough.

    Raises:
        NoCenter: No multipliers or moments are strictly inside.
    """

    def __init__(
        self, products: Products, moments: np.ndarray, near: InteriorPoint | None = None
    ) -> None:
        self._sums = ProductSums(products)
        if not (np.isfinite(products.left).all() and np.isfinite(products.right).all()):
            raise NoCenter
        try:
            if near is None:
                self._center = self._centered(self._begin(products, moments))
            else:
                self._center = self._extended(near)
            outer = np.linalg.cholesky(self._sums.summed(self._center.dual))
            self._inner = np.linalg.inv(outer)
        except np.linalg.LinAlgError:
            raise NoCenter from None

    def maximize(self, row: np.ndarray, gap: float) -> Multipliers:
        """The least height of `row . y`, to within a share `gap` of it.

        Args:
            row: `(n,)`, of size 1 about.
        """
        cost = np.zeros((row.size, row.size))
        cost[0] += 0.5 * row
        cost[:, 0] += 0.5 * row
        # The center, as far out as the row needs to be small beside it.
        size = np.linalg.eigvalsh(self._inner @ cost @ self._inner.T)
        far = 2.0 * float(np.abs(size).max()) + 1e-30
        now = Iterate(self._center.moments, self._center.slack, far * self._center.dual)
        for _ in range(MOST_STEPS):
            reached = float((cost * now.moments).sum())
            if now.dual[0] - reached < gap * max(abs(now.dual[0]), NEAR) or seconds_left() < 0:
                break
            try:
                direction = Direction(self._sums, now, cost)
                now = self._moved(now, direction, direction.corrected())
            except np.linalg.LinAlgError:
                break
        return Multipliers(float(now.dual[0]), now.dual[1:], now.moments)

    def _begin(self, products: Products, moments: np.ndarray) -> Iterate:
        """Multipliers of squares that outweigh all others."""
        slack = np.maximum(-self._sums.applied(moments)[self._sums.signed], LEAST_SLACK)
        dual = np.concatenate([[0.0], np.where(products.free, 0.0, 1.0)])
        squares = np.flatnonzero(products.squares) + 1
        dual[squares] = 4.0
        for _ in range(MOST_DOUBLINGS):
            dual[0] = 4.0 * dual[squares].sum()
            if _is_definite(self._sums.summed(dual)):
                return Iterate(moments, slack, dual)
            dual[squares] *= 2.0
        raise NoCenter

    def _extended(self, near: InteriorPoint) -> Iterate:
        """The center of some of the products, and multipliers of the others that fit it."""
        known, signed = near._center, self._sums.signed
        slack = np.maximum(-self._sums.applied(known.moments)[signed], LEAST_SLACK)
        slack[: known.slack.size] = known.slack
        dual = np.zeros(signed.size)
        dual[: known.dual.size] = known.dual
        added = 1.0 / slack[known.slack.size :]
        for _ in range(MOST_DOUBLINGS):
            dual[known.dual.size :] = added
            if _is_definite(self._sums.summed(dual)):
                return Iterate(known.moments, slack, dual)
            added = 0.5 * added
        raise NoCenter

    def _centered(self, now: Iterate) -> Iterate:
        nothing = np.zeros_like(now.moments)
        for _ in range(MOST_STEPS):
            check_deadline()
            direction = Direction(self._sums, now, nothing)
            found = self._moved(now, direction, direction.toward(1.0))
            near = np.abs(direction.complementarity - 1.0) < CENTERED
            now = found
            if near:
                break
        return now

    def _moved(self, now: Iterate, direction: Direction, step: NewtonStep) -> Iterate:
        """As far along a direction as stays inside."""
        primal_share, dual_share = direction.shares(step)
        moments = now.moments + primal_share * step.moments
        return Iterate(
            0.5 * (moments + moments.T),
            now.slack + primal_share * step.slack,
            now.dual + dual_share * step.dual,
        )


def _is_definite(matrix: np.ndarray) -> bool:
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True
