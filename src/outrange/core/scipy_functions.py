"""SciPy: the only module that imports it, on the first call."""

import numpy as np


def erf(x: np.ndarray) -> np.ndarray:
    """Return the error function of `x`."""
    from scipy.special import erf

    return erf(x)


def erfc(x: np.ndarray) -> np.ndarray:
    """Return the complementary error function of `x`."""
    from scipy.special import erfc

    return erfc(x)


def nonnegative_least_squares(
    matrix: np.ndarray, target: np.ndarray, iterations: int
) -> np.ndarray | None:
    """Minimize the norm of `matrix @ v - target` over `v >= 0`.

    Args:
        matrix: Array of shape `(r, n)`.
        target: Array of shape `(r,)`.
        iterations: Maximum number of iterations.

    Returns:
        The minimizer `(n,)`; None if it needs more iterations.
    """
    from scipy.optimize import nnls

    try:
        return nnls(matrix, target, maxiter=iterations)[0]
    except RuntimeError:
        return None
