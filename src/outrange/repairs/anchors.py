"""Inputs at which a repaired model should agree with the original, and the objectives they give."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core import Region
from .demand import Demand
from .heads import Heads
from .pool import MOST_NUMBERS, InputPool
from .program import WeightsProgram


POINTS = 10_000
"""Number of inputs drawn to stay close to, and number tried of each property's input set."""

INSIDE = 3_000
"""Number of inputs of a property's input set to stay close to."""

HELD_OUT = 0.25
"""Fraction of the inputs that only compare objectives."""

NEAR_TIES = (0.05, np.inf, 0.01, 0.3)
"""Gaps between the two largest outputs that count as near ties, in units of the median gap. An
input with a gap much smaller than this gets the largest weight."""


class Anchors:
    """Inputs at which a repaired model should agree with the original.

    Args:
        heads: The last layers, with the original weights.
        demands: The properties; inputs that violate one are used only if there are no others.
        x: The user's inputs, `(n, d)`; None to draw inputs of `domain` and of the input sets.
        domain: Regions to draw from; empty for none.
        decision: `"argmax"` or `"argmin"` if outputs are read as a class; None for numbers.
        seed: Seed of the random inputs.
    """

    def __init__(
        self,
        heads: Heads,
        demands: Sequence[Demand],
        x: np.ndarray | None,
        domain: Sequence[Region],
        decision: str | None,
        seed: int,
    ) -> None:
        self._heads, self._decision = heads, decision
        self._original = heads.weights()
        rng = np.random.default_rng(seed + 1)
        self.pools = [InputPool(heads, demand, self._original, rng) for demand in demands]
        size = max(self.pools[0].numbers, 1)
        count = int(np.clip(MOST_NUMBERS / size, 100, POINTS))
        for pool in self.pools:
            pool.add(pool.demand.draw(rng, max(100, count // len(demands))))
        parts = [pool.x[:INSIDE] for pool in self.pools]
        if x is not None:
            parts.append(x[rng.permutation(len(x))[:count]])
        elif domain:
            parts.append(Demand(demands[0].unsafe, domain, "").draw(rng, count))
        points = np.concatenate(parts)
        good = self._are_good(points, demands)
        points = points[good] if good.any() else points
        rng.shuffle(points)
        split = int(len(points) * (1 - HELD_OUT)) if len(points) > 20 else len(points)
        self._features = heads.features(points)
        self._logits = heads.logits(self._features, self._original)
        self._train, self._held = slice(0, split), slice(split if split < len(points) else 0, None)
        self.spread = float(np.std(self._logits, axis=0).max(initial=0.0)) or 1.0
        self.count = len(NEAR_TIES) if decision is not None else 1

    def _are_good(self, x: np.ndarray, demands: Sequence[Demand]) -> np.ndarray:
        """Return which inputs violate no property, `(n,)` bool."""
        good = np.ones(len(x), bool)
        for pool, demand in zip(self.pools, demands, strict=True):
            probe = InputPool(self._heads, demand, self._original, np.random.default_rng(0))
            probe.add(x)
            bad = probe.violations(probe.logits(pool._original)) > 0
            good &= ~(bad & demand.contains(x))
        return good

    def program(self, start: Sequence[np.ndarray], choice: int) -> WeightsProgram:
        """Return the quadratic program of an objective.

        Args:
            start: The original weights.
            choice: Index of the near-tie gap in `NEAR_TIES`.
        """
        weight = self._weights(NEAR_TIES[choice])
        grams = []
        for layer, _ in enumerate(start):
            gram = np.zeros((len(start[layer]),) * 2)
            for head, part in zip(self._heads.heads, self._features, strict=True):
                if self._heads.index(head) == layer:
                    rows = part[self._train].reshape(-1, len(gram))
                    gram += (rows * np.repeat(weight, head.places)[:, None]).T @ rows
            grams.append(gram / max(len(weight), 1))
        return WeightsProgram(start, grams)

    def _weights(self, near: float) -> np.ndarray:
        """Return the weight of each input, with mean 1."""
        logits = self._logits[self._train]
        if self._decision is None or not np.isfinite(near) or logits.shape[1] < 2:
            return np.ones(len(logits))
        gap = gaps(logits, self._decision)
        scale = max(near * float(np.median(gap)), 1e-12)
        weight = 1.0 / (gap**2 + scale**2)
        return weight / weight.mean()

    def score(self, weights: Sequence[np.ndarray]) -> float:
        """Return the fraction of unchanged decisions on held-out inputs, or minus the mean change.

        Args:
            weights: Weights of each layer.
        """
        features = [part[self._held] for part in self._features]
        before = self._logits[self._held]
        after = self._heads.logits(features, weights)
        if self._decision is None:
            return -float(np.mean((after - before) ** 2))
        return float(np.mean(decisions(before, self._decision) == decisions(after, self._decision)))


def decisions(y: np.ndarray, decision: str) -> np.ndarray:
    """Return the class of each row of outputs; a single output is compared with one half.

    Args:
        y: Outputs, `(n, outputs)`.
        decision: `"argmax"` or `"argmin"`.
    """
    return y.argmax(axis=1) if decision == "argmax" else y.argmin(axis=1)


def gaps(y: np.ndarray, decision: str) -> np.ndarray:
    """Return the distance between the first and the second choice in each row, `(n,)`."""
    ordered = np.sort(y if decision == "argmax" else -y, axis=1)
    return ordered[:, -1] - ordered[:, -2]
