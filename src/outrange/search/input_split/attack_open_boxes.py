"""Projected gradient descent from random open boxes, between branch-and-bound steps.

The open boxes lie where the bounds are low. So descent from them finds small violations that
descent from uniformly sampled points misses.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..attack.pgd import PacedGradient, scatter
from ..common.domain_boxes import DomainBoxes
from ..common.incumbent import Incumbent
from .frontier import Frontier


PATIENCE = 0.2
"""Seconds of search before the first attempt."""

STARTS = 256
"""Maximum number of boxes from which one attempt descends."""


class OpenBoxAttack:
    """Attack on a decision by gradient descent from random open boxes, between splits.

    Args:
        roots: Boxes in which the points must stay.
    """

    share = 0.3
    """Maximum fraction of the elapsed search time that attempts may take, times
    `Incumbent.violating_fraction`. Above it, no attempt starts."""

    def __init__(
        self, gradient: PacedGradient, roots: DomainBoxes, rng: np.random.Generator
    ) -> None:
        self._gradient, self._roots, self._rng = gradient, roots, rng
        self._spent = 0.0
        self._count = 32

    def attempt(
        self,
        frontier: Frontier,
        incumbent: Incumbent,
        offer: Callable[[np.ndarray, np.ndarray], None],
    ) -> None:
        """Descend from random open boxes if an attempt is due, and offer the resulting points.

        Args:
            incumbent: Provides the clock; only decisions are attacked.
            offer: Called with values `(m,)` and points `(m, free)`.
        """
        if incumbent.target is None or not len(frontier):
            return
        began = incumbent.clock.seconds
        if not self.is_due(incumbent):
            return
        sample = frontier.sample(self._rng, self._count)
        boxes = DomainBoxes(sample["lo"], sample["hi"], self._roots.whole)
        near = self._roots.around(sample["lo"])
        chance = self._rng.random(sample["open"].shape)
        k = np.where(sample["open"] != 0, chance, -1.0).argmax(axis=1)
        offer(*scatter(self._gradient, boxes, k, near, self._rng))
        self._spent += incumbent.clock.seconds - began
        self._count = min(STARTS, 2 * self._count)

    def is_due(self, incumbent: Incumbent) -> bool:
        """Return whether an attempt is due, given the time already spent on attempts."""
        seconds = incumbent.clock.seconds
        return (
            seconds >= PATIENCE
            and self._spent <= self.share * incumbent.violating_fraction * seconds
        )
