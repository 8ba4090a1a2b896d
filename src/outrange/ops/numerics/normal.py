"""The normal distribution and the error function; the only import of SciPy in the ops."""

import numpy as np


ROOT_HALF = 0.7071067811865476
DENSITY_AT_0 = 0.3989422804014327


def erf(x: np.ndarray) -> np.ndarray:
    """Return the error function of `x`."""
    from scipy.special import erf

    return erf(x)


def erfc(x: np.ndarray) -> np.ndarray:
    """Return the complementary error function of `x`."""
    from scipy.special import erfc

    return erfc(x)


def normal(x: np.ndarray) -> np.ndarray:
    """Return the standard normal distribution function of `x`."""
    return 0.5 * erfc(-x * ROOT_HALF)


def normal_density(x: np.ndarray) -> np.ndarray:
    """Return the standard normal density at `x`."""
    return DENSITY_AT_0 * np.exp(-0.5 * np.square(np.clip(x, -50.0, 50.0)))
