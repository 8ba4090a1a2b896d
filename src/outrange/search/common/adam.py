"""The step directions of Adam, for gradient ascent on slopes and multipliers.

Reference: D. Kingma, J. Ba, *Adam*, ICLR 2015.
"""

from __future__ import annotations

import numpy as np


class AdamMoments:
    """Adam's running means, for NumPy arrays or other arrays with the same arithmetic.

    Args:
        first: Zeros, in the shape of the gradients.
        second: Another array of zeros in this shape.
        weights: Weights of a new gradient in the first mean, and of its square in the second.
    """

    def __init__(
        self, first: np.ndarray, second: np.ndarray, weights: tuple[float, float] = (0.1, 0.01)
    ) -> None:
        self.first, self.second = first, second
        self.weights = weights
        self.steps = 0

    def step(self, gradient: np.ndarray) -> np.ndarray:
        """Return the step direction, given this gradient and all previous ones."""
        self.steps += 1
        of_first, of_second = self.weights
        self.first *= 1 - of_first
        self.first += of_first * gradient
        gradient = gradient * gradient
        gradient *= of_second
        self.second *= 1 - of_second
        self.second += gradient
        # The bias corrections of both means, combined into one factor of the quotient.
        spread = self.second**0.5
        scale = (1 - (1 - of_second) ** self.steps) ** 0.5
        spread += 1e-12 * scale
        mean = self.first / spread
        mean *= scale / (1 - (1 - of_first) ** self.steps)
        return mean

    def keep(self, going: np.ndarray) -> None:
        """Keep only the rows `going` of both means."""
        self.first, self.second = self.first[going], self.second[going]
