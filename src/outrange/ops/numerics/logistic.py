"""The logistic sigmoid, which half of the curves are made of, without overflow."""

import numpy as np


def logistic(x):
    """`1 / (1 + exp(-x))`."""
    e = np.exp(-np.abs(x))
    return np.where(np.asarray(x) >= 0, 1.0, e) / (1.0 + e)


def logistic_slope(x):
    """Its derivative."""
    e = np.exp(-np.abs(x))
    return e / np.square(1.0 + e)
