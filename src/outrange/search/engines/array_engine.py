"""The array engine, which bounds many boxes of any graph together, in NumPy float64."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from ...core import Bounds, Box, InputError, down
from ...domains import bounds
from ...domains.backward import BoxBatch, RelaxedGraph
from ...domains.crown import CrownPass, CrownPlan
from ...domains.forward_crown import ForwardCrownPass
from ...domains.stability import clip_to_phases, is_stable, phase_codes
from ...graph import Graph
from ...ops import Curve
from ..common.domain_boxes import DomainBoxes
from ..common.parallel import cores_for, parallel_map, single_blas_thread
from ..common.problem import by_outputs
from .alpha_crown import AlphaAscent
from .base import BoxBounds
from .gap_attribution import attribute_gap
from .objectives import GraphObjectives
from .optimized_sweep import OptimizedCrownPass


FEW_INPUTS, SOME_INPUTS = 12, 40
"""Maximum numbers of free inputs for which layers wider than a core's cache are bounded by forward
forms. The second number is for graphs with products: forms keep the dependence between factors."""

FORMS = 1 << 18
"""Maximum number of entries of a value's forward forms in a chunk."""

EFFORT = 2.0**33
"""`CrownPass.effort`, a limit on the work per value, of passes that start with forward forms. It is
large, because `ROWS` limits the number of rows of such passes."""

ROWS = 4096
"""Limit on the number of unstable entries of a value, times the number of boxes of a call (or of
root boxes, if there are more). Above it, the entries have only the bounds from forward forms, and
are not back-substituted. So the first calls, which have few boxes, compute the best bounds.
"""


class Refinement(Protocol):
    """A method that improves the bounds that linear forms leave below their cutoffs."""

    boxes: int
    """Maximum number of boxes that are refined together."""

    def improve(self, ascent: AlphaAscent, target: np.ndarray, blame: np.ndarray) -> None:
        """Improve bounds in place.

        Args:
            ascent: Best bounds and forms of pairs of a box and an objective.
            target: `(P,)` bounds at or above which a pair needs no improvement.
            blame: `(P, d)` branching scores of the inputs.
        """
        ...


Refine = Callable[[CrownPlan, int, int], Refinement | None]
"""Function that creates a refinement, given the graph's plan, the number of objectives and the
number of ascent steps; None if the method cannot handle the graph."""


