"""Best-first branch and bound over the input box, on any `Engine` (the array engine's driver)."""

from __future__ import annotations

import numpy as np

from ...core import Box
from ..attack.pgd import First, first_points, polish
from ..common.domain_boxes import Roots
from ..common.incumbent import State
from ..engines.base import Bounds, Engine
from .attack_open_boxes import Scout
from .best_first import PooledSearch
from .frontier import Pool


METHODS = (
    "linear bounds by back-substitution (CROWN, Zhang et al. 2018)",
    "slope ascent on the objective row (alpha-CROWN, Xu et al. 2021)",
    "input splits by gap attribution",
    "clipping (Zhou et al. 2025)",
)

MOST_BOXES = 512
SECONDS_A_CALL = 0.2


class EngineSearch(PooledSearch):
    """A search that can be stopped, asked, and gone on with.

    Args:
        engine: Bounds boxes; its objectives are what is minimised.
        box: `(d,)`.
        state: The clock and the tolerances; it keeps the points and bounds found.
        seed: Of the samples.
        roots: Where to search, if not the whole box.
        first: Finds the first points; see `local.first_points`.
    """

    def __init__(
        self,
        engine: Engine,
        box: Box,
        state: State,
        *,
        seed: int = 0,
        roots: Roots | None = None,
        first: First = first_points,
    ) -> None:
        self.engine, self.state = engine, state
        self.roots = Roots.of(box) if roots is None else roots
        self._rng = np.random.default_rng(seed)
        m = engine.objectives
        state.start(*first(self._gradient, engine.evaluate, self.roots, m, self._rng))
        self._scout = Scout(self._gradient, self.roots, self._rng)
        self._pool = Pool.of(self.roots, m, engine.units)
        self._most = 8

    def _gradient(self, x: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, slope = self.engine.gradient(x, k)
        everything = self.engine.evaluate(x)
        everything[np.arange(len(x)), k] = value
        return everything, slope

    def _turn(self) -> None:
        state, pool, most = self.state, self._pool, self._most
        began, before = state.seconds, state.best.copy()
        _step(self.engine, pool, state, max(1, min(most, len(pool) // 2)), self.roots.whole)
        pool.settle()
        quick = state.seconds - began < SECONDS_A_CALL
        self._most = min(MOST_BOXES, most * 2) if quick else max(8, most // 2)
        improved = np.flatnonzero(state.best < before)
        if improved.size:
            at = state.best_at[improved]
            near = self.roots.around(at)
            state.offer(*polish(self._gradient, at, improved, near, self._rng)[:2])


def _step(engine: Engine, pool: Pool, state: State, count: int, whole: np.ndarray) -> None:
    """Bound the most promising boxes, close what can be closed, split the rest."""
    box = pool.pop(count)
    lo, hi, lb, wanted = box["lo"], box["hi"], box["lb"], box["open"].astype(bool)
    cutoff = state.cutoff()
    wanted = _close(state, lb, wanted, lb >= cutoff)
    alive = np.any(wanted, axis=1)
    lo, hi, lb, wanted = lo[alive], hi[alive], lb[alive], wanted[alive]
    if not len(lo):
        return
    found = engine.bound(lo, hi, box["status"][alive], wanted, cutoff)
    state.boxes += len(lo)
    lb = np.fmax(lb, np.where(wanted, found.least, -np.inf))
    corner = np.where(found.slopes > 0, lo[:, None], hi[:, None])[wanted]
    y = engine.evaluate(corner)
    state.offer(y.min(axis=0), corner[y.argmin(axis=0)])
    cutoff = state.cutoff()
    settled = (found.undecided == 0) & ~(whole & (lo < hi)).any(axis=1)
    wanted = _close(state, lb, wanted, (lb >= cutoff) | settled[:, None])
    alive = np.any(wanted, axis=1)
    if alive.any():
        ends = _clip(state, found, lo, hi, wanted, alive, cutoff)
        before = lo[alive], hi[alive]
        _split(pool, state, found, *ends, before, lb[alive], wanted[alive], alive, whole)


def _close(state: State, lb: np.ndarray, wanted: np.ndarray, shut: np.ndarray) -> np.ndarray:
    """Flags of what stays open; what is shut leaves its bound behind."""
    shut = shut & wanted
    state.closed = np.minimum(state.closed, np.where(shut, lb, np.inf).min(axis=0, initial=np.inf))
    return wanted & ~shut


def _clip(
    state: State,
    found: Bounds,
    lo: np.ndarray,
    hi: np.ndarray,
    wanted: np.ndarray,
    alive: np.ndarray,
    cutoff: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
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


def _split(
    pool: Pool,
    state: State,
    found: Bounds,
    lo: np.ndarray,
    hi: np.ndarray,
    before: tuple[np.ndarray, np.ndarray],
    lb: np.ndarray,
    wanted: np.ndarray,
    alive: np.ndarray,
    whole: np.ndarray,
) -> None:
    if whole.any():
        lo, hi = np.where(whole, np.ceil(lo), lo), np.where(whole, np.floor(hi), hi)
        full = np.all(lo <= hi, axis=1)
        # Clipping left no whole number: all of it lies above the cutoffs.
        lost = np.where(wanted & ~full[:, None], state.cutoff(), np.inf)
        state.closed = np.minimum(state.closed, lost.min(axis=0, initial=np.inf))
        alive = np.flatnonzero(alive)[full]
        lo, hi, lb, wanted = lo[full], hi[full], lb[full], wanted[full]
        before = before[0][full], before[1][full]
    scale = state.scale()
    weight = np.where(wanted, 1.0 / scale, 0.0)
    width = hi - lo
    middle = 0.5 * lo + 0.5 * hi
    middle = np.where(whole, np.floor(middle), middle)
    scores = np.where(np.isfinite(found.scores[alive]), found.scores[alive], 0.0)
    blame = np.einsum("bm,bmd->bd", weight, scores)
    hopeless = ~np.isfinite(np.where(wanted, lb, 0.0)).all(axis=1)
    blame[hopeless] = width[hopeless]
    splits = np.where(whole, lo < hi, (middle > lo) & (middle < hi))
    only = (whole & splits).any(axis=1) & (found.undecided[alive] == 0)
    splits &= whole | ~only[:, None]
    blame = np.where(splits, blame + 1e-300, -1.0)
    cut = blame.argmax(axis=1)
    rows = np.arange(len(lo))
    thin = blame[rows, cut] < 0  # a point, in float64
    # What clipping has just made a point is bounded once more, as one.
    again = thin & ((lo != before[0]) | (hi != before[1])).any(axis=1)
    thin &= ~again
    state.closed = np.minimum(
        state.closed, np.where(wanted[thin], lb[thin], np.inf).min(axis=0, initial=np.inf)
    )
    keep = ~thin & ~again
    rows, cut = rows[keep], cut[keep]
    left_hi, right_lo = hi.copy(), lo.copy()
    left_hi[rows, cut] = middle[rows, cut]
    right_lo[rows, cut] = middle[rows, cut] + whole[cut]
    priority = np.where(wanted, (state.best - lb) / scale, -np.inf).max(axis=1)
    for kept, one_lo, one_hi in ((keep, lo, left_hi), (keep, right_lo, hi), (again, lo, hi)):
        pool.push(
            one_lo[kept],
            one_hi[kept],
            lb[kept],
            found.status[alive][kept],
            wanted[kept].astype(np.uint8),
            priority[kept],
        )
