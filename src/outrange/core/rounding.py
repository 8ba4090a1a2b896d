"""The only place that knows how to push a float64 outward.

Reference: N. Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., section 3.1.
"""

import numpy as np


UNIT = 2.0**-53
"""Unit roundoff of float64, round to nearest."""


def gamma(n: int) -> float:
    """`n*u / (1 - n*u)`: the relative error of a sum of `n` products, in any order of summation."""
    return n * UNIT / (1.0 - n * UNIT)


def up(x, ulps: int = 1):
    """A float64 at least `ulps` steps above `x`."""
    for _ in range(ulps):
        x = np.nextafter(x, np.inf)
    return x


def down(x, ulps: int = 1):
    """A float64 at least `ulps` steps below `x`."""
    for _ in range(ulps):
        x = np.nextafter(x, -np.inf)
    return x
