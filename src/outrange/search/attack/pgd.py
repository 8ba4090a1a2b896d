"""Projected gradient descent (PGD) from many points.

PGD moves points against the signs of gradients with decreasing steps, and clips points to their
boxes. PGD with momentum is called MI-FGSM.

Reference: A. Madry et al., *Towards Deep Learning Models Resistant to Adversarial Attacks* (PGD),
ICLR 2018; Y. Dong et al., *Boosting Adversarial Attacks with Momentum* (MI-FGSM), CVPR 2018.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ...core import seconds_left
from ...core.clock import read_clock
from ..common.domain_boxes import DomainBoxes


Gradient = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Function from points `(b, d)` and one objective index per point, `(b,)`, to all objectives at the
points, `(b, m)`, and the gradients `(b, d)` of the indexed objectives."""


Evaluate = Callable[[np.ndarray], np.ndarray]
"""Function from points `(b, d)` to the values of all objectives at them, `(b, m)`."""

Points = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Arrays `(least (m,), at (m, d), most (m,))`: the least value of each objective, the point that
attains it, and the largest value."""


@dataclass(frozen=True)
class Descent:
    """Settings of one projected gradient descent.

    Args:
        steps: Number of evaluations; the points move between them.
        step: First step, as a fraction of the box's width.
        decay: Ratio of successive steps, or None for steps that fall linearly from `step + floor`
            toward `floor`.
        momentum: Fraction of the mean direction that carries over to the next step.
        floor: Lower limit of linearly falling steps, as a fraction of the width.
    """

    steps: int
    step: float
    decay: float | None = None
    momentum: float = 0.0
    floor: float = 0.0

    def pace(self, i: int) -> float:
        """Return the length of step `i`, as a fraction of the width."""
        if self.decay is not None:
            return self.step * self.decay**i
        return self.step * (1.0 - i / (self.steps - 1)) + self.floor


FIRST = Descent(steps=30, step=0.25, decay=0.85)
"""Settings for descents from samples of an input set."""

NEAR = Descent(steps=30, step=0.05, decay=0.85)
"""Settings for descents near a point that has just improved."""

SECONDS = 2.0
"""Target duration of a set of descents, in seconds. On a slow network, fewer descents are started
(at least `FEWEST`), not shorter ones."""

FEWEST = 4
"""Minimum number of descents, even on a slow network."""


class PacedGradient:
    """A gradient function that times its calls, to estimate how many descents are affordable."""

    def __init__(self, gradient: Gradient) -> None:
        self._gradient = gradient
        self._points, self._seconds = 0, 0.0

    def __call__(self, x: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        began = read_clock()
        result = self._gradient(x, k)
        self._seconds += read_clock() - began
        self._points += len(x)
        return result

    def affords(self, wanted: int, steps: int) -> int:
        """Return how many of `wanted` descents with `steps` steps run within `SECONDS`.

        Return `wanted` before the first call of the gradient, and otherwise at least `FEWEST` if
        that many are wanted.
        """
        if not self._points:
            return wanted
        each = steps * self._seconds / self._points
        return max(min(wanted, FEWEST), int(min(wanted, SECONDS / max(each, 1e-12))))


def descend(
    gradient: Gradient,
    x: np.ndarray,
    k: np.ndarray,
    box: DomainBoxes,
    descent: Descent,
    *,
    width: np.ndarray | None = None,
    late: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Descend on objective `k[i]` from `x[i]`; yield the points and all objectives at each step.

    Args:
        gradient: Gradients of the objectives.
        x: `(b, d)` initial points.
        k: `(b,)` index of each point's objective.
        box: One box per point, or one box for all points. Integer inputs are rounded for evaluation
            only; the steps move the unrounded points.
        descent: Number and lengths of the steps.
        width: `(b, d)` unit of the steps; the box's width by default.
        late: Called before each step; True ends the descent.
    """
    width = box.hi - box.lo if width is None else width
    where = x
    mean = np.zeros_like(x)
    for i in range(descent.steps):
        if late() or seconds_left() < 0:
            return
        y, slope = gradient(x, k)
        yield x, y
        if i == descent.steps - 1:
            return
        if not np.isfinite(slope).all():
            slope = np.nan_to_num(slope)
        if descent.momentum:
            slope = slope / (np.abs(slope).sum(axis=1, keepdims=True) + 1e-300)
            slope = mean = descent.momentum * mean + slope
        where = np.clip(where - descent.pace(i) * width * np.sign(slope), box.lo, box.hi)
        x = box.snap(where)


