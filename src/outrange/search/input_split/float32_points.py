"""What float32 may be off by near a point: how much can be proved at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from ...core import Box, OutOfTime, check_deadline, seconds_left
from ...domains.float32 import Float32Plan, stray_over
from ...ops import Rearrange
from ..kernel.binding import root_magnitudes
from ..kernel.compile import compile_layers
from ..kernel.layer_program import LayerProgram
from .float32_boxes import STEPS, Float32Goal, explored


SAMPLES = 8
"""Points of a part at which it is asked whether the goal can be reached there."""

NEAR = 256
"""Points near another one at each distance."""

DISTANCES = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4)
"""Shares of the box: beyond a kink that a point lies on, a float32 run may be off by more."""


BESIDE = 8
"""Points whose slopes are weighed for a way to be off."""

TRIES = 24
"""Ways to be off that are tried at each distance from the best point."""

AROUND = (1e-6, 1e-5, 1e-4, 1e-3)
"""Shares of the box: sides of boxes that are bounded around a point."""


def points_in(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """The middle of a box, and points spread over it, `(b, d)`."""
    spread = np.random.default_rng(0).uniform(lo, hi, (SAMPLES, lo.size))
    return np.concatenate([0.5 * lo[None] + 0.5 * hi[None], spread])


def points_near(x: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """A point `(d,)`, and others of the box around it, `(b, d)`."""
    rng = np.random.default_rng(0)
    steps = [far * (hi - lo) * rng.uniform(-1.0, 1.0, (NEAR, x.size)) for far in DISTANCES]
    return np.clip(np.concatenate([x[None], *(x + step for step in steps)]), lo, hi)


def _slopes(program: LayerProgram, sums: list[np.ndarray], k: np.ndarray) -> list[np.ndarray]:
    """Of each layer's sums, `(b, n)`, what objectives `k` grow by, where the sums are these."""
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


def run_off(program: LayerProgram, x: np.ndarray, k: np.ndarray) -> np.ndarray:
    """A value of objectives at points where every sum is off by all it may be, `(b,)`.

    To the side that lowers the objective, to first order. Such a run is one of those that bounds
    hold for, so no bound over a part with the point in it is above the value.

    Args:
        program: Of which each layer says how far it may be off its definition.
        x: Array of shape `(b, d)`.
        k: `(b,)` the objective asked about at each point.
    """
    slopes = _slopes(program, program.forward(x), k)
    values = [x]
    for layer, a in zip(program.layers, slopes, strict=True):
        z = layer.bias - np.sign(a) * layer.error
        z = z + sum(values[source] @ matrix.T for source, matrix in layer.sources.items())
        values.append(z if layer.linear else z * np.where(z < 0, layer.below, layer.above))
    return values[-1][np.arange(len(x)), k]


def _off(program: LayerProgram, k: int, sums: list[np.ndarray], share: np.ndarray) -> LayerProgram:
    """The program in which every sum is off to the side that lowers an objective near some points.

    Args:
        program: Of which each layer says how far it may be off its definition.
        sums: Of each layer, `(b, n)`, at points.
        share: `(b,)` how much what the objective grows by at each of them counts.
    """
    slopes = _slopes(program, sums, np.full(len(share), k))
    layers = [
        replace(layer, bias=layer.bias - np.sign(share @ a) * layer.error, error=0.0)
        for layer, a in zip(program.layers, slopes, strict=True)
    ]
    return replace(program, layers=layers)


