"""Vectorized roots of monotone functions, by Chandrupatla's bracketed inverse interpolation.

Reference: T. Chandrupatla 1997, Advances in Engineering Software 28(3):145-149.
"""

import numpy as np

from ...core.arrays import Elementwise


STEPS = 12
ENOUGH = 2.0**-42


def root(height: Elementwise, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Return points in `[lo, hi]` near the zero of an increasing function `height`.

    If the zero lies outside, the nearer endpoint is returned. Only tightness depends on the
    accuracy of the root, not soundness.

    Args:
        height: Vectorized function; it may return NaN and infinities.
        lo: Lower endpoints of the brackets.
        hi: Upper endpoints of the brackets.
    """
    x1, x2 = lo, hi
    f1, f2 = height(lo), height(hi)
    best = np.where((f1 >= 0) | (-f1 <= f2), lo, hi)
    best = np.where(f2 <= 0, hi, best)
    least = np.where((f1 >= 0) | (f2 <= 0), 0.0, np.minimum(np.abs(f1), np.abs(f2)))
    enough = ENOUGH * (np.abs(f1) + np.abs(f2))
    part = 0.5
    for _ in range(STEPS):
        if (least <= enough).all():
            break
        x = x1 + part * (x2 - x1)
        f = height(x)
        better = np.abs(f) < least
        best, least = np.where(better, x, best), np.where(better, np.abs(f), least)
        same = (f > 0) == (f1 > 0)
        x3, f3 = np.where(same, x1, x2), np.where(same, f1, f2)
        x2, f2 = np.where(same, x2, x1), np.where(same, f2, f1)
        x1, f1 = x, f
        part = _next(x1, x2, x3, f1, f2, f3)
    return best


def _next(
    x1: np.ndarray, x2: np.ndarray, x3: np.ndarray, f1: np.ndarray, f2: np.ndarray, f3: np.ndarray
) -> np.ndarray:
    """Return the next point between `x1` and `x2`, as a fraction of the way from `x1`.

    The fraction is computed by inverse quadratic interpolation where that is safe; otherwise, it is
    0.5.
    """
    across, along = (x1 - x2) / (x3 - x2), (f1 - f2) / (f3 - f2)
    safe = (along**2 < across) & ((1.0 - along) ** 2 < 1.0 - across)
    guess = f1 / (f2 - f1) * f3 / (f2 - f3)
    guess = guess + (x3 - x1) / (x2 - x1) * f1 / (f3 - f1) * f2 / (f3 - f2)
    return np.where(safe & np.isfinite(guess), np.clip(guess, 1e-6, 1.0 - 1e-6), 0.5)
