"""The logistic sigmoid, which many curves use, computed without overflow."""

import numpy as np


def logistic(x: np.ndarray) -> np.ndarray:
    """Return `1 / (1 + exp(-x))`."""
    e = np.exp(-np.abs(x))
    return np.where(np.asarray(x) >= 0, 1.0, e) / (1.0 + e)


def logistic_slope(x: np.ndarray) -> np.ndarray:
    """Return the derivative of `logistic` at `x`."""
    e = np.exp(-np.abs(x))
    return e / np.square(1.0 + e)
