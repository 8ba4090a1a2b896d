"""Hill climbing with steps that learn their length: for objectives that are all kinks and ridges.

The difference of two copies of nearly one network jumps where the phase of a unit changes, so its
gradient is right in a small cell alone. Descents whose steps fall by a schedule leave a ridge they
have climbed, and stop short of others. Here a point is only ever left for a better one, a step is
longer after a success and shorter after a failure (the success rule of evolution strategies), and
moves are the gradient or its signs in some of the inputs, noise added to half of them.

Reference: I. Rechenberg, *Evolutionsstrategie*, 1973 (the success rule).
"""

from __future__ import annotations

import numpy as np

from ...core import seconds_left
from ..common.domain_boxes import DomainBoxes
from .pgd import Evaluate, Gradient


SAMPLES = 4096
"""Random points of a round, of which the best are climbed from."""

CLIMBERS = 64
"""Points that climb together: a batch of them costs little more than one."""

STEPS = 120
"""Moves of each: a point that started far has settled by then."""

FIRST_STEP, LEAST_STEP, MOST_STEP = 0.15, 1e-5, 0.3
"""Shares of the box's width."""

LONGER, SHORTER = 1.3, 0.8
"""Of a step after a success and after a failure: it stays as it is at two successes in five."""

ENDS = 0.15
"""Share of the sampled coordinates that lie on each end of the box: extremes often do."""

MOVED, NOISE = 0.7, 0.3
"""Share of the inputs that a move changes, and size of the noise, as a share of the step."""


def hill_climb(
    gradient: Gradient,
    evaluate: Evaluate,
    box: DomainBoxes,
    objective: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """One round for one objective, which is made small.

    Args:
        gradient: The objectives.
        evaluate: `x (b, d) -> (b, m)`.
        box: Where to look: one box.
        objective: Its number.
        rng: For samples and moves.

    Returns:
        Values of all objectives in plain float64 `(b, m)`, and where `(b, d)`: what was climbed to.
    """
    hull = box.hull
    lo, hi = hull.lo, hull.hi
    x = box.snap(_samples(lo, hi, rng))
    best = x[np.argsort(evaluate(x)[:, objective])[:CLIMBERS]]
    k = np.full(len(best), objective)
    values, slopes = gradient(best, k)
    step = np.full((len(best), 1), FIRST_STEP)
    for _ in range(STEPS):
        if seconds_left() < 0:
            break
        tried = box.snap(np.clip(best - step * (hi - lo) * _moves(slopes, hi - lo, rng), lo, hi))
        y, slope = gradient(tried, k)
        better = y[:, objective] < values[:, objective]
        best[better], values[better], slopes[better] = tried[better], y[better], slope[better]
        step = np.clip(step * np.where(better, LONGER, SHORTER)[:, None], LEAST_STEP, MOST_STEP)
    return values, best


def _samples(lo: np.ndarray, hi: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    place, chance = rng.random((2, SAMPLES, lo.size))
    place = np.where(chance < ENDS, 0.0, np.where(chance > 1.0 - ENDS, 1.0, place))
    return np.clip(lo + (hi - lo) * place, lo, hi)


def _moves(slopes: np.ndarray, width: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`(b, d)`, at most about one."""
    scaled = np.nan_to_num(slopes) * width
    size = np.abs(scaled).max(axis=1, keepdims=True)
    signs, noisy = rng.random((2, len(slopes), 1)) < 0.5
    moves = np.where(signs, np.sign(scaled), scaled / np.maximum(size, 1e-300))
    moves = moves * (rng.random(slopes.shape) < MOVED)
    return moves + NOISE * noisy * rng.standard_normal(slopes.shape)