class ArrayEngine(GraphObjectives):
    """Engine that bounds `rows @ output + offset` over boxes inside one root box.

    It computes the linear bounds of `domains.crown` and optimizes the slopes of the objective rows.
    Boxes are bounded in chunks that fit in a core's cache if possible. If there are several chunks,
    BLAS is limited to one thread. Activation phases are stored with the boxes, one byte per unit
    (`domains.stability`). Between calls, the engine stores no boxes.

    Args:
        rows: Float64 array of shape `(m, outputs)`.
        offset: Float64 array of shape `(m,)`.
        box: Root box, which contains every box to be bounded.
        steps: Number of ascent steps on the objective rows. None selects 3 if every curve is
            piecewise linear and there are no products, and 1 otherwise (moving a smooth curve's
            lines costs more than the boxes that it saves).
        threads: Maximum number of worker threads; None for one per core of this process.
        roots: Boxes whose union contains every box to be bounded; `box` by default.
        refine: Creates the method that improves bounds below their cutoffs; see `Refine`.
        radii: Whether to account for rounding errors. Only tests set this to False, to check that
            bounds are then violated.

    Raises:
        InputError: Shapes do not match. `bound` raises it if an op's input can leave its domain.
    """

    def __init__(
        self,
        graph: Graph,
        rows: ArrayLike,
        offset: ArrayLike,
        box: Box,
        *,
        steps: int | None = None,
        threads: int | None = None,
        roots: DomainBoxes | None = None,
        refine: Refine | None = None,
        radii: bool = True,
    ) -> None:
        rows = np.atleast_2d(np.asarray(rows, np.float64))
        super().__init__(graph, rows, np.atleast_1d(np.asarray(offset, np.float64)))
        outputs = graph.value_size(graph.output)
        if self.rows.shape != (self.offset.size, outputs) or box.size != graph.size:
            raise InputError(
                f"This graph has {graph.size} inputs and {outputs} outputs: `rows` needs "
                f"{outputs} columns and as many rows as `offset` has entries. Received: rows "
                f"{self.rows.shape}, offset {self.offset.shape}, a box of {box.size}."
            )
        self.box, self.radii = box, radii
        self.threads = threads
        self.plan = CrownPlan.of(graph)
        straight = all(op.is_piecewise_linear for _, _, op in self.plan.curves)
        straight &= not self.plan.products
        self.steps = (3 if straight else 1) if steps is None else steps
        size = self.objectives, self.steps
        self._refinement = None if refine is None else refine(self.plan, *size)
        self.units = 0
        self.first: CrownPass | None = None
        self._forms = False
        self._roots = DomainBoxes.of(box) if roots is None else roots
        free = int((self._roots.lo < self._roots.hi).sum(axis=1).max())
        if free <= (SOME_INPUTS if self.plan.products else FEW_INPUTS) and self.plan.boxes == 1:
            self._forms = True
        if self._refinement is not None:
            self.plan = replace(self.plan, boxes=self._refinement.boxes)
        self._chunk = self.plan.boxes
        if self._forms:
            widest = max((node.size for node in graph.nodes), default=1)
            self._chunk = int(np.clip(FORMS // ((free + 2) * widest), 1, 64))
            if self._refinement is not None:
                self._chunk = min(self._chunk, self.plan.boxes)
        self.together = self._chunk
        self._places: list[tuple[int, Curve, slice]] = []
        for v, source, op in self.plan.curves:
            end = self.units + graph.value_size(v)
            self._places.append((source, op, slice(self.units, end)))
            self.units = end

    @cached_property
    def _root(self) -> list[Bounds]:
        """Bounds on every value over all boxes, computed on first use."""
        if len(self._roots.lo) > 1:
            return self._hulls()
        # If errors multiply from product to product, better first bounds are worth their time.
        has_products = bool(self.plan.products)
        extra = frozenset({self.graph.output}) if has_products else frozenset()
        cells = BoxBatch.of(self.box.lo[None], self.box.hi[None], self.radii)
        if has_products:
            first = self.first
            value_bounds = {} if first is None else dict(enumerate(first.ends))
            deep = frozenset() if first is None else frozenset(first.deep)
            root = OptimizedCrownPass(
                self.plan, cells, value_bounds, extra=extra, radii=self.radii, settled=deep
            )
        else:
            root = self._prepare_pass(cells, {}, 0)
        root.run()
        return [(lo[0], hi[0]) for lo, hi in root.ends]

    def _prepare_pass(
        self, cells: BoxBatch, value_bounds: dict[int, Bounds], most: int
    ) -> CrownPass:
        """Prepare a CROWN pass over boxes, with forward forms if the engine uses these.

        Args:
            cells: The boxes.
            value_bounds: Bounds that are already known, by value.
            most: Maximum number of unstable entries of a value that are back-substituted after
                forward forms. If a value has more, none of them are.
        """
        if self._forms:
            return ForwardCrownPass(
                self.plan, cells, value_bounds, radii=self.radii, most=most, effort=EFFORT
            )
        return CrownPass(self.plan, cells, value_bounds, radii=self.radii)

    def _hulls(self) -> list[Bounds]:
        """Return, for each value, the hull of its interval bounds over all root boxes."""
        step = max(1, FORMS // sum((self.graph.size, *(node.size for node in self.graph.nodes))))
        hulls: list[Bounds] = []
        for start in range(0, len(self._roots.lo), step):
            some = slice(start, start + step)
            ends = bounds(self.graph, self._roots.lo[some], self._roots.hi[some], "intervals")
            part = [(lo.min(axis=0), hi.max(axis=0)) for lo, hi in ends]
            pairs = zip(hulls or part, part, strict=True)
            hulls = [(np.minimum(a[0], b[0]), np.maximum(a[1], b[1])) for a, b in pairs]
        return hulls

    @property
    def outputs(self) -> tuple[np.ndarray, np.ndarray]:
        """Initial lower and upper bounds on every output over all boxes."""
        return self._root[self.graph.output]

    def bound(
        self,
        lo: np.ndarray,
        hi: np.ndarray,
        status: np.ndarray,
        wanted: np.ndarray,
        cutoff: np.ndarray,
    ) -> BoxBounds:
        """Bound the objectives over boxes; see `Engine.bound`.

        The cost per box grows with the number of unstable units times the number of layers.
        """
        if not len(lo):
            raise InputError("`bound` needs at least one box. Received: none.")
        _ = self._root  # computed once, before threads need it
        most = cores_for(len(lo) * max([1, *(n.size for n in self.graph.nodes)]) ** 2, self.threads)
        step = max(1, min(self._chunk, -(-len(lo) // most)))
        pieces = [slice(i, i + step) for i in range(0, len(lo), step)]
        rows = max(1, ROWS // max(len(lo), len(self._roots.lo)))
        work = [(lo[p], hi[p], status[p], wanted[p], cutoff, rows) for p in pieces]
        with single_blas_thread() if len(work) > 1 else nullcontext():
            parts = parallel_map(lambda w: self._bound_chunk(*w), work, self.threads)
        return concatenate_bounds(parts)

    def _bound_chunk(
        self,
        lo: np.ndarray,
        hi: np.ndarray,
        status: np.ndarray,
        wanted: np.ndarray,
        cutoff: np.ndarray,
        rows: int,
    ) -> BoxBounds:
        """Bound a chunk of boxes on one core."""
        sweep, net = self._run_pass(lo, hi, status, rows)
        box, which = np.nonzero(wanted)
        ascent = AlphaAscent(sweep, net, self.rows, box, which)
        target = (cutoff - self.offset)[which]
        ascent.run(target, self.steps)
        blame_of = attribute_gap(ascent)
        if self._refinement is not None:
            self._refinement.improve(ascent, target, blame_of)
        shape = wanted.shape
        least, offset = np.full(shape, -np.inf), np.full(shape, -np.inf)
        slopes, blame = np.zeros((*shape, self.inputs)), np.zeros((*shape, self.inputs))
        least[box, which] = down(ascent.least + self.offset[which])
        known_least = by_outputs(self.rows, self.offset, *sweep.ends[self.graph.output])
        least = np.where(wanted, np.fmax(least, known_least), -np.inf)
        offset[box, which] = down(ascent.constant + self.offset[which])
        slopes[box, which], blame[box, which] = ascent.form_rows, blame_of
        codes, undecided = self._phases_of(sweep, status)
        return BoxBounds(least, slopes, offset, blame, codes, undecided)

    def _run_pass(
        self, lo: np.ndarray, hi: np.ndarray, status: np.ndarray, rows: int
    ) -> tuple[CrownPass, RelaxedGraph]:
        """Bound all values over a chunk of boxes; return the pass and its lines."""
        value_bounds = {v: ends for v, ends in enumerate(self._root) if v}
        for source, op, place in self._places:
            codes = status[:, place]
            least, most = (
                np.broadcast_to(end, codes.shape).copy()
                for end in value_bounds.get(source, self._root[source])
            )
            value_bounds[source] = clip_to_phases(op, codes, least, most)
        sweep = self._prepare_pass(BoxBatch.of(lo, hi, self.radii), value_bounds, rows)
        return sweep, sweep.run()

    def _phases_of(self, sweep: CrownPass, status: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the phases `(B, s)` and the numbers `(B,)` of undecided units; see `BoxBounds`."""
        codes, undecided = status.copy(), np.zeros(len(status), np.int64)
        for source, op, place in self._places:
            phases = phase_codes(op, *sweep.ends[source])
            codes[:, place] = np.where(codes[:, place] != 0, codes[:, place], phases)
            undecided += (~is_stable(op, *sweep.ends[source])).sum(axis=1)
        for _, sources, op in self.plan.products:
            (lu, hu), (lv, hv) = sweep.factors(op, sources)
            undecided += ((lu < hu) & (lv < hv)).sum(axis=1)
        return codes, undecided


def concatenate_bounds(parts: Sequence[BoxBounds]) -> BoxBounds:
    """Concatenate the bounds of several chunks of boxes."""
    names = ("least", "slopes", "offset", "scores", "status", "undecided")
    arrays = {name: np.concatenate([getattr(p, name) for p in parts]) for name in names}
    at = [p.at for p in parts if p.at is not None]
    within = [p.within for p in parts if p.within is not None]
    ends = None
    if within:
        ends = np.concatenate([w[0] for w in within]), np.concatenate([w[1] for w in within])
    return BoxBounds(**arrays, at=np.concatenate(at) if at else None, within=ends)
