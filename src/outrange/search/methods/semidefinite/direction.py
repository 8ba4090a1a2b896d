"""Search directions of a primal-dual interior-point method with rank-two constraints.

Reference: C. Helmberg, F. Rendl, R. Vanderbei, H. Wolkowicz, *An interior-point method for
semidefinite programming*, SIAM J. Optim. 6 (1996), for the direction (HKM).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....core.clock import charge
from .cholesky import Cholesky
from .products import Products


EDGE = 0.95
"""Maximum fraction of the distance to the boundary of the cone that a step covers."""

SHORT = 0.1
"""Step length below which a first direction is not used to predict the next `mu`."""

RIDGE = 1e-12
"""Relative increase of the diagonal of the equations' matrix, needed because products may be
linearly dependent."""


class ProductSums:
    """Weighted sums of product matrices, and the values of the products at given moments.

    Args:
        products: `m` products of `n` variables.
    """

    def __init__(self, products: Products) -> None:
        self.left, self.right = products.left, products.right
        self.signed = np.concatenate([[False], ~products.free])
        """Mask of the entries of `(height, multipliers)` that must be at least 0."""
        self.degree = len(self.left) + int(self.signed.sum())
        """The number of complementarity products: one per variable, and one per product that must
        be at least 0."""

    def weighted_sum(self, dual: np.ndarray) -> np.ndarray:
        """Return the matrix `(n, n)` of `height - sum_k lambda_k (left_k . y)(right_k . y)`.

        The expression is a quadratic form in `y`, where `y_0 = 1`. `dual` is the height, followed
        by the multiplier of each product.
        """
        half = (self.left * dual[1:]) @ self.right.T
        out = -0.5 * (half + half.T)
        out[0, 0] += dual[0]
        return out

    def values_at(self, moments: np.ndarray) -> np.ndarray:
        """Return `y_0^2`, then minus the value of each product, at given moments: `(1 + m,)`."""
        products = np.einsum("nm,nm->m", self.left, moments @ self.right)
        return np.concatenate([[moments[0, 0]], -products])


@dataclass(eq=False)
class Iterate:
    """Moments `X`, slacks of products that must be at least 0, and `(height, multipliers)`."""

    moments: np.ndarray
    slack: np.ndarray
    dual: np.ndarray


@dataclass(eq=False)
class NewtonStep:
    """Changes of the moments, slacks and `(height, multipliers)`, and of the dual matrix."""

    moments: np.ndarray
    slack: np.ndarray
    dual: np.ndarray
    matrix: np.ndarray


class Direction:
    """Search directions (HKM) at one iterate, whose equations are factorized once."""

    def __init__(self, sums: ProductSums, now: Iterate, cost: np.ndarray) -> None:
        self._sums, self._now = sums, now
        signed = self._signed = sums.signed
        self._matrix = sums.weighted_sum(now.dual) - cost
        self._outer = np.linalg.cholesky(now.moments)
        self._inner = np.linalg.inv(self._outer), np.linalg.inv(np.linalg.cholesky(self._matrix))
        self._inverse = self._inner[1].T @ self._inner[1]
        self._at_inverse = sums.values_at(self._inverse)
        self._at_moments = sums.values_at(now.moments)
        self._wanted = -self._at_moments
        self._wanted[0] += 1.0
        self._wanted[signed] -= now.slack
        product = float((now.moments * self._matrix).sum() + now.slack @ now.dual[signed])
        self.complementarity = product / sums.degree
        """The mean of all complementarity products."""
        schur = self._schur()
        schur[signed, signed] += now.slack / now.dual[signed]
        diagonal = np.arange(len(schur))
        schur[diagonal, diagonal] *= 1.0 + RIDGE
        self._equations, self._factor = schur, Cholesky(schur)

    def _schur(self) -> np.ndarray:
        """Assemble the Schur complement: the matrix of the equations for the multipliers."""
        left, right = self._sums.left, self._sums.right
        x, p = self._now.moments[0], self._inverse[0]
        # A matrix times its own transpose takes half the time of a general product.
        x_left, x_right = (0.5 * self._outer.T @ side for side in (left, right))
        p_left, p_right = (self._inner[1] @ side for side in (left, right))
        inner = x_left.T @ x_left
        inner *= p_right.T @ p_right
        other = x_right.T @ x_right
        other *= p_left.T @ p_left
        inner += other
        np.matmul(x_left.T, x_right, out=other)
        other *= p_right.T @ p_left
        inner += other
        inner += other.T
        m = len(inner)
        charge(m * m * (3 * len(x) + m / 3))
        out = np.empty((m + 1, m + 1))
        out[1:, 1:] = inner
        out[0, 0] = x[0] * p[0]
        at_x, at_p = (tuple(row @ side for side in (left, right)) for row in (x, p))
        out[0, 1:] = out[1:, 0] = -0.5 * (at_x[0] * at_p[1] + at_x[1] * at_p[0])
        return out

    def toward(
        self,
        mu: float,
        moments_of: np.ndarray | None = None,
        slack_of: np.ndarray | float = 0.0,
    ) -> NewtonStep:
        """Compute the direction toward complementarity products that all equal `mu`.

        Args:
            mu: Target of the complementarity products.
            moments_of: Second-order correction of the moments, from a first direction.
            slack_of: Second-order correction of the slacks.
        """
        sums, now, signed = self._sums, self._now, self._signed
        multipliers = now.dual[signed]
        right = mu * self._at_inverse - self._at_moments - self._wanted
        right[signed] += mu / multipliers - now.slack - slack_of
        if moments_of is not None:
            right -= sums.values_at(moments_of)
        dual = self._factor.solve(right)
        dual += self._factor.solve(right - self._equations @ dual)
        matrix = sums.weighted_sum(dual)
        turned = now.moments @ matrix @ self._inverse
        moments = mu * self._inverse - now.moments - 0.5 * (turned + turned.T)
        if moments_of is not None:
            moments -= moments_of
        slack = mu / multipliers - now.slack - now.slack / multipliers * dual[signed] - slack_of
        return NewtonStep(moments, slack, dual, matrix)

    def shares(self, step: NewtonStep) -> tuple[float, float]:
        """Return the feasible step lengths for the moments and for the multipliers."""
        now, signed = self._now, self._signed
        return (
            _share(self._inner[0], step.moments, now.slack, step.slack),
            _share(self._inner[1], step.matrix, now.dual[signed], step.dual[signed]),
        )

    def mehrotra_step(self) -> NewtonStep:
        """Compute Mehrotra's direction: the length of a first step determines the next `mu`."""
        now, signed = self._now, self._signed
        first = self.toward(0.0)
        primal_share, dual_share = self.shares(first)
        left = float(
            (
                (now.moments + primal_share * first.moments)
                * (self._matrix + dual_share * first.matrix)
            ).sum()
        )
        left += float(
            (now.slack + primal_share * first.slack)
            @ (now.dual[signed] + dual_share * first.dual[signed])
        )
        ratio = left / self._sums.degree / self.complementarity
        aim = min(1.0, max(1e-3, ratio**3)) if min(primal_share, dual_share) > SHORT else 1.0
        turned = first.moments @ first.matrix @ self._inverse
        return self.toward(
            aim * self.complementarity,
            0.5 * (turned + turned.T),
            first.slack * first.dual[signed] / now.dual[signed],
        )


def _share(
    inner: np.ndarray, direction: np.ndarray, numbers: np.ndarray, steps: np.ndarray
) -> float:
    """Return a step length, at most 1, that keeps a matrix positive definite and numbers positive.

    Args:
        inner: Inverse of the matrix's Cholesky factor.
        direction: Change of the matrix.
        steps: Changes of the numbers.
    """
    share, falling = 1.0, steps < 0
    if falling.any():
        share = min(share, EDGE * float((numbers[falling] / -steps[falling]).min()))
    least = float(np.linalg.eigvalsh(inner @ direction @ inner.T)[0])
    return min(share, EDGE / -least) if least < 0 else share
