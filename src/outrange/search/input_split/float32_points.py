"""What a program may be off by at a point, to first order: an estimate, which proves nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...core import OutOfTime, check_deadline
from ...domains.float32 import Float32Plan, stray_over
from ...ops import Rearrange
from ..kernel.layer_program import LayerProgram, compile_layers


SAMPLES = 8
"""Points of a part at which it is asked whether the goal can be reached there."""

NEAR = 256
"""Points near another one at each distance."""

DISTANCES = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4)
"""Shares of the box: beyond a kink that a point lies on, a float32 run may be off by more."""


def points_in(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """The middle of a box, and points spread over it, `(b, d)`."""
    spread = np.random.default_rng(0).uniform(lo, hi, (SAMPLES, lo.size))
    return np.concatenate([0.5 * lo[None] + 0.5 * hi[None], spread])


def points_near(x: np.ndarray, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """A point `(d,)`, and others of the box around it, `(b, d)`."""
    rng = np.random.default_rng(0)
    steps = [far * (hi - lo) * rng.uniform(-1.0, 1.0, (NEAR, x.size)) for far in DISTANCES]
    return np.clip(np.concatenate([x[None], *(x + step for step in steps)]), lo, hi)


def strays_at(program: LayerProgram, x: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values of objectives, and what the errors of all layers are worth in them.

    The first is exact to float64; the second is each layer's error times the size of the
    objective's slope there. Cost: one pass down and up.

    Args:
        program: Of which each layer says how far it may be off its definition.
        x: `(b, d)`.
        k: `(b,)` the objective asked about at each point.
    """
    sums = program.forward(x)
    seed = np.zeros_like(sums[-1])
    seed[np.arange(len(x)), k] = 1.0
    pending: dict[int, np.ndarray] = {len(program.layers): seed}
    off = np.zeros(len(x))
    for number in range(len(program.layers), 0, -1):
        layer, a = program.layers[number - 1], pending.pop(number, None)
        if a is None:
            continue
        if not layer.linear:
            a = a * np.where(sums[number - 1] < 0, layer.below, layer.above)
        off += np.abs(a) @ np.broadcast_to(layer.error, (layer.size,))
        for source, matrix in layer.sources.items():
            part = a @ matrix
            pending[source] = pending[source] + part if source in pending else part
    return sums[-1][np.arange(len(x)), k], off


def amounts(
    plan: Float32Plan, roundings: Mapping[int, np.ndarray], box: int
) -> dict[int, np.ndarray]:
    """What the values of a program may be off by in one of many boxes: see `Strays.roundings`."""
    return {
        v: amount[box if len(amount) > 1 else 0]
        for v, amount in roundings.items()
        if not isinstance(plan.graph.nodes[v - 1].op, Rearrange)
    }


def reachable(
    plan: Float32Plan,
    signs: np.ndarray,
    points: np.ndarray,
    box: tuple[np.ndarray, np.ndarray],
    share: float = 1.0,
) -> np.ndarray:
    """The most that could be proved of objectives, by their values near some points.

    There is no box so small that errors in it are less than those at a point in it: no choice of
    boxes proves more. An estimate to first order, `(m,)`; NaN where there is no point, or no time.

    Args:
        plan: Of the graph.
        signs: `(m, k)` the objectives as rows of its forms.
        points: `(m, d)` where each objective is least, or nearly; NaN to leave it out.
        box: `(d,)` corners.
        share: What errors are multiplied by.
    """
    lo, hi = box
    found, free = np.full(len(signs), np.nan), lo < hi
    fixed = np.where(free, np.nan, lo)
    program = compile_layers(plan.graph, signs, np.zeros(len(signs)), fixed)
    if program is None:
        return found
    try:
        for k in np.flatnonzero(np.isfinite(points).all(axis=1)):
            check_deadline()
            at = points[k]
            roundings = stray_over(plan, at[None], at[None]).roundings
            x = points_near(at, lo, hi)[:, free]
            rounded = program.off_by(amounts(plan, roundings, 0))
            values, off = strays_at(rounded, x, np.full(len(x), k))
            found[k] = float(np.min(values - share * off))
    except OutOfTime:  # What was found stands.
        return found
    return found
