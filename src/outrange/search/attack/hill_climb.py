"""Hill climbing with steps that learn their length: for objectives that are all kinks and ridges.

The difference of two copies of nearly one network jumps where the phase of a unit changes, so its
gradient is right in a small cell alone. Descents whose steps fall by a schedule leave a ridge they
have climbed, and stop short of others. Here a point is only ever left for a better one, a step is
longer after a success and shorter after a failure (the success rule of evolution strategies), and
moves are the gradient or its signs in some of the inputs, noise added to half of them.

All objectives are climbed together. Most starts lead nowhere: the half that is farthest from its
goals is given up again and again (sequential halving), so that many are tried and few go far.

References: I. Rechenberg, *Evolutionsstrategie*, 1973 (the success rule); Z. Karnin, T. Koren,
O. Somekh, *Almost Optimal Exploration in Multi-Armed Bandits*, ICML 2013 (sequential halving).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import seconds_left
from ..common.domain_boxes import DomainBoxes
from .pgd import Evaluate, Lowest, PacedGradient, Points


SAMPLES = 4096
"""Random points of a round, of which the best are climbed from; fewer of a slow network."""

TIMED = 64
"""Points whose gradients are timed first: a call costs some, too."""

CLIMBERS, LEFT = 32, 8
"""Points of each objective that begin to climb, and how many of all are never given up."""

STEPS, HALVED = 120, 15
"""Moves of a round, and after how many the worse half is given up: steps have learned by then."""

FIRST_STEP, LEAST_STEP, MOST_STEP = 0.15, 1e-5, 0.3
"""Shares of the box's width."""

LONGER, SHORTER = 1.3, 0.8
"""Of a step after a success and after a failure: it stays as it is at about one success in two."""

ENDS = 0.15
"""Share of the sampled coordinates that lie on each end of the box: extremes often do."""

MOVED, NOISE = 0.7, 0.3
"""Share of the inputs that a move changes, and size of the noise, as a share of the step."""

TINY = 1e-300
"""In the place of a divisor of 0."""


def hill_climb(
    gradient: PacedGradient,
    evaluate: Evaluate,
    box: DomainBoxes,
    goal: np.ndarray,
    open_: np.ndarray,
    rng: np.random.Generator,
) -> Points:
    """One round, from new samples; it ends as soon as a point lies below its goal.

    Args:
        evaluate: `x (b, d) -> (b, m)`.
        box: Where to look: one box.
        goal: Array of shape `(m,)`.
        open_: The numbers of the objectives that are made small.
        rng: For samples and moves.

    Returns:
        See `first_points.first_points`.
    """
    hull = box.hull
    x = box.snap(_samples(hull.lo, hull.hi, rng))
    gradient(x[:TIMED], np.full(TIMED, open_[0]))
    x = x[: max(TIMED, gradient.affords(SAMPLES, 1))]
    y = evaluate(x)
    found, scale = Lowest(y, x), np.maximum(np.ptp(y, axis=0), TINY)

    def above(y: np.ndarray, k: np.ndarray) -> np.ndarray:
        """How far each is above the goal of its objective `k`, by the spread of the samples."""
        return (y[np.arange(len(k)), k] - goal[k]) / scale[k]

    best = np.argpartition(y[:, open_], CLIMBERS, axis=0)[:CLIMBERS].T.ravel()
    k = np.repeat(open_, CLIMBERS)
    some = np.argsort(above(y[best], k))[: gradient.affords(k.size, STEPS)]
    best, k = best[some], k[some]
    slope, step = gradient(x[best], k)[1], np.full(k.size, FIRST_STEP)
    climbers = _Climbers(k, x[best], above(y[best], k), slope, step)
    for i in range(1, STEPS + 1):
        if (found.least < goal)[open_].any() or seconds_left() < 0:
            break
        tried = climbers.moved(box, rng)
        y, slope = gradient(tried, climbers.k)
        found.take(iter([(tried, y)]))
        climbers.learn(tried, above(y, climbers.k), slope)
        if i % HALVED == 0:
            climbers = climbers.nearest(max(LEFT, climbers.k.size // 2))
    return found.points


@dataclass(eq=False)
class _Climbers:
    """Points, each with the objective that it makes small.

    Args:
        k: Array of shape `(b,)`.
        x: `(b, d)` the best points so far.
        above: `(b,)` how far each is above its goal.
        slope: `(b, d)` the gradients there.
        step: `(b,)` the lengths of the next steps.
    """

    k: np.ndarray
    x: np.ndarray
    above: np.ndarray
    slope: np.ndarray
    step: np.ndarray

    def moved(self, box: DomainBoxes, rng: np.random.Generator) -> np.ndarray:
        """`(b, d)` points to try."""
        lo, hi = box.hull.lo, box.hull.hi
        move = (hi - lo) * self.step[:, None] * _moves(self.slope * (hi - lo), rng)
        return box.snap(np.clip(self.x - move, lo, hi))

    def learn(self, x: np.ndarray, above: np.ndarray, slope: np.ndarray) -> None:
        """Go where it is better, and choose the length of the next steps.

        Args:
            x: `(b, d)` what was tried.
            above: `(b,)` how far these are above their goals.
            slope: `(b, d)` the gradients there.
        """
        better = above < self.above
        self.x[better], self.slope[better] = x[better], slope[better]
        self.above[better] = above[better]
        step = self.step * np.where(better, LONGER, SHORTER)
        self.step = np.clip(step, LEAST_STEP, MOST_STEP)

    def nearest(self, count: int) -> _Climbers:
        """Those that are nearest to their goals."""
        near = np.argsort(self.above)[:count]
        parts = (self.k, self.x, self.above, self.slope, self.step)
        return _Climbers(*(part[near] for part in parts))


def _samples(lo: np.ndarray, hi: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    place, chance = rng.random((2, SAMPLES, lo.size))
    place = np.where(chance < ENDS, 0.0, np.where(chance > 1.0 - ENDS, 1.0, place))
    return np.clip(lo + (hi - lo) * place, lo, hi)


def _moves(slopes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`(b, d)`, at most about one; `slopes` by a width of the box."""
    slopes = np.nan_to_num(slopes)
    size = np.abs(slopes).max(axis=1, keepdims=True, initial=0.0)
    signs, noisy = rng.random((2, len(slopes), 1)) < 0.5
    moves = np.where(signs, np.sign(slopes), slopes / np.maximum(size, TINY))
    moves = moves * (rng.random(slopes.shape) < MOVED)
    return moves + NOISE * noisy * rng.standard_normal(slopes.shape)
