"""Limits on provable float32 bounds, from runs with worst-case errors near a point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from ....core import Box, OutOfTime, check_deadline, seconds_left
from ....domains.float32 import Float32Plan, bound_deviations
from ....ops import Rearrange
from ...kernel.binding import root_magnitudes
from ...kernel.compile import compile_layers
from ...kernel.layer_program import LayerProgram
from .boxes import STEPS, Float32Goal, explore_box


SAMPLES = 8
"""Number of points of a part, its center included, at which a run with worst-case errors is
compared with the target."""

NEAR = 256
"""Number of random points at each distance from a given point, and number of boxes after which a
search near it stops."""

DISTANCES = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4)
"""Maximum distances of random points from a given point, as fractions of the box's widths. Beyond a
nearby kink, a float32 run may deviate by more."""


BESIDE = 8
"""Number of points near a given point whose mean gradient determines the signs of the errors."""

TRIES = 24
"""Number of sign choices tried at each distance from the best point."""

AROUND = (1e-6, 1e-5, 1e-4, 1e-3)
"""Sizes of the small boxes around a point, as fractions of the widths of the whole box."""


def points_in(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Return points `(b, d)` of a box: its center, and random points."""
    spread = np.random.default_rng(0).uniform(lo, hi, (SAMPLES, lo.size))
    return np.concatenate([0.5 * lo[None] + 0.5 * hi[None], spread])


