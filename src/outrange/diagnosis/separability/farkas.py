"""Certificates that rows are not linearly separable: a linear program, then exact multipliers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...search.milp.highs import least_linear
from .margins import ExactMultipliers, Margins


SUPPORT = 1e-9
"""Multipliers of the linear program up to this one count as 0; all of them add up to 1."""

WORK, SETS = 700_000, (8, 256)
"""Entries of the linear programs that are solved for certificates without a common row, and how
many of these are looked for at least and at most."""


@dataclass(frozen=True, eq=False)
class Certificate:
    """Margins that add up to zero with multipliers that are not negative.

    Args:
        margins: The columns with a multiplier above 0.
        multipliers: Theirs, exact.
    """

    margins: Margins
    multipliers: ExactMultipliers

    @property
    def rows(self) -> np.ndarray:
        """The rows it is about, each once."""
        return np.unique(self.margins.rows)


def find_certificate(margins: Margins) -> Certificate | None:
    """Find a certificate of few rows, and verify it in integers.

    Args:
        margins: Of rows and wrong classes.

    Returns:
        None if the linear program has no solution (the classes are separable), or if its solution
        cannot be verified exactly.
    """
    columns = len(margins.rows)
    if columns < 2:
        return None
    matrix = np.concatenate([margins.scaled, np.ones((1, columns))])
    right = np.append(np.zeros(margins.equations), 1.0)
    found = least_linear(
        np.zeros(columns), np.zeros(columns), np.ones(columns), matrix, right, right
    )
    if found is None:
        return None
    near = found[0]
    support = np.flatnonzero(near > SUPPORT)
    return certified(margins.of(support), near[support], near[support])


def certified(margins: Margins, near: np.ndarray, room: np.ndarray) -> Certificate | None:
    """Make multipliers exact; None unless they are verified and none is negative.

    Args:
        margins: The columns.
        near: `(columns,)`: multipliers in float64.
        room: `(columns,)`: how far each may be moved.
    """
    exact = margins.exact(near, room) if len(near) else None
    if exact is None or any(w < 0 for w in exact.whole):
        return None
    above = np.flatnonzero(exact.whole > 0)
    return Certificate(margins.of(above), ExactMultipliers(exact.whole[above], exact.denominator))


def disjoint_certificates(margins: Margins, first: Certificate) -> list[Certificate]:
    """Find certificates of which no two have a row in common, one after the other.

    Whatever the weights are, each has a row that is wrong.

    Args:
        margins: Of rows and wrong classes.
        first: One of them.
    """
    found, left = [first], margins
    most = int(np.clip(WORK // max(margins.scaled.size, 1), *SETS))
    while len(found) < most:
        left = left.of(~np.isin(left.rows, found[-1].rows))
        one = find_certificate(left)
        if one is None:
            break
        found.append(one)
    return found
