"""Names of types that signatures share."""

from collections.abc import Callable

import numpy as np


Numbers = float | np.ndarray
"""One number, or an array of them."""

Elementwise = Callable[[np.ndarray], np.ndarray]
"""A function of real numbers, applied to every entry of an array of any shape."""
