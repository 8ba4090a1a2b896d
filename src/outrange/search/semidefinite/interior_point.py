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

from ...core import seconds_left
from .products import Products


MOST_STEPS = 40
"""Steps for one row, or for the center."""

EDGE = 0.95
"""Share of the way to the edge of the cone that a step goes."""

SHORT = 0.1
"""A first direction that stays inside for less than this says nothing of the next `mu`."""

CENTERED = 0.1
"""How near to 1 the mean complementarity of the center is."""

RIDGE = 1e-12
"""Added to the curvature, relative: some products may say the same."""

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
        values: `(m,)` the multipliers.
        moments: `(n, n)` the primal variable.
    """

    height: float
    values: np.ndarray
    moments: np.ndarray


@dataclass(eq=False)
class _Iterate:
    """Moments `X`, slacks of the products that are at least 0, and `(height, multipliers)`."""

    moments: np.ndarray
    slack: np.ndarray
    dual: np.ndarray


class InteriorPoint:
    """The method for some products; it finds their center once.

    Args:
        products: `m` of them, of `n` variables.
        moments: `(n, n)` of points at which the products hold.
        near: The method for the first few of them: its center is near.

    Raises:
        NoCenter: No multipliers or moments are strictly inside.
    """

    def __init__(
        self, products: Products, moments: np.ndarray, near: InteriorPoint | None = None
    ) -> None:
        self.left, self.right = products.left, products.right
        self._signed = np.concatenate([[False], ~products.free])
        """Which entries of `(height, multipliers)` are at least 0."""
        self._degree = len(self.left) + int(self._signed.sum())
        if not (np.isfinite(self.left).all() and np.isfinite(self.right).all()):
            raise NoCenter
        try:
            begin = self._begin(products, moments) if near is None else self._extended(near)
            self._center = self._centered(begin)
            outer = np.linalg.cholesky(self.summed(self._center.dual))
            self._inner = np.linalg.inv(outer)
        except np.linalg.LinAlgError:
            raise NoCenter from None

    def maximize(self, row: np.ndarray, gap: float) -> Multipliers:
        """The least height of `row . y`, to within a share `gap` of it.

        Args:
            row: `(n,)`, of size 1 about.
            gap: When to stop.
        """
        cost = np.zeros((row.size, row.size))
        cost[0] += 0.5 * row
        cost[:, 0] += 0.5 * row
        # The center, as far out as the row needs to be small beside it.
        size = np.linalg.eigvalsh(self._inner @ cost @ self._inner.T)
        far = 2.0 * float(np.abs(size).max()) + 1e-30
        now = _Iterate(self._center.moments, self._center.slack, far * self._center.dual)
        for _ in range(MOST_STEPS):
            reached = float((cost * now.moments).sum())
            if now.dual[0] - reached < gap * abs(now.dual[0]) or seconds_left() < 0:
                break
            try:
                step = _Step(self, now, cost)
                now = self._moved(now, cost, *step.corrected())
            except np.linalg.LinAlgError:
                break
        return Multipliers(float(now.dual[0]), now.dual[1:], now.moments)

    def _begin(self, products: Products, moments: np.ndarray) -> _Iterate:
        """Multipliers of squares that outweigh all others."""
        slack = np.maximum(-self._applied(moments)[self._signed], LEAST_SLACK)
        dual = np.concatenate([[0.0], np.where(products.free, 0.0, 1.0)])
        squares = np.flatnonzero(products.squares) + 1
        dual[squares] = 4.0
        for _ in range(MOST_DOUBLINGS):
            dual[0] = 4.0 * dual[squares].sum()
            if _is_definite(self.summed(dual)):
                return _Iterate(moments, slack, dual)
            dual[squares] *= 2.0
        raise NoCenter

    def _extended(self, near: InteriorPoint) -> _Iterate:
        """The center of some of the products, and multipliers of the others that fit it."""
        known, signed = near._center, self._signed
        slack = np.maximum(-self._applied(known.moments)[signed], LEAST_SLACK)
        slack[: known.slack.size] = known.slack
        dual = np.zeros(signed.size)
        dual[: known.dual.size] = known.dual
        added = 1.0 / slack[known.slack.size :]
        for _ in range(MOST_DOUBLINGS):
            dual[known.dual.size :] = added
            if _is_definite(self.summed(dual)):
                return _Iterate(known.moments, slack, dual)
            added = 0.5 * added
        raise NoCenter

    def _centered(self, now: _Iterate) -> _Iterate:
        nothing = np.zeros_like(now.moments)
        for _ in range(MOST_STEPS):
            step = _Step(self, now, nothing)
            found = self._moved(now, nothing, *step.toward(1.0))
            near = np.abs(step.complementarity - 1.0) < CENTERED
            now = found
            if near:
                break
        return now

    def summed(self, dual: np.ndarray) -> np.ndarray:
        """`(n, n)`: the height and minus the products, weighted by `(height, multipliers)`."""
        half = (self.left * dual[1:]) @ self.right.T
        out = -0.5 * (half + half.T)
        out[0, 0] += dual[0]
        return out

    def _applied(self, moments: np.ndarray) -> np.ndarray:
        """`(1 + m,)`: the constant's square and minus the products, at some moments."""
        products = np.einsum("nm,nm->m", self.left, moments @ self.right)
        return np.concatenate([[moments[0, 0]], -products])

    def _moved(
        self,
        now: _Iterate,
        cost: np.ndarray,
        dual: np.ndarray,
        moments: np.ndarray,
        slack: np.ndarray,
    ) -> _Iterate:
        """As far along a direction as stays inside."""
        signed = self._signed
        primal_share = _share(now.moments, moments, now.slack, slack)
        matrix = self.summed(now.dual) - cost
        dual_share = _share(matrix, self.summed(dual), now.dual[signed], dual[signed])
        found = now.moments + primal_share * moments
        return _Iterate(
            0.5 * (found + found.T), now.slack + primal_share * slack, now.dual + dual_share * dual
        )


