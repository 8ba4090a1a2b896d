"""Engine of a search whose inputs lie in a norm ball."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ....core import Distance
from ...engines.array_engine import ArrayEngine
from ...engines.base import BoxBounds
from .boxes import SHRUNK, norm
from .relaxation import least_in_ball


class BallEngine:
    """An `Engine` whose bounds hold over the part of a box that lies in a ball."""

    def __init__(self, engine: ArrayEngine, ball: Distance) -> None:
        self._engine, self.ball = engine, ball
        self.inputs, self.objectives, self.units = engine.inputs, engine.objectives, engine.units
        self.together = engine.together

    def bound(
        self,
        lo: np.ndarray,
        hi: np.ndarray,
        status: np.ndarray,
        wanted: np.ndarray,
        cutoff: np.ndarray,
    ) -> BoxBounds:
        """Bound the objectives over the parts of boxes inside the ball; see `Engine.bound`."""
        result = self._engine.bound(lo, hi, status, wanted, cutoff)
        part = least_in_ball(result.slopes, result.offset, lo, hi, self.ball)
        least = np.where(wanted, np.fmax(result.least, part.least), -np.inf)
        return replace(result, least=least, at=part.at)

    def evaluate(self, x: np.ndarray) -> np.ndarray:
        """Evaluate the objectives in plain float64; they are infinite outside the ball."""
        return self._inside(x, self._engine.evaluate(x))

    def gradient(self, x: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return objectives, infinite outside the ball, and gradients; see `Engine.gradient`."""
        values, slope = self._engine.gradient(x, k)
        return self._inside(x, values), slope

    def _inside(self, x: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Replace values at points outside the ball with infinity."""
        size = norm(x[..., self.ball.index] - self.ball.center, self.ball.order)
        return np.where(size[..., None] <= (1.0 - SHRUNK / 2) * self.ball.radius, values, np.inf)
