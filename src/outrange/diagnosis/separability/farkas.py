"""Farkas certificates that rows are not linearly separable, in exact integers.

A linear program finds multipliers in float64. They are then corrected to rational numbers, and the
weighted sums are verified in integers.

Reference: J. Farkas, *Theorie der einfachen Ungleichungen*, 1902.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...search.milp.highs import least_linear
from .margins import ExactMultipliers, Margins


SUPPORT = 1e-9
"""Multipliers of the linear program up to this value are treated as 0; all multipliers sum to 1."""

WORK, SETS = 700_000, (8, 256)
"""Limit on the total size of the linear programs that find disjoint certificates, and the range to
which the resulting maximum number of certificates is clipped."""


@dataclass(frozen=True, eq=False)
class Certificate:
    """Margins whose sum, weighted with positive multipliers, is zero.

    Args:
        margins: The margins with a positive multiplier.
        multipliers: The exact multipliers of these margins.
    """

    margins: Margins
    multipliers: ExactMultipliers

    @property
    def rows(self) -> np.ndarray:
        """The indices of the distinct rows in the certificate."""
        return np.unique(self.margins.rows)


def find_certificate(margins: Margins) -> Certificate | None:
    """Find a certificate by linear programming, and verify it in integers.

    Returns:
        The certificate. None if the linear program has no solution (the classes are separable), if
        its solution cannot be verified exactly, or if there are fewer than two margins.
    """
    columns = len(margins.rows)
    if columns < 2:
        return None
    matrix = np.concatenate([margins.scaled, np.ones((1, columns))])
    right = np.append(np.zeros(margins.equations), 1.0)
    solution = least_linear(
        np.zeros(columns), np.zeros(columns), np.ones(columns), matrix, right, right
    )
    if solution is None:
        return None
    near = solution[0]
    support = np.flatnonzero(near > SUPPORT)
    return exact_certificate(margins.of(support), near[support], near[support])


def exact_certificate(margins: Margins, near: np.ndarray, room: np.ndarray) -> Certificate | None:
    """Build a certificate from approximate multipliers, corrected to exact fractions.

    Args:
        margins: The margins, one column each.
        near: Approximate multipliers in float64, `(columns,)`.
        room: Size of the change that each multiplier tolerates, `(columns,)`. The correction
            prefers multipliers that tolerate larger changes.

    Returns:
        The certificate. None if the exact multipliers cannot be verified or one is negative.
    """
    exact = margins.exact(near, room) if len(near) else None
    if exact is None or any(w < 0 for w in exact.whole):
        return None
    above = np.flatnonzero(exact.whole > 0)
    return Certificate(margins.of(above), ExactMultipliers(exact.whole[above], exact.denominator))


def disjoint_certificates(margins: Margins, first: Certificate) -> list[Certificate]:
    """Return certificates that have no rows in common, up to a maximum number.

    For any weights, each certificate contains a misclassified row.

    Args:
        margins: The margins of all rows and wrong classes.
        first: The first certificate; it is included in the result.
    """
    certificates, left = [first], margins
    most = int(np.clip(WORK // max(margins.scaled.size, 1), *SETS))
    while len(certificates) < most:
        left = left.of(~np.isin(left.rows, certificates[-1].rows))
        certificate = find_certificate(left)
        if certificate is None:
            break
        certificates.append(certificate)
    return certificates
