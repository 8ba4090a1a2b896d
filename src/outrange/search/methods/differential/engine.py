"""Engine for differential verification, which bounds two nearly equal networks together."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np

from ....core import down
from ....domains.backward import BoxBatch, back_substitute
from ....domains.crown import CrownPlan
from ....domains.stability import is_stable
from ....graph import Graph
from ...common.domain_boxes import DomainBoxes
from ...common.parallel import cores_for, parallel_map, single_blas_thread
from ...engines.array_engine import concatenate_bounds
from ...engines.base import BoxBounds
from ...engines.objectives import GraphObjectives
from .pairs import PairedGraph
from .sweep import PairedCrownPass, PairedRelaxation


class DifferentialEngine(GraphObjectives):
    """Engine that bounds `rows @ output + offset` of a graph with counterparts; see `sweep`.

    Args:
        pairs: The graph with its counterparts.
        graph: The same graph without counterparts, to evaluate points.
        rows: Array of shape `(m, outputs)`.
        offset: Array of shape `(m,)`.
    """

    units = 0
    """Number of units whose phases are stored with a box. It is 0, since a box may be split where
    the phases of counterparts differ."""

    def __init__(
        self, pairs: PairedGraph, graph: Graph, rows: np.ndarray, offset: np.ndarray
    ) -> None:
        super().__init__(graph, rows, offset)
        self.pairs = pairs
        self.plan = CrownPlan.of(pairs.graph)
        self.together = self.plan.boxes
        self._sources = [(v, pairs.graph.nodes[v - 1].inputs) for v in pairs.curves]

    def bound(
        self,
        lo: np.ndarray,
        hi: np.ndarray,
        status: np.ndarray,
        wanted: np.ndarray,
        cutoff: np.ndarray,
    ) -> BoxBounds:
        """Bound the objectives over boxes; see `Engine.bound`.

        Cost: about twice the cost of bounding the two networks separately.
        """
        widest = max(node.size for node in self.graph.nodes)
        most = cores_for(len(lo) * widest**2, None)
        step = max(1, min(self.together, -(-len(lo) // most)))
        pieces = [slice(i, i + step) for i in range(0, len(lo), step)]
        work = [(lo[p], hi[p], wanted[p]) for p in pieces]
        with single_blas_thread() if len(work) > 1 else nullcontext():
            return concatenate_bounds(parallel_map(lambda part: self._chunk(*part), work))

    def over(self, domain: DomainBoxes) -> np.ndarray:
        """Return bounds `(m,)` of the objectives over all boxes of a domain, without splits."""
        count = len(domain.lo)
        status, wanted = np.zeros((count, 0), np.int8), np.ones((count, self.objectives), bool)
        cutoff = np.full(self.objectives, np.inf)
        return self.bound(domain.lo, domain.hi, status, wanted, cutoff).least.min(axis=0)

    def _chunk(self, lo: np.ndarray, hi: np.ndarray, wanted: np.ndarray) -> BoxBounds:
        """Bound a chunk of boxes on one core."""
        sweep = PairedCrownPass(self.plan, BoxBatch.of(lo, hi), pairs=self.pairs)
        record: dict[int, np.ndarray] = {}
        form = back_substitute(sweep.run(), self.pairs.graph.output, self.rows, record)
        shape = wanted.shape
        rows = np.broadcast_to(form.rows, (*shape, self.inputs)).copy()
        constant = np.broadcast_to(form.constant, shape)
        least = down(sweep.cells.least(form) + self.offset)
        scores = 0.5 * np.abs(rows) * (hi - lo)[:, None]
        undecided = np.zeros(len(lo), np.int64)
        for v, (source, other, _) in self._sources:
            paired: Any = self.pairs.graph.nodes[v - 1].op
            undecided += (~is_stable(paired.curve, *sweep.ends[source])).sum(axis=1)
            # A counterpart's phases depend on the same inputs.
            scores += _blame(sweep, record.get(v), sweep.relaxed.get(v), other)
        for _, source, op in self.plan.curves:
            undecided += (~is_stable(op, *sweep.ends[source])).sum(axis=1)
        for _, sources, op in self.plan.products:
            (lu, hu), (lv, hv) = sweep.factors(op, sources)
            undecided += ((lu < hu) & (lv < hv)).sum(axis=1)
        return BoxBounds(
            np.where(wanted & ~np.isnan(least), least, -np.inf),
            rows, down(constant + self.offset), scores,
            np.zeros((len(lo), 0), np.int8), undecided,
        )  # fmt: skip


def _blame(
    sweep: PairedCrownPass,
    rows: np.ndarray | None,
    relaxed: PairedRelaxation | None,
    source: int,
) -> np.ndarray:
    """Attribute the slack of the planes or lines of one curve to the inputs, `(B, m, d)`.

    Return zeros `(1, 1, 1)` if no losses are recorded.
    """
    if rows is None or relaxed is None or source not in sweep.shares:
        return np.zeros((1, 1, 1))
    some, shares = sweep.shares[source]
    amount = np.nan_to_num(np.abs(rows)[..., some] * relaxed.loss[:, None, some], posinf=1e100)
    return np.einsum("bmr,brd->bmd", amount, shares)
