"""The normal distribution and the error function."""

import numpy as np

from ...core.scipy_functions import erf as erf, erfc as erfc


ROOT_HALF = 0.7071067811865476
DENSITY_AT_0 = 0.3989422804014327


def normal(x: np.ndarray) -> np.ndarray:
    """Return the standard normal distribution function of `x`."""
    return 0.5 * erfc(-x * ROOT_HALF)


def normal_density(x: np.ndarray) -> np.ndarray:
    """Return the standard normal density at `x`."""
    return DENSITY_AT_0 * np.exp(-0.5 * np.square(np.clip(x, -50.0, 50.0)))
