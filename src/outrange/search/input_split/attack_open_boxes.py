"""A decision's second way to a counterexample: descent from the boxes still open."""

from __future__ import annotations

import numpy as np

from ..attack.pgd import Gradient, scatter
from ..common.domain_boxes import Roots
from ..common.incumbent import State
from .frontier import Pool


SHARE = 0.3
"""Of the time, what goes into descents from open boxes."""

PATIENCE = 0.2
"""Seconds of search before the first."""

STARTS = 256


class Scout:
    """Descends from random open boxes, now and then.

    Args:
        gradient: See `local.first_points`.
        roots: Where points must stay.
        rng: For the points.
    """

    def __init__(self, gradient: Gradient, roots: Roots, rng: np.random.Generator) -> None:
        self._gradient, self._roots, self._rng = gradient, roots, rng
        self._spent = 0.0
        self._count = 32

    def look(self, pool: Pool, state: State) -> None:
        """Offer better points to `state`, if it is time to look for some."""
        if state.target is None or not len(pool):
            return
        if state.seconds < PATIENCE or self._spent > SHARE * state.seconds:
            return
        began = state.seconds
        found = pool.sample(self._rng, self._count)
        boxes = Roots(found["lo"], found["hi"], self._roots.whole)
        near = self._roots.around(found["lo"])
        chance = self._rng.random(found["open"].shape)
        k = np.where(found["open"] != 0, chance, -1.0).argmax(axis=1)
        state.offer(*scatter(self._gradient, boxes, k, near, self._rng))
        self._spent += state.seconds - began
        self._count = min(STARTS, 2 * self._count)
