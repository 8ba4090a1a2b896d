"""Checks of increasing step functions, including staircases."""

import numpy as np

from ..core import down, up
from ..ops import Step
from ..ops.relaxation.relax import relax
from .broken import require
from .definition import Oracle, boxes
from .facts import check_definition, check_range
from .lines import check_relax


def check_step(step: Step, oracle: Oracle | None = None) -> None:
    """Check every law of an increasing step function: a staircase or a single jump.

    Args:
        step: The step function, with an `exact` definition.
        oracle: An oracle to share between steps with the same definition; None for a new one.

    Raises:
        LawBroken: A law is broken.
    """
    oracle = oracle or Oracle(step)
    for law in (check_definition, check_range, check_relax):
        law(step, oracle)
    check_jumps_of(step)
    check_hull(step)


def _jumps(step: Step, lo: float, hi: float) -> np.ndarray:
    if not step.is_staircase:
        return np.array([j for j in step.jumps if lo <= j <= hi])
    k = np.arange(np.ceil((lo - step.start) / step.spacing), np.floor(hi / step.spacing) + 1)
    jumps = step.start + k * step.spacing
    return jumps[(jumps >= lo) & (jumps <= hi)]


def check_jumps_of(step: Step) -> None:
    """Check that `f` is constant between the stated jumps, and rises by the same height at each."""
    at = _jumps(step, -40.0, 40.0)
    left, right, middle = step.f(down(at)), step.f(up(at)), step.f(at)
    ends = np.concatenate([[-40.0], at, [40.0]])
    inner = ends[:-1, None] + np.diff(ends)[:, None] * np.linspace(0.01, 0.99, 9)
    values = step.f(inner)
    require(bool((values == values[:, :1]).all()), f"`{step.name}` is not constant between jumps")
    require(bool((left <= middle).all() and (middle <= right).all()), f"`{step.name}` falls")
    height = right - left
    require(bool((height > 0).all() and np.ptp(height) == 0), f"`{step.name}`: heights differ")
    require(not step.df(inner).any(), f"`{step.name}` has a slope")


def check_hull(step: Step) -> None:
    """Check that, at midpoints, the default lines touch the convex hull of the step function."""
    lo, hi = boxes(step)
    few = (np.abs(lo) < 60) & (np.abs(hi) < 60) & (lo < hi)
    lo, hi = lo[few], hi[few]
    lines = relax(step, lo, hi)
    for i, (a, b) in enumerate(zip(lo.tolist(), hi.tolist(), strict=True)):
        at = _jumps(step, a, b)
        z = 0.5 * a + 0.5 * b
        sides = [(at[at > a], down), (at[at < b], up)]
        below = lines.lo_slope[i] * z + lines.lo_offset[i]
        above = lines.hi_slope[i] * z + lines.hi_offset[i]
        for sign, (inside, near), height in zip((1.0, -1.0), sides, (below, above), strict=True):
            x = np.concatenate([[a, b], inside])
            y = sign * np.concatenate([step.f(np.array([a, b])), step.f(near(inside))])
            best = _hull_at(x, y, z)
            far = best - sign * height
            close = 1e-9 * (1 + abs(best) + abs(height))
            require(abs(far) <= close, f"`{step.name}`: line on [{a!r}, {b!r}] is {far:.1e} off")


def _hull_at(x: np.ndarray, y: np.ndarray, z: float) -> float:
    """Return the lower convex hull of the points, evaluated at `z`."""
    left, right = x <= z, x >= z
    u, v = x[left][:, None], x[right][None]
    run = np.where(v > u, v - u, 1.0)
    share = np.where(v > u, (z - u) / run, 0.0)
    return float((y[left][:, None] * (1 - share) + y[right][None] * share).min())