def points_near(x: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """Return points `(b, d)` of a box: the point `x` itself, and random points around it."""
    rng = np.random.default_rng(0)
    steps = [far * (hi - lo) * rng.uniform(-1.0, 1.0, (NEAR, x.size)) for far in DISTANCES]
    return np.clip(np.concatenate([x[None], *(x + step for step in steps)]), lo, hi)


def _slopes(program: LayerProgram, sums: list[np.ndarray], k: np.ndarray) -> list[np.ndarray]:
    """Return the gradients `(b, n)` of objectives `k` with respect to the `sums` of each layer."""
    seed = np.zeros_like(sums[-1])
    seed[np.arange(len(seed)), k] = 1.0
    pending: dict[int, np.ndarray] = {len(program.layers): seed}
    slopes = []
    for number in range(len(program.layers), 0, -1):
        layer, z = program.layers[number - 1], sums[number - 1]
        a = pending.pop(number, np.zeros(z.shape))
        if not layer.linear:
            a = a * np.where(z < 0, layer.below, layer.above)
        slopes.append(a)
        for source, matrix in layer.sources.items():
            part = a @ matrix
            pending[source] = pending[source] + part if source in pending else part
    return slopes[::-1]


def run_with_errors(program: LayerProgram, x: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return objectives `(b,)`, evaluated with the worst-case error of every sum.

    The sign of each error is the one that lowers the objective, to first order. Bounds must hold
    for a run with these errors. So no bound over a part that contains the point exceeds the
    returned value.

    Args:
        program: Program whose layers state how far they may deviate from their definitions.
        x: Array of shape `(b, d)`.
        k: `(b,)` index of the objective at each point.
    """
    slopes = _slopes(program, program.forward(x), k)
    values = [x]
    for layer, a in zip(program.layers, slopes, strict=True):
        z = layer.bias - np.sign(a) * layer.error
        z = z + sum(values[source] @ matrix.T for source, matrix in layer.sources.items())
        values.append(z if layer.linear else z * np.where(z < 0, layer.below, layer.above))
    return values[-1][np.arange(len(x)), k]


def _shift_sums(
    program: LayerProgram, k: int, sums: list[np.ndarray], share: np.ndarray
) -> LayerProgram:
    """Return a program whose sums are shifted by their errors so as to lower an objective.

    The direction of each shift follows from the objective's weighted mean gradient at the points.

    Args:
        program: Program whose layers state how far they may deviate from their definitions.
        k: Index of the objective.
        sums: Sums of each layer at the points, `(b, n)`.
        share: `(b,)` weights of the gradients at the points.
    """
    slopes = _slopes(program, sums, np.full(len(share), k))
    layers = [
        replace(layer, bias=layer.bias - np.sign(share @ a) * layer.error, error=0.0)
        for layer, a in zip(program.layers, slopes, strict=True)
    ]
    return replace(program, layers=layers)


def lowest_run_near(
    program: LayerProgram, k: int, x: np.ndarray, box: tuple[np.ndarray, np.ndarray]
) -> float:
    """Return the lowest value found for a run near a point, with worst-case errors of all sums.

    The signs of the errors decide where the objective is lowest. The minimum usually lies at a
    kink, and the gradients differ between the two sides of a kink. So random means of nearby
    gradients are tried to choose the signs.

    Args:
        program: Program whose layers state how far they may deviate from their definitions.
        k: Index of the objective.
        x: `(d,)` free inputs of the point where the objective is least.
        box: Lower and upper corner, shape `(d,)`.
    """
    (lo, hi), rng, off = box, np.random.default_rng(0), program
    near = points_near(x, lo, hi)
    best = float(np.min(run_with_errors(program, near, np.full(len(near), k))))
    goal = np.where(np.arange(program.layers[-1].size) == k, np.inf, -np.inf)
    rows, unknown = np.eye(goal.size), np.full(goal.size, -np.inf)
    for far in AROUND:
        for _ in range(TRIES):
            step = far * (hi - lo) * 10.0 ** rng.uniform(-5.0, 0.0, (BESIDE, 1))
            beside = np.clip(x + step * rng.uniform(-1.0, 1.0, (BESIDE, x.size)), lo, hi)
            share = rng.dirichlet(np.full(BESIDE, 0.5))
            tried = _shift_sums(program, k, off.forward(beside), share)
            small = Box(np.maximum(lo, x - far * (hi - lo)), np.minimum(hi, x + far * (hi - lo)))
            result = explore_box(
                tried, root_magnitudes(tried, small), small, rows, goal, unknown, seconds=1.0,
                steps=STEPS, most=NEAR,
            )  # fmt: skip
            if result.at is None:
                continue
            value = float(tried.evaluate(result.at[k][None])[0, k])
            if value < best:
                best, x, off = value, result.at[k], tried
    return best


def amounts(
    plan: Float32Plan, roundings: Mapping[int, np.ndarray], box: int
) -> dict[int, np.ndarray]:
    """Return the rounding errors `(n,)` of graph values in one box, except rearrangements.

    Args:
        roundings: See `Deviations.roundings`.
        box: Index of the box.
    """
    return {
        v: amount[box if len(amount) > 1 else 0]
        for v, amount in roundings.items()
        if not isinstance(plan.graph.nodes[v - 1].op, Rearrange)
    }


def programs_with_errors(
    plan: Float32Plan, program: LayerProgram, points: np.ndarray
) -> Iterator[tuple[int, LayerProgram]]:
    """Yield `(k, program)` for each point `k`, with the float32 errors there, until time runs out.

    Args:
        points: `(m, d)`; NaN to skip a point.
    """
    for k in np.flatnonzero(np.isfinite(points).all(axis=1)):
        try:
            check_deadline()
            roundings = bound_deviations(plan, points[k][None], points[k][None]).roundings
        except OutOfTime:
            return
        yield int(k), program.off_by(amounts(plan, roundings, 0))


def provable_limits(
    plan: Float32Plan, signs: np.ndarray, points: np.ndarray, box: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Return upper limits `(m,)` on the provable bounds of objectives, from runs near given points.

    Errors on a part are never smaller than the errors at one of its points. So no division into
    parts can prove a larger bound, up to the difference between the errors at a given point and
    near it. The limit is NaN for an objective without a point, or if time ran out or the graph has
    no program.

    Args:
        signs: `(m, k)` the objectives as rows over the plan's forms.
        points: `(m, d)` for each objective, a point at which it is nearly least; NaN to skip the
            objective.
        box: Lower and upper corner, shape `(d,)`.
    """
    lo, hi = box
    limits, free = np.full(len(signs), np.nan), lo < hi
    fixed = np.where(free, np.nan, lo)
    program = compile_layers(plan.graph, signs, np.zeros(len(signs)), fixed)
    if program is not None:
        for k, sized in programs_with_errors(plan, program, points):
            limits[k] = lowest_run_near(sized, k, points[k][free], (lo[free], hi[free]))
    return limits


def provable_near(
    program: LayerProgram,
    k: int,
    x: np.ndarray,
    box: tuple[np.ndarray, np.ndarray],
    goal: Float32Goal,
) -> float:
    """Estimate the best bound on an objective that can be proved near a point.

    Small boxes around the point are searched. The result is the least bound among the finished
    searches, or the largest bound if none has finished. The bound of an unfinished search is too
    low. A search has finished when none of its boxes is open. Boxes are hardly ever closed early,
    because their target is the bound in real arithmetic, which float32 bounds rarely reach.

    Args:
        program: Program whose layers state how far they may deviate from their definitions.
        k: Index of the objective.
        x: `(d,)` free inputs of the point where the objective is least.
        box: `(d,)` corners of the box that contains the small boxes.
        goal: The objectives, and their bounds proved in real arithmetic.
    """
    lo, hi = box
    most, best = np.inf, -np.inf
    unknown = np.full(goal.real.size, -np.inf)
    target = np.where(np.arange(goal.real.size) == k, goal.real, -np.inf)
    for far in AROUND:
        low, high = np.maximum(lo, x - far * (hi - lo)), np.minimum(hi, x + far * (hi - lo))
        small = Box(low, high)
        result = explore_box(
            program, root_magnitudes(program, small), small, goal.signs, target, unknown,
            seconds=max(seconds_left(), 1e-3), steps=STEPS, most=NEAR,
        )  # fmt: skip
        best = max(best, float(result.lower[k]))
        if result.ended:
            most = min(most, float(result.lower[k]))
    return most if np.isfinite(most) else best
