"""Hill climbing with adaptive step lengths, for objectives with many kinks and ridges.

The gradient of the difference of two nearly equal networks jumps where a unit changes phase, so the
gradient is valid only in a small region. Descents with scheduled steps leave the good regions that
they have found, and miss the other good regions. Here a point moves only to a better point. Steps
grow after a success and shrink after a failure (the success rule of evolution strategies). A move
follows the gradient, or its signs, in some of the inputs, and noise is added to half of the moves.

All objectives are searched together. Most starts lead nowhere. So the half of the points farthest
from their goals is dropped repeatedly (sequential halving): many points start, but few points make
all moves. Later rounds also start near the best points of earlier rounds, since
the peaks of a difference lie on common ridges, often far from any sample.

References: I. Rechenberg, *Evolutionsstrategie*, 1973 (the success rule); Z. Karnin, T. Koren,
O. Somekh, *Almost Optimal Exploration in Multi-Armed Bandits*, ICML 2013 (sequential halving);
P. Moscato, *On evolution, search, optimization, genetic algorithms and martial arts: towards
memetic algorithms*, 1989 (climbs from perturbed earlier results).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import numpy as np

from ...core import Box, seconds_left
from ..common.domain_boxes import DomainBoxes
from .pgd import Evaluate, Lowest, PacedGradient, Points


SAMPLES = 4096
"""Number of random points per round, the best of which start to climb; fewer if the network is
slow."""

TIMED = 64
"""Number of points whose gradients are timed first, enough to outweigh the overhead of a call."""

CLIMBERS, LEFT = 32, 8
"""Maximum number of points per objective that start to climb, and minimum number of points, over
all objectives, that remain after each halving."""

STEPS, HALVED = 120, 15
"""Maximum number of moves per round, and number of moves between two halvings: enough for step
lengths to adapt."""

FIRST_STEP, LEAST_STEP, MOST_STEP = 0.15, 1e-5, 0.3
"""First, least and largest step, as fractions of the box's width."""

LONGER, SHORTER = 1.3, 0.8
"""Factors applied to a step after a success and after a failure. They roughly balance if half the
moves succeed."""

ENDS = 0.15
"""Fraction of the sampled coordinates at each bound of the box, where extremes often lie."""

MOVED, NOISE = 0.7, 0.3
"""Fraction of the inputs in which a move follows the gradient, and standard deviation of the noise,
as a fraction of the step."""

ELITE = 24
"""Maximum number of best points that a round passes on to the next round."""

SPREAD = (1e-3, 0.3)
"""Least and largest standard deviation of a perturbation, as fractions of the box's width."""

PERTURBED = 0.6
"""Fraction of the inputs that a perturbation changes."""

TINY = 1e-300
"""Lower limit of divisors, which prevents divisions by 0."""


@dataclass(eq=False)
class Elite:
    """The best points of all rounds so far, near which the next round starts some climbs.

    Args:
        x: The points, `(n, d)`; None before the first round.
    """

    x: np.ndarray | None = None

    def join(self, samples: np.ndarray, hull: Box, rng: np.random.Generator) -> np.ndarray:
        """Move every second sample near a best point; return the best points, then the samples.

        Args:
            samples: Random points, `(b, d)`, which are changed in place.
            hull: Bounding box of the domain.
            rng: Random generator of the perturbations.
        """
        if self.x is None or not len(self.x):
            return samples
        near = self.x[rng.integers(len(self.x), size=len(samples[1::2]))]
        size = np.exp(rng.uniform(log(SPREAD[0]), log(SPREAD[1]), (len(near), 1)))
        noise = size * rng.standard_normal(near.shape) * (rng.random(near.shape) < PERTURBED)
        samples[1::2] = np.clip(near + (hull.hi - hull.lo) * noise, hull.lo, hull.hi)
        return np.concatenate([self.x, samples])

    def learn(self, x: np.ndarray, rate: Callable[[np.ndarray], np.ndarray]) -> None:
        """Add points `(b, d)`, and keep the `ELITE` points at which `rate` is smallest."""
        pool = x if self.x is None else np.concatenate([self.x, x])
        self.x = pool[np.argsort(rate(pool))[:ELITE]]


