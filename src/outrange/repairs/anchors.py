"""Inputs at which a repaired model should agree with the original, and the resulting objectives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core import Region
from .demand import Demand
from .heads import Heads
from .pool import MOST_NUMBERS, InputPool
from .program import WeightsProgram


POINTS = 10_000
"""Maximum number of inputs taken from `x` or `domain`. This number of draws is also divided equally
among the input sets of the properties, with at least 100 draws for each set."""

INSIDE = 3_000
"""Maximum number of anchors from the input set of each property."""

HELD_OUT = 0.25
"""Fraction of the anchors that are held out from the objectives, and serve to compare them.

If there are at most 20 anchors, all of them serve both purposes."""

NEAR_TIES = (0.05, np.inf, 0.01, 0.3)
"""For each objective: the gap between the best two logits up to which an anchor is a near tie, in
units of the median gap. Anchors with larger gaps have smaller weights. Infinity gives all anchors
equal weights."""


class Anchors:
    """Inputs at which a repaired model should agree with the original.

    Args:
        heads: The last layers, with the original weights.
        demands: The properties; inputs that violate one are used only if there are no others.
        x: The user's inputs, `(n, d)`, used in addition to inputs of the input sets; None to draw
            inputs of `domain` in their place.
        domain: Regions to draw from if `x` is None; may be empty.
        decision: `"argmax"` or `"argmin"` if outputs are read as a class; None if they are numbers.
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
        y = heads.outputs(heads.logits(heads.features(points), self._original))
        good = ~np.any([demand.are_violations(points, y) for demand in demands], axis=0)
        points = points[good] if good.any() else points
        rng.shuffle(points)
        split = int(len(points) * (1 - HELD_OUT)) if len(points) > 20 else len(points)
        self._features = heads.features(points)
        self._logits = heads.logits(self._features, self._original)
        self._train, self._held = slice(0, split), slice(split if split < len(points) else 0, None)
        self.spread = float(np.std(self._logits, axis=0).max(initial=0.0)) or 1.0
        self.count = len(NEAR_TIES) if decision is not None else 1

    def program(self, start: Sequence[np.ndarray], choice: int) -> WeightsProgram:
        """Return the quadratic program that minimizes one of the objectives.

        Args:
            start: The original weights of each layer, `(features, units)`.
            choice: Index of the objective's near-tie gap in `NEAR_TIES`.
        """
        weight = self._weight_anchors(NEAR_TIES[choice])
        grams = []
        for layer, _ in enumerate(start):
            gram = np.zeros((len(start[layer]),) * 2)
            for head, part in zip(self._heads.heads, self._features, strict=True):
                if self._heads.index(head) == layer:
                    rows = part[self._train].reshape(-1, len(gram))
                    gram += (rows * np.repeat(weight, head.places)[:, None]).T @ rows
            grams.append(gram / max(len(weight), 1))
        return WeightsProgram(start, grams)

    def _weight_anchors(self, near: float) -> np.ndarray:
        """Return the weights in an objective of the anchors not held out, `(n,)`, with mean 1.

        Args:
            near: Largest gap between the best two logits that is a near tie, in units of the median
                gap.
        """
        logits = self._logits[self._train]
        if self._decision is None or not np.isfinite(near) or logits.shape[1] < 2:
            return np.ones(len(logits))
        gap = gaps(logits, self._decision)
        scale = max(near * float(np.median(gap)), 1e-12)
        weight = 1.0 / (gap**2 + scale**2)
        return weight / weight.mean()

    def score(self, weights: Sequence[np.ndarray]) -> float:
        """Return the fraction of held-out anchors at which the decision does not change.

        If the outputs are not read as a class, return minus the mean squared change of the logits
        at these anchors.

        Args:
            weights: Weights of each layer, `(features, units)`.
        """
        features = [part[self._held] for part in self._features]
        before = self._logits[self._held]
        after = self._heads.logits(features, weights)
        if self._decision is None:
            return -float(np.mean((after - before) ** 2))
        return float(np.mean(decisions(before, self._decision) == decisions(after, self._decision)))


def decisions(y: np.ndarray, decision: str) -> np.ndarray:
    """Return the index of the largest or the smallest output in each row, `(n,)`.

    Args:
        y: Outputs or logits, `(n, outputs)`.
        decision: `"argmax"` for the largest output, `"argmin"` for the smallest.
    """
    return y.argmax(axis=1) if decision == "argmax" else y.argmin(axis=1)


def gaps(y: np.ndarray, decision: str) -> np.ndarray:
    """Return the difference between the best and the second-best output in each row, `(n,)`."""
    ordered = np.sort(y if decision == "argmax" else -y, axis=1)
    return ordered[:, -1] - ordered[:, -2]
