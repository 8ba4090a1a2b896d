"""Boxes of a search whose inputs lie in a norm ball."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....core import Distance
from ...common.domain_boxes import DomainBoxes


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


def norm(values: np.ndarray, order: int) -> np.ndarray:
    """Return the 1-norm or 2-norm along the last axis."""
    sums = (np.abs(values) ** order).sum(axis=-1)
    return np.sqrt(sums) if order == 2 else sums
