"""Simulated trajectories: what a loop was seen to do, and the worst of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core import Formula, InputError, Region
from ..core.formula import TRUE, value
from ..graph.domain import is_inside
from ..questions.evidence.check_point import contains
from .system import LoopSystem, simulated


RANDOM, KEPT = 512, 24
"""Points drawn in the set, and as many of its corners; trajectories that an answer keeps."""

NO_STATE = (
    "No initial state was found that satisfies the conditions on the initial set: if it is empty, "
    "every specification holds. Look at `where=`."
)
"""A warning."""

ROUNDS = 6
"""Rounds of an attack by steps from the worst points so far."""


def trajectories(
    system: LoopSystem, regions: Sequence[Region], steps: int, seed: int, unsafe: Formula | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Trajectories from corners and random points, and from points that come nearer to unsafe.

    Args:
        system: The loop.
        regions: Where its flat input lies.
        steps: How many.
        seed: Of the random points.
        unsafe: What breaks the specification; None without one.

    Returns:
        Points `(batch, inputs)`, states `(batch, steps + 1, n)`, controls `(batch, steps, m)`; the
        trajectory that came nearest first. At least one, if any point drawn is in the set.
    """
    rng = np.random.default_rng(seed)
    points = np.concatenate([drawn(region, rng) for region in regions])
    states, controls = _run(system, points, steps)
    if unsafe is None or not len(points):
        return points, states, controls
    far = worth(unsafe, points, states, controls)
    for size in 0.3 ** np.arange(1, ROUNDS + 1):
        near = points[np.argsort(far, kind="stable")[:16]]
        more = moved(near, regions, size, rng)
        found = _run(system, more, steps)
        points = np.concatenate([points, more])
        states, controls = (
            np.concatenate(pair) for pair in zip((states, controls), found, strict=True)
        )
        far = np.concatenate([far, worth(unsafe, more, *found)])
    order = np.argsort(far, kind="stable")
    return points[order], states[order], controls[order]


def _run(system: LoopSystem, points: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(all="ignore"):
        return simulated(system, points, steps)


def worth(
    unsafe: Formula, points: np.ndarray, states: np.ndarray, controls: np.ndarray
) -> np.ndarray:
    """How far each trajectory is from breaking the specification: at most 0 where it does."""
    flat = trajectory(points, states, controls)
    with np.errstate(all="ignore"):
        found = value(unsafe, flat)
    return np.where(np.isnan(found), np.inf, found)


def trajectory(points: np.ndarray, states: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """`[inputs, outputs]` of the loop unrolled, `(batch, ...)`."""
    parts = points, states[:, 1:], controls
    return np.concatenate([p.reshape(len(p), int(np.prod(p.shape[1:]))) for p in parts], axis=1)


def check_modes(system: LoopSystem, states: np.ndarray) -> None:
    """Refuse a loop that comes to a mode for which there is no controller.

    Raises:
        InputError: It says when, and which.
    """
    if not system.of_modes or not len(states):
        return
    modes = states[:, :-1, system.mode]
    lost = np.isfinite(modes) & ~np.isin(modes, [*system.of_modes])
    if lost.any():
        i, k = (int(v) for v in np.argwhere(lost)[0])
        raise InputError(
            "The state that holds the mode always has one of the values that there are controllers "
            f"for, {', '.join(f'{v:g}' for v in system.of_modes)}: begin with those only (a "
            "`Union` where there are several), and let the plant set no other. Received: from "
            f"{_told(system.states, states[i, 0])} the mode is {modes[i, k]:g} at step {k}."
        )


def drawn(region: Region, rng: np.random.Generator, count: int = RANDOM) -> np.ndarray:
    """The middle of a set, so many of its corners, and as many random points."""
    lo, hi = region.box.lo, region.box.hi
    corners = np.where(rng.integers(0, 2, (count, lo.size)), lo, hi)
    inner = rng.uniform(lo, hi, (count, lo.size))
    points = np.concatenate([0.5 * (lo + hi)[None], corners, inner])
    return inside(points, region)


def moved(
    near: np.ndarray, regions: Sequence[Region], size: float, rng: np.random.Generator
) -> np.ndarray:
    """Points about some points, by steps of this share of the set."""
    found = []
    for region in regions:
        width = region.box.hi - region.box.lo
        step = rng.normal(size=(4, *near.shape)) * size * width
        points = np.clip(near + step, region.box.lo, region.box.hi).reshape(-1, width.size)
        found.append(inside(points, region))
    return np.concatenate(found)


def inside(points: np.ndarray, region: Region) -> np.ndarray:
    """Those of the points that lie in a region, once they are whole where it says so."""
    points = np.where(region.integer, np.rint(points), points)
    if region.condition == TRUE and not region.distances:
        return np.clip(points, region.box.lo, region.box.hi)
    return points[np.array([contains(region, point) for point in points], bool)]


def hull(states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest of each state at each step, `(steps + 1, n)`; NaN without trajectories."""
    if not len(states):
        none = np.full(states.shape[1:], np.nan)
        return none, none
    finite = np.isfinite(states)
    lo = np.where(finite, states, np.inf).min(axis=0)
    hi = np.where(finite, states, -np.inf).max(axis=0)
    return lo, hi


def check_defined(system: LoopSystem, points: np.ndarray, states: np.ndarray) -> None:
    """Refuse a plant that some trajectory leads to where it is not defined.

    Raises:
        InputError: It says from where, when, and at which state.
    """
    finite = np.asarray(np.isfinite(states).all(axis=2))
    lost = finite[:, :-1] & ~finite[:, 1:]
    for i, k in np.argwhere(lost)[:8]:
        given = np.concatenate([states[i, k], points[i]])[system.read(int(k), states.shape[1] - 1)]
        graph = system.step(int(k))
        if is_inside(graph, graph.run_all(given[None]))[0]:
            continue  # Its numbers are too large for float64.
        start, state = (_told(system.states, x) for x in (states[i, 0], states[i, k]))
        raise InputError(
            "A plant must be defined at every state that the loop reaches: no division by 0, no "
            "root or logarithm of a negative number. Keep its argument inside (`np.maximum(x, "
            f"1e-6)`), or begin in a smaller set. Received: from {start} the loop reaches {state} "
            f"at step {k}, where it is not defined."
        )


def _told(names: Sequence[str], x: np.ndarray) -> str:
    return ", ".join(f"{name} = {v:.6g}" for name, v in zip(names, x, strict=True))
