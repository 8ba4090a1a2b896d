"""Simulated trajectories of a loop, with an attack on the specification."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..core import Formula, InputError, Region
from ..core.formula import TRUE, value
from ..graph.domain import is_inside
from ..questions.evidence.check_point import contains
from .system import LoopSystem, simulate


RANDOM, KEPT = 512, 24
"""Number of random points, and of random corners, drawn for each set; and number of trajectories in
an answer."""

NO_STATE = (
    "No initial state was found that satisfies the conditions on the initial set: if it is empty, "
    "every specification holds. Check the conditions on the initial states."
)
"""Warning that no initial state was found that satisfies the conditions."""

ROUNDS = 6
"""Number of rounds of an attack, which perturbs the worst points so far at random."""


def trajectories(
    system: LoopSystem, regions: Sequence[Region], steps: int, seed: int, unsafe: Formula | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Simulate from corners, from random points, and from points that approach a violation.

    Args:
        regions: The sets of the unrolled loop's flat input.
        steps: Number of steps.
        seed: Random seed of the points.
        unsafe: The negated specification; None without a specification.

    Returns:
        Points `(batch, inputs)`, states `(batch, steps + 1, n)` and controls `(batch, steps, m)`,
        with the trajectory nearest to a violation first if `unsafe` is given. They are empty if no
        drawn point is in the sets.
    """
    rng = np.random.default_rng(seed)
    points = np.concatenate([draw_points(region, rng) for region in regions])
    states, controls = _simulate_points(system, points, steps)
    if unsafe is None or not len(points):
        return points, states, controls
    far = robustness(unsafe, points, states, controls)
    for size in 0.3 ** np.arange(1, ROUNDS + 1):
        near = points[np.argsort(far, kind="stable")[:16]]
        more = perturb_points(near, regions, size, rng)
        new_runs = _simulate_points(system, more, steps)
        points = np.concatenate([points, more])
        states, controls = (
            np.concatenate(pair) for pair in zip((states, controls), new_runs, strict=True)
        )
        far = np.concatenate([far, robustness(unsafe, more, *new_runs)])
    order = np.argsort(far, kind="stable")
    return points[order], states[order], controls[order]


def _simulate_points(
    system: LoopSystem, points: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(all="ignore"):
        return simulate(system, points, steps)


def robustness(
    unsafe: Formula, points: np.ndarray, states: np.ndarray, controls: np.ndarray
) -> np.ndarray:
    """Return the robustness of each trajectory in the sense of signal temporal logic, `(batch,)`.

    It is the distance of a trajectory from a violation, and at most 0 if the trajectory violates
    the specification.
    """
    flat = flatten_trajectories(points, states, controls)
    with np.errstate(all="ignore"):
        values = value(unsafe, flat)
    return np.where(np.isnan(values), np.inf, values)


def flatten_trajectories(
    points: np.ndarray, states: np.ndarray, controls: np.ndarray
) -> np.ndarray:
    """Return trajectories as rows `[inputs, outputs]` of the unrolled loop, `(batch, ...)`."""
    parts = points, states[:, 1:], controls
    return np.concatenate([p.reshape(len(p), int(np.prod(p.shape[1:]))) for p in parts], axis=1)


def check_modes(system: LoopSystem, states: np.ndarray) -> None:
    """Check that each simulated step begins in a mode that has a controller.

    Raises:
        InputError: A step begins in a mode without a controller.
    """
    if not system.of_modes or not len(states):
        return
    modes = states[:, :-1, system.mode]
    lost = np.isfinite(modes) & ~np.isin(modes, [*system.of_modes])
    if lost.any():
        i, k = (int(v) for v in np.argwhere(lost)[0])
        raise InputError(
            "The mode must always be one of those that have a controller, "
            f"{', '.join(f'{v:g}' for v in system.of_modes)}: restrict the initial set to these "
            "modes (with a `Union`), and let the plant set no other mode. Received: from "
            f"{_format_state(system.states, states[i, 0])} the mode is {modes[i, k]:g} at step {k}."
        )


def draw_points(region: Region, rng: np.random.Generator, count: int = RANDOM) -> np.ndarray:
    """Draw the middle of a region's box, `count` random corners and `count` random points.

    Returns only the points that lie in the region.
    """
    lo, hi = region.box.lo, region.box.hi
    corners = np.where(rng.integers(0, 2, (count, lo.size)), lo, hi)
    inner = rng.uniform(lo, hi, (count, lo.size))
    points = np.concatenate([0.5 * (lo + hi)[None], corners, inner])
    return points_inside(points, region)


def perturb_points(
    near: np.ndarray, regions: Sequence[Region], size: float, rng: np.random.Generator
) -> np.ndarray:
    """Return points in `regions` that are randomly displaced from given points.

    Args:
        near: The given points.
        regions: The sets.
        size: Standard deviation of the displacements, relative to the widths of each set.
        rng: The random generator.
    """
    perturbed = []
    for region in regions:
        width = region.box.hi - region.box.lo
        step = rng.normal(size=(4, *near.shape)) * size * width
        points = np.clip(near + step, region.box.lo, region.box.hi).reshape(-1, width.size)
        perturbed.append(points_inside(points, region))
    return np.concatenate(perturbed)


def points_inside(points: np.ndarray, region: Region) -> np.ndarray:
    """Round the integer coordinates of points, and return points that lie in a region.

    If the region is a box, points outside it are clipped to it; otherwise, they are dropped.
    """
    points = np.where(region.integer, np.rint(points), points)
    if region.condition == TRUE and not region.distances:
        return np.clip(points, region.box.lo, region.box.hi)
    return points[np.array([contains(region, point) for point in points], bool)]


def hull(states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and largest finite states at each step, `(steps + 1, n)`.

    They are NaN without trajectories, and `inf` and `-inf` where no trajectory has a finite state.
    """
    if not len(states):
        none = np.full(states.shape[1:], np.nan)
        return none, none
    finite = np.isfinite(states)
    lo = np.where(finite, states, np.inf).min(axis=0)
    hi = np.where(finite, states, -np.inf).max(axis=0)
    return lo, hi


def check_defined(system: LoopSystem, points: np.ndarray, states: np.ndarray) -> None:
    """Check that simulated states do not become infinite or NaN because the plant is undefined.

    At most eight such states are examined.

    Raises:
        InputError: The plant is undefined at a state that some trajectory reaches.
    """
    finite = np.asarray(np.isfinite(states).all(axis=2))
    undefined = finite[:, :-1] & ~finite[:, 1:]
    for i, k in np.argwhere(undefined)[:8]:
        step_input = np.concatenate([states[i, k], points[i]])[
            system.read(int(k), states.shape[1] - 1)
        ]
        graph = system.step(int(k))
        if is_inside(graph, graph.run_all(step_input[None]))[0]:
            continue  # the values are too large for float64
        start, state = (_format_state(system.states, x) for x in (states[i, 0], states[i, k]))
        raise InputError(
            "A plant must be defined at every state that the loop reaches: no division by 0, no "
            "root or logarithm of a negative number. Keep the argument in range (`np.maximum(x, "
            f"1e-6)`), or start in a smaller set. Received: from {start} the loop reaches {state} "
            f"at step {k}, where it is not defined."
        )


def _format_state(names: Sequence[str], x: np.ndarray) -> str:
    return ", ".join(f"{name} = {v:.6g}" for name, v in zip(names, x, strict=True))
