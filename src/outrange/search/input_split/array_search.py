"""Best-first branch and bound over the input set, on any `Engine`.

Reference: S. Wang et al., *Formal Security Analysis of Neural Networks using Symbolic Intervals*
(ReluVal), USENIX Security 2018, for splitting inputs.
"""

from __future__ import annotations

import numpy as np

from ..attack.first_points import First, first_points
from ..attack.pgd import PacedGradient
from ..common.domain_boxes import DomainBoxes
from ..common.incumbent import Incumbent
from ..engines.base import BoxBounds, Engine
from .best_first import BestFirstSearch
from .frontier import Frontier


METHODS = (
    "linear bounds by back-substitution (CROWN, Zhang et al. 2018)",
    "slope ascent on the objective row (alpha-CROWN, Xu et al. 2021)",
    "input splits by gap attribution",
    "clipping (Zhou et al. 2025)",
)

FIRST_BOXES = 8
"""Maximum number of boxes per call at the start, where best-first order matters most."""

MOST_BOXES = 4096
"""Maximum number of boxes per call."""

SECONDS_A_CALL = 0.2
"""Duration of a call, in seconds. After a shorter call, the maximum number of boxes is doubled, up
to `MOST_BOXES`; after a longer call, it is halved, down to `FIRST_BOXES` (in a decision, down to
`Engine.together` if this is larger)."""


