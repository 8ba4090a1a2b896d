"""Boxes and engine of a search whose inputs lie in a norm ball."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...core import Distance
from ..common.domain_boxes import DomainBoxes
from ..engines.array_engine import ArrayEngine
from ..engines.base import BoxBounds
from .relaxation import least_in_ball


SHRUNK = 1e-13
"""Fraction of the radius by which points stay inside the sphere, so that rounding cannot move them
out of the ball."""


@dataclass(frozen=True, eq=False)
class BallBoxes(DomainBoxes):
    """Boxes of a domain whose points also lie in a ball.

    Args:
        ball: Norm ball of some of the inputs.
    """

    ball: Distance

    def snap(self, x: np.ndarray) -> np.ndarray:
        """Move points outside the ball toward its center until they are inside."""
        away = x[..., self.ball.index] - self.ball.center
        size = norm(away, self.ball.order)
        with np.errstate(all="ignore"):
            share = np.minimum(1.0, (1.0 - SHRUNK) * self.ball.radius / size)
        share = np.where(size > 0, share, 1.0)[..., None]
        moved = x.copy()
        moved[..., self.ball.index] = self.ball.center + share * away
        return moved


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


def norm(values: np.ndarray, order: int) -> np.ndarray:
    """Return the 1-norm or 2-norm along the last axis."""
    sums = (np.abs(values) ** order).sum(axis=-1)
    return np.sqrt(sums) if order == 2 else sums
