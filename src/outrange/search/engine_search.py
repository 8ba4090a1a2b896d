"""Best-first branch and bound over the input box, on any `Engine` (the array engine's driver)."""

from __future__ import annotations

import numpy as np

from ..core import Box
from .engine import Bounds, Engine
from .local import first_points, polish
from .pool import Pool
from .solution import Solution
from .state import State


METHODS = (
    "linear bounds by back-substitution (CROWN, Zhang et al. 2018)",
    "slope ascent on the objective row (alpha-CROWN, Xu et al. 2021)",
    "input splits by gap attribution",
    "clipping (Zhou et al. 2025)",
)

MOST_BOXES = 512
SECONDS_A_CALL = 0.2


def search(engine: Engine, box: Box, state: State, *, seed: int = 0) -> Solution:
    """Close every objective of the engine over the box, as far as time allows."""
    rng = np.random.default_rng(seed)
    m = engine.objectives

    def gradient(x, k):
        value, slope = engine.gradient(x, k)
        everything = engine.evaluate(x)
        everything[np.arange(len(x)), k] = value
        return everything, slope

    state.start(*first_points(gradient, engine.evaluate, box.lo, box.hi, m, rng))
    pool = Pool.whole(box, m, engine.units)
    stopped, most = None, 8
    try:
        while len(pool):
            if state.out_of_time:
                stopped = "time"
                break
            began, before = state.seconds, state.best.copy()
            _step(engine, pool, state, max(1, min(most, len(pool) // 2)))
            pool.settle()
            seconds = state.seconds - began
            most = min(MOST_BOXES, most * 2) if seconds < SECONDS_A_CALL else max(8, most // 2)
            improved = np.flatnonzero(state.best < before)
            if improved.size:
                least, at, _ = polish(
                    gradient, state.best_at[improved], improved, box.lo, box.hi, rng
                )
                state.offer(least, at)
            if len(pool) and state.report_due:
                state.report(np.minimum(state.closed, pool.lower()), len(pool))
    except KeyboardInterrupt:
        stopped = "interrupted"
    lower = np.minimum(state.closed, pool.lower())
    state.report(lower, len(pool))
    return state.solution(lower, stopped, METHODS)


def _step(engine: Engine, pool: Pool, state: State, count: int) -> None:
    """Bound the most promising boxes, close what can be closed, split the rest."""
    box = pool.pop(count)
    lo, hi, lb, wanted = box["lo"], box["hi"], box["lb"], box["open"].astype(bool)
    cutoff = state.best - state.aim()
    wanted = _close(state, lb, wanted, lb >= cutoff)
    alive = wanted.any(axis=1)
    lo, hi, lb, wanted = lo[alive], hi[alive], lb[alive], wanted[alive]
    if not len(lo):
        return
    found = engine.bound(lo, hi, box["status"][alive], wanted, cutoff)
    state.boxes += len(lo)
    lb = np.fmax(lb, np.where(wanted, found.least, -np.inf))
    corner = np.where(found.slopes > 0, lo[:, None], hi[:, None])[wanted]
    y = engine.evaluate(corner)
    state.offer(y.min(axis=0), corner[y.argmin(axis=0)])
    cutoff = state.best - state.aim()
    wanted = _close(state, lb, wanted, (lb >= cutoff) | (found.undecided == 0)[:, None])
    alive = wanted.any(axis=1)
    if alive.any():
        lo, hi = _clip(state, found, lo, hi, wanted, alive, cutoff)
        _split(pool, state, found, lo, hi, lb[alive], wanted[alive], alive)


def _close(state: State, lb, wanted, shut) -> np.ndarray:
    """Flags of what stays open; what is shut leaves its bound behind."""
    shut = shut & wanted
    state.closed = np.minimum(state.closed, np.where(shut, lb, np.inf).min(axis=0, initial=np.inf))
    return wanted & ~shut


def _clip(state: State, found: Bounds, lo, hi, wanted, alive, cutoff):
    """Boxes shrunk to where some open objective could still be below its cutoff.

    `A x + b <= cutoff` limits each coordinate with the others at their best. The form was proved
    with its padding; the small pads here pay for this arithmetic.
    """
    a, b, on = found.slopes[alive], found.offset[alive], wanted[alive]
    lo, hi = lo[alive], hi[alive]
    reach = np.maximum(np.abs(lo), np.abs(hi))[:, None]
    low = np.where(a > 0, a * lo[:, None], a * hi[:, None])
    total = low.sum(axis=2) + b
    pad = 1e-12 * (np.abs(total) + np.abs(cutoff)) + 1e-13 * (np.abs(a) * reach).sum(axis=2)
    slack = cutoff[:, None] - (total[:, :, None] - low) + pad[:, :, None]
    with np.errstate(all="ignore"):
        edge = slack / a
    edge_hi, edge_lo = edge + 1e-15 * np.abs(edge), edge - 1e-15 * np.abs(edge)
    usable = np.isfinite(edge) & np.isfinite(total)[:, :, None]
    top = np.where(usable & (a > 0), np.minimum(edge_hi, hi[:, None]), hi[:, None])
    bottom = np.where(usable & (a < 0), np.maximum(edge_lo, lo[:, None]), lo[:, None])
    top, bottom = np.maximum(top, lo[:, None]), np.minimum(bottom, hi[:, None])
    new_hi = np.where(on[:, :, None], top, -np.inf).max(axis=1)
    new_lo = np.where(on[:, :, None], bottom, np.inf).min(axis=1)
    less = ((new_hi - new_lo) < 0.95 * (hi - lo)).any(axis=1) & (new_lo <= new_hi).all(axis=1)
    cut = np.where(on[less], cutoff, np.inf).min(axis=0, initial=np.inf)
    state.closed = np.minimum(state.closed, cut)
    return np.where(less[:, None], new_lo, lo), np.where(less[:, None], new_hi, hi)


def _split(pool: Pool, state: State, found: Bounds, lo, hi, lb, wanted, alive) -> None:
    scale = state.scale()
    weight = np.where(wanted, 1.0 / scale, 0.0)
    width = hi - lo
    middle = 0.5 * lo + 0.5 * hi
    scores = np.where(np.isfinite(found.scores[alive]), found.scores[alive], 0.0)
    blame = np.einsum("bm,bmd->bd", weight, scores)
    hopeless = ~np.isfinite(np.where(wanted, lb, 0.0)).all(axis=1)
    blame[hopeless] = width[hopeless]
    blame = np.where((middle > lo) & (middle < hi), blame + 1e-300, -1.0)
    cut = blame.argmax(axis=1)
    rows = np.arange(len(lo))
    thin = blame[rows, cut] < 0  # a point, in float64
    state.closed = np.minimum(
        state.closed, np.where(wanted[thin], lb[thin], np.inf).min(axis=0, initial=np.inf)
    )
    keep = ~thin
    rows, cut = rows[keep], cut[keep]
    left_hi, right_lo = hi.copy(), lo.copy()
    left_hi[rows, cut] = right_lo[rows, cut] = middle[rows, cut]
    priority = np.where(wanted, (state.best - lb) / scale, -np.inf).max(axis=1)
    for one_lo, one_hi in ((lo, left_hi), (right_lo, hi)):
        pool.push(
            one_lo[keep],
            one_hi[keep],
            lb[keep],
            found.status[alive][keep],
            wanted[keep].astype(np.uint8),
            priority[keep],
        )