def hill_climb(
    gradient: PacedGradient,
    evaluate: Evaluate,
    box: DomainBoxes,
    goal: np.ndarray,
    open_: np.ndarray,
    rng: np.random.Generator,
    elite: Elite | None = None,
) -> Points:
    """Run one round of climbing from new samples.

    The round ends early once an open objective is below its goal, or when time runs out.

    Args:
        gradient: Gradients of the objectives.
        evaluate: Values of the objectives, `x (b, d) -> (b, m)`.
        box: The single box to search.
        goal: Goals of the objectives, shape `(m,)`.
        open_: Indices of the objectives to minimize.
        rng: Random generator for samples and moves.
        elite: Points of earlier rounds, near which some climbs start; receives the points of this
            round.

    Returns:
        `(least (m,), at (m, d), most (m,))`: the least value of each objective, its point, and the
        largest value.
    """
    hull = box.hull
    x = _samples(hull.lo, hull.hi, rng)
    x = box.snap(x if elite is None else elite.join(x, hull, rng))
    gradient(x[:TIMED], np.full(TIMED, open_[0]))
    x = x[: max(TIMED, gradient.affords(SAMPLES, 1))]
    y = evaluate(x)
    lowest, scale = Lowest(y, x), np.maximum(np.ptp(y, axis=0), TINY)

    def above(y: np.ndarray, k: np.ndarray) -> np.ndarray:
        """Return how far objectives `k` are above their goals, in units of the sampled ranges."""
        return (y[np.arange(len(k)), k] - goal[k]) / scale[k]

    best = np.argpartition(y[:, open_], CLIMBERS, axis=0)[:CLIMBERS].T.ravel()
    k = np.repeat(open_, CLIMBERS)
    some = np.argsort(above(y[best], k))[: gradient.affords(k.size, STEPS)]
    best, k = best[some], k[some]
    slope, step = gradient(x[best], k)[1], np.full(k.size, FIRST_STEP)
    climbers = _Climbers(k, x[best], above(y[best], k), slope, step)
    for i in range(1, STEPS + 1):
        if (lowest.least < goal)[open_].any() or seconds_left() < 0:
            break
        tried = climbers.propose(box, rng)
        y, slope = gradient(tried, climbers.k)
        lowest.take(iter([(tried, y)]))
        climbers.learn(tried, above(y, climbers.k), slope)
        if i % HALVED == 0:
            climbers = climbers.nearest(max(LEFT, climbers.k.size // 2))
    if elite is not None:
        elite.learn(climbers.x, lambda x: ((evaluate(x) - goal) / scale)[:, open_].min(axis=1))
    return lowest.points


@dataclass(eq=False)
class _Climbers:
    """Current points of several climbs, each with the objective to be minimized.

    Args:
        k: Indices of the objectives, shape `(b,)`.
        x: `(b, d)` the best points so far.
        above: `(b,)` distances of the objectives at `x` above their goals.
        slope: `(b, d)` the gradients at `x`.
        step: `(b,)` the lengths of the next steps, as fractions of the box's width.
    """

    k: np.ndarray
    x: np.ndarray
    above: np.ndarray
    slope: np.ndarray
    step: np.ndarray

    def propose(self, box: DomainBoxes, rng: np.random.Generator) -> np.ndarray:
        """Propose the next point of each climb, `(b, d)`."""
        lo, hi = box.hull.lo, box.hull.hi
        move = (hi - lo) * self.step[:, None] * _moves(self.slope * (hi - lo), rng)
        return box.snap(np.clip(self.x - move, lo, hi))

    def learn(self, x: np.ndarray, above: np.ndarray, slope: np.ndarray) -> None:
        """Accept each tried point that is better, and adapt the step lengths of all climbs.

        Args:
            x: `(b, d)` the points tried.
            above: `(b,)` their distances above the goals.
            slope: `(b, d)` the gradients at these points.
        """
        better = above < self.above
        self.x[better], self.slope[better] = x[better], slope[better]
        self.above[better] = above[better]
        step = self.step * np.where(better, LONGER, SHORTER)
        self.step = np.clip(step, LEAST_STEP, MOST_STEP)

    def nearest(self, count: int) -> _Climbers:
        """Return the `count` climbs with the smallest distances above their goals."""
        near = np.argsort(self.above)[:count]
        parts = (self.k, self.x, self.above, self.slope, self.step)
        return _Climbers(*(part[near] for part in parts))


def _samples(lo: np.ndarray, hi: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sample `SAMPLES` points of a box; each input lies at each bound with probability `ENDS`."""
    place, chance = rng.random((2, SAMPLES, lo.size))
    place = np.where(chance < ENDS, 0.0, np.where(chance > 1.0 - ENDS, 1.0, place))
    return np.clip(lo + (hi - lo) * place, lo, hi)


def _moves(slopes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return random moves `(b, d)` of size about 1 that tend to increase the objectives.

    Half of the moves are gradients divided by their largest magnitude, and half are signs of
    gradients. Each move leaves out random inputs, and half of the moves contain noise.

    Args:
        slopes: Gradients times the widths of the box, `(b, d)`.
    """
    slopes = np.nan_to_num(slopes)
    size = np.abs(slopes).max(axis=1, keepdims=True, initial=0.0)
    signs, noisy = rng.random((2, len(slopes), 1)) < 0.5
    moves = np.where(signs, np.sign(slopes), slopes / np.maximum(size, TINY))
    moves = moves * (rng.random(slopes.shape) < MOVED)
    return moves + NOISE * noisy * rng.standard_normal(slopes.shape)