class _Step:
    """Directions at one iterate: the HKM direction, whose equations are solved once."""

    def __init__(self, method: InteriorPoint, now: _Iterate, cost: np.ndarray) -> None:
        self._method, self._now, self._cost = method, now, cost
        signed = self._signed = method._signed
        self._matrix = method.summed(now.dual) - cost
        self._inverse = np.linalg.inv(self._matrix)
        self._at_inverse = method._applied(self._inverse)
        self._at_moments = method._applied(now.moments)
        self._wanted = -self._at_moments
        self._wanted[0] += 1.0
        self._wanted[signed] -= now.slack
        product = float((now.moments * self._matrix).sum() + now.slack @ now.dual[signed])
        self.complementarity = product / method._degree
        """The mean of all complementary products."""
        schur = self._schur()
        schur[signed, signed] += now.slack / now.dual[signed]
        diagonal = np.arange(len(schur))
        schur[diagonal, diagonal] *= 1.0 + RIDGE
        self._equations, self._solved = schur, np.linalg.inv(schur)

    def _schur(self) -> np.ndarray:
        left, right = self._method.left, self._method.right
        x, p = self._now.moments, self._inverse
        x_left, x_right, p_left, p_right = x @ left, x @ right, p @ left, p @ right
        m = left.shape[1]
        out = np.empty((m + 1, m + 1))
        crossed = (left.T @ x_right) * (right.T @ p_left)
        inner = (left.T @ x_left) * (right.T @ p_right)
        inner += (right.T @ x_right) * (left.T @ p_left)
        inner += crossed + crossed.T
        out[1:, 1:] = 0.125 * (inner + inner.T)
        out[0, 0] = x[0, 0] * p[0, 0]
        out[0, 1:] = out[1:, 0] = -0.5 * (x_left[0] * p_right[0] + x_right[0] * p_left[0])
        return out

    def toward(
        self,
        mu: float,
        moments_of: np.ndarray | None = None,
        slack_of: np.ndarray | float = 0.0,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The direction toward complementary products of `mu`: of the dual, moments and slack.

        Args:
            mu: The aim.
            moments_of: What products of a first direction add, of the moments.
            slack_of: The same of the slacks.
        """
        method, now, signed = self._method, self._now, self._signed
        own = now.dual[signed]
        right = mu * self._at_inverse - self._at_moments - self._wanted
        right[signed] += mu / own - now.slack - slack_of
        if moments_of is not None:
            right -= method._applied(moments_of)
        dual = self._solved @ right
        dual += self._solved @ (right - self._equations @ dual)
        turned = now.moments @ method.summed(dual) @ self._inverse
        moments = mu * self._inverse - now.moments - 0.5 * (turned + turned.T)
        if moments_of is not None:
            moments -= moments_of
        slack = mu / own - now.slack - now.slack / own * dual[signed] - slack_of
        return dual, moments, slack

    def corrected(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mehrotra's direction: how far the first one goes says how far to aim."""
        method, now, signed = self._method, self._now, self._signed
        dual, moments, slack = self.toward(0.0)
        step = method.summed(dual)
        one = _share(now.moments, moments, now.slack, slack)
        two = _share(self._matrix, step, now.dual[signed], dual[signed])
        left = float(((now.moments + one * moments) * (self._matrix + two * step)).sum())
        left += float((now.slack + one * slack) @ (now.dual[signed] + two * dual[signed]))
        ratio = left / method._degree / self.complementarity
        aim = min(1.0, max(1e-3, ratio**3)) if min(one, two) > SHORT else 1.0
        turned = moments @ step @ self._inverse
        return self.toward(
            aim * self.complementarity,
            0.5 * (turned + turned.T),
            slack * dual[signed] / now.dual[signed],
        )


def _share(
    matrix: np.ndarray, direction: np.ndarray, numbers: np.ndarray, steps: np.ndarray
) -> float:
    """How much of a direction, up to all, keeps a matrix definite and numbers positive."""
    share, falling = 1.0, steps < 0
    if falling.any():
        share = min(share, EDGE * float((numbers[falling] / -steps[falling]).min()))
    inverse = np.linalg.inv(np.linalg.cholesky(matrix))
    least = float(np.linalg.eigvalsh(inverse @ direction @ inverse.T)[0])
    return min(share, EDGE / -least) if least < 0 else share


def _is_definite(matrix: np.ndarray) -> bool:
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return False
    return True
