"""Conjunctions of second-order bounds: each objective is a maximum of outputs, called its parts.

Each part has its own quadratic lower bound (`QuadraticForms`), which is computed once. Any convex
combination (mixture) of these bounds is a lower bound on the maximum of the parts. The mixture
weights are optimized at little cost, because a bound has only one coefficient per pair of inputs.
The bound of a part also limits the region of a box in which the part can be below the cutoff. Boxes
are cut to the intersection of these regions.

Sound: yes, see `QuadraticForms`. Complete: no. Cost: one back-substituted row for each box and each
relevant part.

Reference: Y. Zhou et al., *Clip-and-Verify*, NeurIPS 2025, for constraints that cut boxes.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from ....core import Box
from ....domains.crown import CrownPass, CrownPlan
from ....graph import Graph, Slot
from ....graph.gradient import vector_jacobian_product
from ....graph.rewrites.gates import simplify
from ....ops import Largest
from ...common.domain_boxes import DomainBoxes
from ...common.problem import Problem
from ...engines.array_engine import ArrayEngine
from ...engines.base import BoxBounds
from ...engines.gap_attribution import attribute_gap
from .method import begin
from .quadratic_ascent import QuadraticAscent
from .quadratic_forms import QuadraticForms
from .tangents import affords_tangents, tangents


HALVINGS = 6
"""Number of bisections in the search for the mixture weight of a part."""

CUTS = 2
"""Number of rounds in which all parts are used to cut a box."""


def conjunction(graph: Graph) -> tuple[Graph, np.ndarray] | None:
    """Return a graph whose outputs are the parts, and the indices of each objective's parts.

    Args:
        graph: A graph whose outputs are the objectives.

    Returns:
        The graph and the indices `(m, k)`, where -1 denotes no part. None if the outputs are not
        maxima.
    """
    op = graph.nodes[graph.output - 1].op if graph.output else None
    if not isinstance(op, Largest):
        return None
    source = graph.nodes[graph.output - 1].inputs[0]
    slot = Slot("parts", (graph.value_size(source),))
    return replace(graph, output=source, outputs=(slot,), layers={}), op.windows


class ConjunctionEngine(ArrayEngine):
    """Engine that bounds maxima of outputs over boxes by second-order forms of the outputs.

    Args:
        graph: A graph whose outputs are the parts.
        windows: `(m, k)` indices of the parts of each objective; `-1` for none.
        box: Root box, which contains every box to be bounded.
    """

    def __init__(
        self,
        graph: Graph,
        windows: np.ndarray,
        box: Box,
        *,
        roots: DomainBoxes | None = None,
        threads: int | None = None,
        radii: bool = True,
    ) -> None:
        parts = graph.value_size(graph.output)
        rows, none = np.eye(parts), np.zeros(parts)
        super().__init__(
            graph, rows, none, box, roots=roots, threads=threads, refine=begin, radii=radii
        )
        self._windows, self.objectives = windows, len(windows)
        self._member = np.zeros((len(windows), parts), bool)
        for k, window in enumerate(windows):
            self._member[k, window[window >= 0]] = True

    @property
    def outputs(self) -> tuple[np.ndarray, np.ndarray]:
        lo, hi = super().outputs
        return self._largest(lo), self._largest(hi)

    def _largest(self, y: np.ndarray) -> np.ndarray:
        """Return the objectives: the largest of each objective's parts among `y` `(..., parts)`."""
        picked = np.where(self._windows < 0, -np.inf, y[..., np.maximum(self._windows, 0)])
        return picked.max(axis=-1)

    def evaluate(self, x: ArrayLike) -> np.ndarray:
        return self._largest(super().evaluate(x))

    def gradient(self, x: ArrayLike, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return objectives, and the gradient of the largest part of objective `k[i]` at `x[i]`."""
        values = self.graph.run_all(np.asarray(x, np.float64))
        y = values[self.graph.output]
        part = np.where(self._member[k], y, -np.inf).argmax(axis=1)
        with np.errstate(all="ignore"):
            return self._largest(y), vector_jacobian_product(self.graph, values, self.rows[part])

    def _bound_chunk(
        self,
        lo: np.ndarray,
        hi: np.ndarray,
        status: np.ndarray,
        wanted: np.ndarray,
        cutoff: np.ndarray,
        rows: int,
    ) -> BoxBounds:
        sweep, net = self._run_pass(lo, hi, status, rows)
        box, part = np.nonzero(wanted.astype(np.int64) @ self._member)
        where = np.full((len(lo), len(self.rows)), -1)
        where[box, part] = np.arange(box.size)
        by_value = tangents(sweep, net)
        net = replace(net, lines=net.lines | {v: t.planes for v, t in by_value.items()})
        ascent = QuadraticAscent(sweep, net, self.rows, box, part, tangents=by_value)
        # One part that reaches the cutoff decides the objective; it need not be higher.
        enough = np.where(self._member, cutoff[:, None], -np.inf).max(axis=0)
        ascent.run(enough[part], self.steps)
        rest = attribute_gap(ascent) - ascent.blame
        rest -= 0.5 * np.abs(ascent.form_rows) * (sweep.cells.hi - sweep.cells.lo)[box]
        blame_of = np.maximum(rest, 0.0) + ascent.lost
        result = self._combine_parts(sweep, ascent, blame_of, where, wanted, cutoff)
        codes, undecided = self._phases_of(sweep, status)
        return replace(result, status=codes, undecided=undecided)

    def _combine_parts(
        self,
        sweep: CrownPass,
        ascent: QuadraticAscent,
        blame_of: np.ndarray,
        where: np.ndarray,
        wanted: np.ndarray,
        cutoff: np.ndarray,
    ) -> BoxBounds:
        """Return bounds of the objectives, combined from the bounds of their parts.

        Args:
            ascent: Bounds of the pairs of boxes and parts.
            blame_of: `(pairs, d)` slack of each pair by input, without the slack of its form.
            where: `(B, parts)` index of the pair of each box and part; -1 if there is none.
            wanted: `(B, m)` mask of the objectives to bound.
            cutoff: `(m,)` bounds at or above which an objective is closed.
        """
        box, k = np.nonzero(wanted)
        some = self._windows.max(axis=1, keepdims=True)
        members = np.where(self._windows < 0, some, self._windows)
        pair = where[box[:, None], members[k]]
        alone = ascent.least[pair].max(axis=1, initial=-np.inf)
        shape, cells = wanted.shape, sweep.cells
        d = cells.lo.shape[1]
        least, offset = np.full(shape, -np.inf), np.full(shape, -np.inf)
        least[box, k] = alone
        slopes, scores = np.zeros((*shape, d)), np.zeros((*shape, d))
        points, low, high = (
            np.broadcast_to(end[:, None], (*shape, d)).copy()
            for end in (0.5 * cells.lo + 0.5 * cells.hi, cells.lo, cells.hi)
        )
        none = np.zeros(0)
        result = BoxBounds(least, slopes, offset, scores, none, none, points, (low, high))
        still = np.flatnonzero(alone < cutoff[k])
        if not still.size:
            return result
        box, k, pair, alone = box[still], k[still], pair[still], alone[still]
        mix, blame = _mixture(ascent.forms, ascent.least, pair, blame_of, cutoff[k])
        bound, form, at = mix.least()
        slopes[box, k], offset[box, k], points[box, k] = form.rows[:, 0], form.constant[:, 0], at
        tight, width = mix.tangents(), (cells.hi - cells.lo)[box]
        blame = blame + np.minimum(mix.blame, tight.blame) + 0.5 * np.abs(mix.rows) * width
        scores[box, k] = np.where(np.isfinite(bound)[:, None], np.nan_to_num(blame), width)
        bound = np.maximum(bound, alone)
        cut = np.flatnonzero(bound < cutoff[k])
        parts = [ascent.forms.take(column) for column in pair[cut].T]
        cutting = [mix.take(cut), *parts, *(each.tangents() for each in (mix.take(cut), *parts))]
        start, end = _region_below(cutting, cutoff[k[cut]])
        empty = (start >= end).any(axis=1)
        bound[cut] = np.where(empty, np.maximum(cutoff[k[cut]], bound[cut]), bound[cut])
        least[box, k] = bound
        middle, reach = cells.center[box[cut]], cells.reach[box[cut]]
        low[box[cut], k[cut]] = middle + (start - PAD) * reach
        high[box[cut], k[cut]] = middle + (end + PAD) * reach
        return result


def _region_below(
    cutting: list[QuadraticForms], level: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Enclose the region of each box in which all forms may be below `level`.

    Return its lower and upper bounds `(P, d)`, as offsets from the center in units of the radii.
    """
    shape = cutting[0].rows.shape
    start, end = -np.ones(shape), np.ones(shape)
    for _ in range(CUTS):
        for forms in cutting:
            start, end = forms.below(level, start, end)
    return start, end


PAD = 1e-9
"""Distance by which the part of a box that remains after cuts is enlarged, in units of its
radii."""


def _mixture(
    forms: QuadraticForms,
    least: np.ndarray,
    pair: np.ndarray,
    blame: np.ndarray,
    cutoff: np.ndarray,
) -> tuple[QuadraticForms, np.ndarray]:
    """Return a mixture of the forms in each row of `pair` `(Q, k)`, and its slack by input.

    The mixture starts with the form that has the largest bound. Up to two more forms are added,
    one after another. The next form is the one that is largest near the minimum of the current
    mixture. Its weight is chosen by bisection, so that the form is close to the current mixture at
    the minimum of the new mixture.
    """
    first = least[pair].argmax(axis=1)
    rows = np.arange(len(pair))
    best = forms.take(pair[rows, first])
    best_least, best_blame = best.least()[0], blame[pair[rows, first]]
    for _ in range(min(2, pair.shape[1] - 1)):
        z = _minimizers(best)
        values = np.stack([forms.take(column).values(z) for column in pair.T], axis=1)
        other = pair[rows, np.nan_to_num(values, nan=-np.inf).argmax(axis=1)]
        joining, base, base_blame = forms.take(other), best, best_blame
        low, high = np.zeros(len(pair)), np.ones(len(pair))
        for _ in range(HALVINGS):
            share = 0.5 * (low + high)
            mix = base.mix(joining, share)
            mix_least, z = mix.least()[0], _minimizers(mix)
            rises = joining.values(z) > base.values(z)
            low, high = np.where(rises, share, low), np.where(rises, high, share)
            better = mix_least > best_least
            if better.any():
                best = best.take(rows)
                best.adopt(np.flatnonzero(better), mix, better)
                part = share[:, None]
                mixed_blame = (1.0 - part) * base_blame + part * blame[other]
                best_blame = np.where(better[:, None], mixed_blame, best_blame)
                best_least = np.maximum(best_least, mix_least)
            if (best_least >= cutoff).all():
                break
    return best, best_blame


def _minimizers(forms: QuadraticForms) -> np.ndarray:
    """Return an approximate minimizer of each form, `(P, d)`."""
    return forms.tangents().corner()


def engine_of_conjunctions(problem: Problem) -> ConjunctionEngine | None:
    """Create an engine for a problem whose objectives are maxima, or return None.

    Return None if the objectives are not maxima, or if `affords_tangents` rejects the graph of
    their parts.
    """
    parts_and_windows = conjunction(problem.of_outputs(problem.graph))
    if parts_and_windows is None:
        return None
    parts, windows = simplify(parts_and_windows[0]), parts_and_windows[1]
    if not affords_tangents(CrownPlan.of(parts)):
        return None
    return ConjunctionEngine(parts, windows, problem.domain.hull, roots=problem.domain)
