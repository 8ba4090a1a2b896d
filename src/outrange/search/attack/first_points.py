"""The first points of a search: samples of its boxes, and descents from the best samples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...core import Box, Clock, no_deadline, seconds_left
from ..common.domain_boxes import DomainBoxes
from .pgd import FIRST, Evaluate, Lowest, PacedGradient, Points, descend


First = Callable[[PacedGradient, Evaluate, DomainBoxes, int, np.random.Generator], Points]
"""Type of a function that finds the first points of a search; see `first_points`."""

SAMPLES = 2048
"""Number of points evaluated before any descent. The number is larger if the domain has many boxes,
and smaller if it has very many inputs (see `SAMPLE_ENTRIES`)."""

AT_LEAST, TOGETHER = 16, 256
"""Number of samples evaluated regardless of the clock, and number of samples evaluated between two
checks of the clock."""

ENOUGH = 1.0
"""Time, in seconds, after which sampling and descents end if an objective is below its goal. Until
then, they look for even lower values.
"""

LONG = 3.0
"""Time, in seconds, after which the sampling for a decision ends, to leave time for descents and
bounds."""

SAMPLE_ENTRIES = 4_000_000 // 8
"""Maximum number of entries in all samples together. If the domain has very many inputs, this
limits the number of samples, but to no fewer than about 64, or 4 per box."""

STARTS = 12
"""Maximum number of descents per objective."""

TIMED = 8
"""Number of points whose gradients are timed first, enough to outweigh the overhead of a call."""


def first_points(
    gradient: PacedGradient,
    evaluate: Evaluate,
    boxes: DomainBoxes,
    objectives: int,
    rng: np.random.Generator,
    late: Callable[[], bool] = lambda: False,
    goal: np.ndarray | None = None,
) -> Points:
    """Find points with small objectives by sampling, and by descents from the best samples.

    Args:
        gradient: Gradients of the objectives.
        evaluate: Values of the objectives, `x (b, d) -> (b, m)`.
        boxes: Boxes of the inputs.
        objectives: The number `m` of objectives.
        rng: Random generator for the samples.
        late: Function that returns whether time is up.
        goal: `(m,)` goals of a decision, or None if the search computes ranges. A value below its
            goal ends the search for points after `ENOUGH` seconds.

    Returns:
        `(least (m,), at (m, d), most (m,))`: the least value of each objective in plain float64,
        the point that attains it, and the largest known value of the objective.
    """
    d = boxes.lo.shape[1]
    count = max(64, min(SAMPLES, SAMPLE_ENTRIES // max(1, d)))
    x, which = _samples(boxes, count, rng)
    clock = Clock()

    def done() -> bool:
        """Return whether time is up, or a goal is met and `ENOUGH` seconds have passed."""
        met = goal is not None and clock.seconds > ENOUGH and bool((y < goal).any())
        return met or late() or seconds_left() < 0

    with no_deadline():
        y = evaluate(x[:AT_LEAST])
    for start in range(AT_LEAST, len(x), TOGETHER):
        if done() or (goal is not None and clock.seconds > LONG):
            x, which = x[: len(y)], which[: len(y)]
            break
        y = np.concatenate([y, evaluate(x[start : start + TOGETHER])])
    if done():
        return Lowest(y, x).points
    best, k = _starts(gradient, x, y, decides=goal is not None)
    box = boxes.with_ends(boxes.lo[which[best]], boxes.hi[which[best]])
    return Lowest(y, x).take(descend(gradient, x[best], k, box, FIRST, late=done)).points


def _starts(
    gradient: PacedGradient, x: np.ndarray, y: np.ndarray, *, decides: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the samples from which to descend, and their objectives, `(b,)` each.

    If not all descents are affordable, each objective gets fewer descents, but at least one. If
    these are still too many for a decision, only the descents from the lowest values are kept,
    since a decision needs a low value of only one objective.
    """
    objectives = y.shape[1]
    with no_deadline():
        gradient(x[:TIMED], np.zeros(min(TIMED, len(x)), np.int64))
    most = gradient.affords(STARTS * objectives, FIRST.steps)
    starts = max(1, min(STARTS, len(x), most // objectives))
    best = np.argpartition(y, starts - 1, axis=0)[:starts].T.ravel()
    k = np.repeat(np.arange(objectives), starts)
    if decides and len(best) > most:
        lowest = np.argsort(y[best, k], kind="stable")[:most]
        best, k = best[lowest], k[lowest]
    return best, k


def _samples(
    boxes: DomainBoxes, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Sample uniform points, corners and midpoints of the first `count` boxes.

    Return the points `(n, d)` and the index of each point's box, `(n,)`.
    """
    each = max(4, count // len(boxes.lo))
    parts = []
    for lo, hi in zip(boxes.lo[:count], boxes.hi[:count], strict=True):
        x = Box(lo, hi).uniform(rng, each)
        corners = rng.integers(0, 2, (each // 4, lo.size)).astype(bool)
        x[: len(corners)] = np.where(corners, lo, hi)
        x[:3] = np.stack([lo, hi, 0.5 * lo + 0.5 * hi])
        parts.append(x)
    which = np.repeat(np.arange(len(parts)), each)
    return boxes.snap(np.concatenate(parts)), which