class ArraySearch(BestFirstSearch):
    """Search that splits inputs, on any `Engine`.

    Args:
        engine: Bounds boxes; its objectives are minimized.
        incumbent: Clock, tolerances and the best points.
        seed: Seed of the samples.
        first: Finds the first points; see `first_points.first_points`.
    """

    methods = METHODS

    def __init__(
        self,
        engine: Engine,
        domain: DomainBoxes,
        incumbent: Incumbent,
        *,
        seed: int = 0,
        first: First = first_points,
    ) -> None:
        self.engine = engine
        self._set_up(domain, incumbent, seed, np.ones(domain.lo.shape[1], bool))
        m = engine.objectives
        gradient = PacedGradient(engine.gradient)
        points = first(gradient, engine.evaluate, self.boxes, m, self._rng)
        self._begin(gradient, points, engine.units)
        self._most = FIRST_BOXES

    def _explore(self) -> None:
        clock, most = self.incumbent.clock, self._most
        began = clock.seconds
        # A decision must close all boxes in any order; for a range, the best come first.
        decides = self.incumbent.target is not None
        self.step(max(1, min(most, len(self.frontier) // (1 if decides else 2))))
        quick = clock.seconds - began < SECONDS_A_CALL
        least = max(FIRST_BOXES, self.engine.together if decides else 0)
        self._most = min(MOST_BOXES, most * 2) if quick else max(least, most // 2)

    def step(self, count: int) -> None:
        """Pop and bound up to `count` boxes, close those at their cutoffs, and split the others."""
        _step(self, count)


def _step(search: ArraySearch, count: int) -> None:
    """Pop, bound, close and split boxes of a search; see `ArraySearch.step`."""
    state, pool, engine = search.incumbent, search.frontier, search.engine
    whole = search.boxes.whole
    box = pool.pop(count)
    lo, hi, lb, wanted = box["lo"], box["hi"], box["lb"], box["open"].astype(bool)
    cutoff = state.cutoff()
    wanted = _close(pool, lb, wanted, lb >= cutoff)
    alive = wanted.any(axis=1)
    lo, hi, lb, wanted = lo[alive], hi[alive], lb[alive], wanted[alive]
    if not len(lo):
        return
    result = engine.bound(lo, hi, box["status"][alive], wanted, cutoff)
    state.boxes += len(lo)
    lb = np.fmax(lb, np.where(wanted, result.least, -np.inf))
    corner = (
        np.where(result.slopes > 0, lo[:, None], hi[:, None]) if result.at is None else result.at
    )
    corner = search.boxes.snap(corner[wanted])
    y = engine.evaluate(corner)
    state.offer(y.min(axis=0), corner[y.argmin(axis=0)])
    cutoff = state.cutoff()
    settled = (result.undecided == 0) & ~(whole & (lo < hi)).any(axis=1)
    wanted = _close(pool, lb, wanted, (lb >= cutoff) | settled[:, None])
    alive = np.any(wanted, axis=1)
    if alive.any():
        ends = _clip(pool, result, lo, hi, wanted, alive, cutoff)
        before = lo[alive], hi[alive]
        _split_boxes(pool, state, result, *ends, before, lb[alive], wanted[alive], alive, whole)


def _close(pool: Frontier, lb: np.ndarray, wanted: np.ndarray, shut: np.ndarray) -> np.ndarray:
    """Close the pairs of box and objective in the mask `shut`, and return a mask of open pairs.

    All masks have shape `(B, m)`.
    """
    shut = shut & wanted
    pool.close(np.where(shut, lb, np.inf).min(axis=0, initial=np.inf))
    return wanted & ~shut


def _clip(
    pool: Frontier,
    result: BoxBounds,
    lo: np.ndarray,
    hi: np.ndarray,
    wanted: np.ndarray,
    alive: np.ndarray,
    cutoff: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Shrink boxes to the region where some open objective may still be below its cutoff.

    Return the lower and the upper corners of the boxes in the mask `alive`.

    `A x + b <= cutoff` limits each coordinate, with the other coordinates at their minimizing
    values. The offset `b` already covers the rounding errors of the form. The small pads here cover
    the rounding errors of this function.
    """
    a, b, on = result.slopes[alive], result.offset[alive], wanted[alive]
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
    if result.within is not None:
        bottom = np.maximum(bottom, result.within[0][alive])
        top = np.minimum(top, result.within[1][alive])
    new_hi = np.where(on[:, :, None], top, -np.inf).max(axis=1)
    new_lo = np.where(on[:, :, None], bottom, np.inf).min(axis=1)
    less = ((new_hi - new_lo) < 0.95 * (hi - lo)).any(axis=1) & (new_lo <= new_hi).all(axis=1)
    pool.close(np.where(on[less], cutoff, np.inf).min(axis=0, initial=np.inf))
    return np.where(less[:, None], new_lo, lo), np.where(less[:, None], new_hi, hi)


def _split_boxes(
    pool: Frontier,
    state: Incumbent,
    result: BoxBounds,
    lo: np.ndarray,
    hi: np.ndarray,
    before: tuple[np.ndarray, np.ndarray],
    lb: np.ndarray,
    wanted: np.ndarray,
    alive: np.ndarray,
    whole: np.ndarray,
) -> None:
    """Split boxes along the input with the largest branching score, and push the parts."""
    if whole.any():
        lo, hi = np.where(whole, np.ceil(lo), lo), np.where(whole, np.floor(hi), hi)
        full = np.all(lo <= hi, axis=1)
        # A box without an integer point is infeasible: it is closed at the cutoffs.
        lost = np.where(wanted & ~full[:, None], state.cutoff(), np.inf)
        pool.close(lost.min(axis=0, initial=np.inf))
        alive = np.flatnonzero(alive)[full]
        lo, hi, lb, wanted = lo[full], hi[full], lb[full], wanted[full]
        before = before[0][full], before[1][full]
    scale = state.scale()
    weight = np.where(wanted, 1.0 / scale, 0.0)
    width = hi - lo
    middle = 0.5 * lo + 0.5 * hi
    middle = np.where(whole, np.floor(middle), middle)
    scores = np.where(np.isfinite(result.scores[alive]), result.scores[alive], 0.0)
    blame = np.einsum("bm,bmd->bd", weight, scores)
    hopeless = ~np.isfinite(np.where(wanted, lb, 0.0)).all(axis=1)
    blame[hopeless] = width[hopeless]
    splits = np.where(whole, lo < hi, (middle > lo) & (middle < hi))
    only = (whole & splits).any(axis=1) & (result.undecided[alive] == 0)
    splits &= whole | ~only[:, None]
    blame = np.where(splits, blame + 1e-300, -1.0)
    cut = blame.argmax(axis=1)
    rows = np.arange(len(lo))
    thin = blame[rows, cut] < 0  # cannot be split in float64
    # A box that clipping has reduced to a point is bounded once more.
    again = thin & ((lo != before[0]) | (hi != before[1])).any(axis=1)
    thin &= ~again
    pool.close(np.where(wanted[thin], lb[thin], np.inf).min(axis=0, initial=np.inf))
    keep = ~thin & ~again
    rows, cut = rows[keep], cut[keep]
    left_hi, right_lo = hi.copy(), lo.copy()
    left_hi[rows, cut] = middle[rows, cut]
    right_lo[rows, cut] = middle[rows, cut] + whole[cut]
    priority = np.where(wanted, (state.best - lb) / scale, -np.inf).max(axis=1)
    for mask, part_lo, part_hi in ((keep, lo, left_hi), (keep, right_lo, hi), (again, lo, hi)):
        pool.push(
            part_lo[mask],
            part_hi[mask],
            lb[mask],
            result.status[alive][mask],
            wanted[mask].astype(np.uint8),
            priority[mask],
        )