class Lowest:
    """The least value of every objective with its point, and the largest value.

    Args:
        y: `(b, m)` values of the objectives at the first points.
        x: The first points, shape `(b, d)`.
    """

    def __init__(self, y: np.ndarray, x: np.ndarray) -> None:
        self.least, self.at, self.most = y.min(axis=0), x[y.argmin(axis=0)], y.max(axis=0)
        self._columns = np.arange(self.least.size)

    def take(self, steps: Iterator[tuple[np.ndarray, np.ndarray]]) -> Lowest:
        """Update the values with all points `x` and values `y` of a descent; return this object."""
        for x, y in steps:
            low = y.argmin(axis=0)
            lowest = y[low, self._columns]
            better = lowest < self.least
            self.least[better], self.at[better] = lowest[better], x[low[better]]
            np.maximum(self.most, y.max(axis=0), out=self.most)
        return self

    @property
    def points(self) -> Points:
        """The least values `(m,)`, their points `(m, d)` and the largest values `(m,)`."""
        return self.least, self.at, self.most


def polish(
    gradient: PacedGradient,
    at: np.ndarray,
    k: np.ndarray,
    box: DomainBoxes,
    rng: np.random.Generator,
    near: int = 8,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Descend again from points `at` `(c, d)` on objectives `k` `(c,)`, and from nearby points.

    If not all descents are affordable, fewer nearby points are used. If even one descent
    per point is too much, only some points of `at` are used, chosen at random.

    Args:
        gradient: Gradients of the objectives.
        at: `(c, d)` points.
        k: `(c,)` index of each point's objective.
        box: One box per point.
        rng: Random generator for the nearby points.
        near: Maximum number of descents per point, including the descent from the point itself.

    Returns:
        The least values `(m,)`, their points `(m, d)` and the largest values `(m,)`.
    """
    few = gradient.affords(len(at) * near, NEAR.steps)
    near = max(1, few // len(at))
    if few < len(at):
        chosen = rng.permutation(len(at))[:few]
        at, k = at[chosen], k[chosen]
        box = box.with_ends(box.lo[chosen], box.hi[chosen])
    x = np.repeat(at, near, axis=0)
    box = box.with_ends(np.repeat(box.lo, near, axis=0), np.repeat(box.hi, near, axis=0))
    moved = np.arange(len(x)) % near != 0
    x[moved] += 0.02 * (box.hi - box.lo)[moved] * rng.standard_normal((moved.sum(), at.shape[1]))
    x = box.snap(np.clip(x, box.lo, box.hi))
    k = np.repeat(k, near)
    y, _ = gradient(x, k)
    return Lowest(y, x).take(descend(gradient, x, k, box, NEAR)).points


def scatter(
    gradient: PacedGradient,
    inner: DomainBoxes,
    k: np.ndarray,
    box: DomainBoxes,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Descend on objective `k[i]` from a random point of box `i` of `inner`.

    Steps are fractions of the width of box `i` of `inner`. If not all descents are affordable, only
    the first ones run.

    Args:
        gradient: Gradients of the objectives.
        inner: `c` boxes from which the starts are drawn.
        k: `(c,)` indices of the objectives.
        box: `c` boxes in which the descents must stay.
        rng: Random generator for the starts.

    Returns:
        The least value of every objective `(m,)`, and the points `(m, d)` that attain them.
    """
    few = gradient.affords(len(k), FIRST.steps)
    inner, box, k = _first_of(inner, few), _first_of(box, few), k[:few]
    width = inner.hi - inner.lo
    x = inner.snap(np.clip(inner.lo + width * rng.random(width.shape), inner.lo, inner.hi))
    y, _ = gradient(x, k)
    return Lowest(y, x).take(descend(gradient, x, k, box, FIRST, width=width)).points[:2]


def _first_of(boxes: DomainBoxes, count: int) -> DomainBoxes:
    """Return a copy of the domain with only its first `count` boxes."""
    return boxes.with_ends(boxes.lo[:count], boxes.hi[:count])
