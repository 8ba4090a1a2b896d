"""Inputs at which candidates of a repair are checked against one property."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .demand import Demand
from .heads import Heads


SCALES = (0.1, 0.01, 0.001)
"""Standard deviations of the steps to neighbors, relative to the width of each input's range."""

MOST_NUMBERS = 8e6
"""Approximate maximum number of features in memory."""


class InputPool:
    """Inputs from a property's input set, with their features and the original model's outputs.

    Args:
        heads: The last layers of the model, which compute features and outputs.
        demand: The property and its input set.
        original: The original weights of each layer, `(features, units)`.
        rng: Random number generator of the steps to neighbors.
    """

    def __init__(
        self,
        heads: Heads,
        demand: Demand,
        original: Sequence[np.ndarray],
        rng: np.random.Generator,
    ) -> None:
        self.demand, self._heads, self._original, self._rng = demand, heads, original, rng
        lo = np.min([region.box.lo for region in demand.regions], axis=0)
        hi = np.max([region.box.hi for region in demand.regions], axis=0)
        self._width = np.where(np.isfinite(hi - lo), hi - lo, 1.0)
        self._lo, self._hi = lo, hi
        self._integer = np.any([region.integer for region in demand.regions], axis=0)
        self.x = np.zeros((0, lo.size))
        self.features: list[np.ndarray] = heads.features(self.x)
        self.usual = np.zeros((0, sum(head.size for head in heads.heads)))

    @property
    def numbers(self) -> int:
        """Number of features per input."""
        return sum(part[:1].size for part in self._heads.features(self._lo[None] * 0.0))

    def add(self, x: np.ndarray) -> None:
        """Add inputs `(n, d)` of the set."""
        if not len(x):
            return
        features = self._heads.features(x)
        base = self._heads.outputs(self._heads.logits(features, self._original))
        self.x = np.concatenate([self.x, x])
        pairs = zip(self.features, features, strict=True)
        self.features = [np.concatenate(pair) for pair in pairs]
        self.usual = np.concatenate([self.usual, base])

    def neighbors(self, x: np.ndarray, count: int) -> np.ndarray:
        """Return random inputs of the set near given inputs `(n, d)`, about `count` for each.

        Random steps that leave the set are dropped, so fewer inputs may be returned.
        """
        parts = []
        for scale in SCALES:
            each = np.repeat(x, max(1, count // len(SCALES)), axis=0)
            step = scale * self._width * self._rng.standard_normal(each.shape)
            moved = np.clip(each + step, self._lo, self._hi)
            parts.append(np.where(self._integer, np.rint(moved), moved))
        near = np.concatenate(parts)
        return near[self.demand.contains(near)]

    def logits(self, weights: Sequence[np.ndarray]) -> np.ndarray:
        """Return the logits of a candidate at all inputs, `(n, outputs)`."""
        return self._heads.logits(self.features, weights)

    def violations(self, logits: np.ndarray) -> np.ndarray:
        """Return the violation of the property at all inputs, `(n,)`."""
        return self.demand.violations(self.x, self._heads.outputs(logits))