def run_off_near(
    program: LayerProgram, k: int, x: np.ndarray, box: tuple[np.ndarray, np.ndarray]
) -> float:
    """The least that a run is found to return near a point, every sum off by all it may be.

    Which way each is off decides where the objective is least then. That is where units bend, and
    on their sides it grows by other amounts: some mean of them decides which way to be off.

    Args:
        program: Of which each layer says how far it may be off its definition.
        x: `(d,)` where it is least, of the free inputs.
        box: Corners, shape `(d,)`.
    """
    (lo, hi), rng, off = box, np.random.default_rng(0), program
    near = points_near(x, lo, hi)
    best = float(np.min(run_off(program, near, np.full(len(near), k))))
    goal = np.where(np.arange(program.layers[-1].size) == k, np.inf, -np.inf)
    rows, unknown = np.eye(goal.size), np.full(goal.size, -np.inf)
    for far in AROUND:
        for _ in range(TRIES):
            step = far * (hi - lo) * 10.0 ** rng.uniform(-5.0, 0.0, (BESIDE, 1))
            beside = np.clip(x + step * rng.uniform(-1.0, 1.0, (BESIDE, x.size)), lo, hi)
            share = rng.dirichlet(np.full(BESIDE, 0.5))
            tried = _off(program, k, off.forward(beside), share)
            small = Box(np.maximum(lo, x - far * (hi - lo)), np.minimum(hi, x + far * (hi - lo)))
            found = explored(
                tried, root_magnitudes(tried, small), small, rows, goal, unknown, seconds=1.0,
                steps=STEPS, most=NEAR,
            )  # fmt: skip
            if found.at is None:
                continue
            value = float(tried.evaluate(found.at[k][None])[0, k])
            if value < best:
                best, x, off = value, found.at[k], tried
    return best


def amounts(
    plan: Float32Plan, roundings: Mapping[int, np.ndarray], box: int
) -> dict[int, np.ndarray]:
    """What the values of a program may be off by in one of many boxes: see `Strays.roundings`."""
    return {
        v: amount[box if len(amount) > 1 else 0]
        for v, amount in roundings.items()
        if not isinstance(plan.graph.nodes[v - 1].op, Rearrange)
    }


def sized_at(
    plan: Float32Plan, program: LayerProgram, points: np.ndarray
) -> Iterator[tuple[int, LayerProgram]]:
    """The program with what float32 may round at each point, until the time is over.

    Args:
        points: `(m, d)`; NaN to leave one out.
    """
    for k in np.flatnonzero(np.isfinite(points).all(axis=1)):
        try:
            check_deadline()
            roundings = stray_over(plan, points[k][None], points[k][None]).roundings
        except OutOfTime:
            return
        yield int(k), program.off_by(amounts(plan, roundings, 0))


def reachable(
    plan: Float32Plan, signs: np.ndarray, points: np.ndarray, box: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """The most that can be proved of objectives, by runs near some points, `(m,)`.

    There is no part so small that errors in it are less than those at a point in it: no choice of
    parts proves more. NaN where there is no point.

    Args:
        signs: `(m, k)` the objectives as rows of its forms.
        points: `(m, d)` where each objective is least, or nearly; NaN to leave it out.
        box: Corners, shape `(d,)`.
    """
    lo, hi = box
    found, free = np.full(len(signs), np.nan), lo < hi
    fixed = np.where(free, np.nan, lo)
    program = compile_layers(plan.graph, signs, np.zeros(len(signs)), fixed)
    if program is not None:
        for k, sized in sized_at(plan, program, points):
            found[k] = run_off_near(sized, k, points[k][free], (lo[free], hi[free]))
    return found


def provable_near(
    program: LayerProgram,
    k: int,
    x: np.ndarray,
    box: tuple[np.ndarray, np.ndarray],
    goal: Float32Goal,
) -> float:
    """The most that can be proved of an objective over small boxes around a point.

    That is the least of what is proved over each: by searches that go on until nothing is open,
    for a real bound that no float32 bound reaches. Where a search does not end, what
    it has proved is too little: then the others say, and the best of all if none has ended.

    Args:
        program: Of which each layer says how far it may be off its definition.
        x: `(d,)` where it is least, of the free inputs.
        box: `(d,)` corners of the box that the small ones are part of.
        goal: The objectives, and what is proved of them in real arithmetic.
    """
    lo, hi = box
    most, best = np.inf, -np.inf
    unknown = np.full(goal.real.size, -np.inf)
    target = np.where(np.arange(goal.real.size) == k, goal.real, -np.inf)
    for far in AROUND:
        low, high = np.maximum(lo, x - far * (hi - lo)), np.minimum(hi, x + far * (hi - lo))
        small = Box(low, high)
        found = explored(
            program, root_magnitudes(program, small), small, goal.signs, target, unknown,
            seconds=max(seconds_left(), 1e-3), steps=STEPS, most=NEAR,
        )  # fmt: skip
        best = max(best, float(found.lower[k]))
        if found.ended:
            most = min(most, float(found.lower[k]))
    return most if np.isfinite(most) else best
