"""The array engine: any graph, many boxes at once, in NumPy float64."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ...core import Box, InputError, down
from ...domains.backward import Cells
from ...domains.crown import Plan, Sweep
from ...domains.stability import clip_to_gaps, gap_codes, settled
from ...graph import Graph
from ...graph.graph import Op
from ...ops import Affine, Curve, Product, Rearrange
from ..common.parallel import one_thread
from .alpha_crown import Ascent
from .base import Bounds
from .gap_attribution import scores
from .optimized_sweep import KeenSweep


class ArrayEngine:
    """Bounds `rows @ output + offset` over boxes inside one root box.

    Linear bounds of `domains.linear`, slope ascent on the objective rows, chunks of boxes that fit
    a core's cache, threads over the chunks. Stateless between calls: what is known of the units
    travels as one byte each (`domains.pieces`). With several chunks, BLAS is held to one thread.

    Args:
        graph: The network.
        rows: `(m, outputs)` float64.
        offset: `(m,)` float64.
        box: Every box asked about later lies in it.
        steps: Ascent steps on the objective rows. None: 3 where every curve is made of straight
            lines, else 1 (a smooth curve's lines cost more than the boxes they save).
        threads: Worker threads; None for as many as there are cores.
        radii: Whether rounding is paid for; False exists for the law that must then fail.

    Raises:
        InputError: Shapes do not fit, or an op's input can leave its domain over `box`.
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
        radii: bool = True,
    ) -> None:
        self.graph = graph
        self.rows = np.atleast_2d(np.asarray(rows, np.float64))
        self.offset = np.atleast_1d(np.asarray(offset, np.float64))
        outputs = graph.value_size(graph.output)
        if self.rows.shape != (self.offset.size, outputs) or box.size != graph.size:
            raise InputError(
                f"This graph has {graph.size} inputs and {outputs} outputs: `rows` needs "
                f"{outputs} columns and as many rows as `offset` has entries. Received: rows "
                f"{self.rows.shape}, offset {self.offset.shape}, a box of {box.size}."
            )
        self.box, self.radii = box, radii
        self.threads = threads or os.cpu_count() or 1
        self.plan = Plan.of(graph)
        straight = all(op.is_piecewise_linear for _, _, op in self.plan.curves)
        straight &= not self.plan.products
        self.steps = (3 if straight else 1) if steps is None else steps
        self.inputs, self.objectives = graph.size, self.offset.size
        self.units = 0
        self._places: list[tuple[int, Curve, slice]] = []
        for v, source, op in self.plan.curves:
            end = self.units + graph.value_size(v)
            self._places.append((source, op, slice(self.units, end)))
            self.units = end
        # Where errors multiply from product to product, the first bounds are worth more work.
        keen = bool(self.plan.products)
        extra = frozenset({graph.output}) if keen else frozenset()
        sweep = KeenSweep if keen else Sweep
        root = sweep(
            self.plan, Cells.of(box.lo[None], box.hi[None], radii), extra=extra, radii=radii
        )
        root.run()
        self._root = [(lo[0], hi[0]) for lo, hi in root.ends]

    @property
    def outputs(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and largest of every output over the whole box, as the first bounds say."""
        return self._root[self.graph.output]

    def bound(
        self,
        lo: np.ndarray,
        hi: np.ndarray,
        status: np.ndarray,
        wanted: np.ndarray,
        cutoff: np.ndarray,
    ) -> Bounds:
        """See `Engine.bound`. Cost: grows with undecided units times layers, a box."""
        if not len(lo):
            raise InputError("`bound` needs at least one box. Received: none.")
        pieces = [slice(i, i + self.plan.boxes) for i in range(0, len(lo), self.plan.boxes)]
        work = [(lo[p], hi[p], status[p], wanted[p], cutoff) for p in pieces]
        if len(work) == 1 or self.threads == 1:
            parts = [self._bound_chunk(*w) for w in work]
        else:
            with one_thread():
                parts = list(self._pool.map(lambda w: self._bound_chunk(*w), work))
        names = ("least", "slopes", "offset", "scores", "status", "undecided")
        return Bounds(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))

    def _bound_chunk(
        self,
        lo: np.ndarray,
        hi: np.ndarray,
        status: np.ndarray,
        wanted: np.ndarray,
        cutoff: np.ndarray,
    ) -> Bounds:
        known = {v: ends for v, ends in enumerate(self._root) if v}
        for source, op, place in self._places:
            codes = status[:, place]
            least, most = (
                np.broadcast_to(end, codes.shape).copy()
                for end in known.get(source, self._root[source])
            )
            known[source] = clip_to_gaps(op, codes, least, most)
        sweep = Sweep(self.plan, Cells.of(lo, hi, self.radii), known, radii=self.radii)
        net = sweep.run()
        box, which = np.nonzero(wanted)
        ascent = Ascent(sweep, net, self.rows, box, which)
        ascent.run((cutoff - self.offset)[which], self.steps)
        shape = wanted.shape
        least, offset = np.full(shape, -np.inf), np.full(shape, -np.inf)
        slopes, blame = np.zeros((*shape, self.inputs)), np.zeros((*shape, self.inputs))
        least[box, which] = down(ascent.least + self.offset[which])
        offset[box, which] = down(ascent.constant + self.offset[which])
        slopes[box, which], blame[box, which] = ascent.form_rows, scores(ascent)
        codes, undecided = self._units_of(sweep, status)
        return Bounds(least, slopes, offset, blame, codes, undecided)

    def _units_of(self, sweep: Sweep, status: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The status of every unit, and how many of each box have bounds that are not exact."""
        codes, undecided = status.copy(), np.zeros(len(status), np.int64)
        for source, op, place in self._places:
            found = gap_codes(op, *sweep.ends[source])
            codes[:, place] = np.where(codes[:, place] != 0, codes[:, place], found)
            undecided += (~settled(op, *sweep.ends[source])).sum(axis=1)
        for _, sources, op in self.plan.products:
            (lu, hu), (lv, hv) = sweep.factors(op, sources)
            undecided += ((lu < hu) & (lv < hv)).sum(axis=1)
        return codes, undecided

    def evaluate(self, x: ArrayLike) -> np.ndarray:
        """Objectives `(batch, m)` in plain float64 at points `(batch, d)`."""
        return self.graph.run(np.asarray(x, np.float64)) @ self.rows.T + self.offset

    def gradient(self, x: ArrayLike, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Value `(batch,)` and gradient `(batch, d)` of objective `k[i]` at point `x[i]`."""
        values = self.graph.run_all(np.asarray(x, np.float64))
        rows = self.rows[k]
        height = (values[self.graph.output] * rows).sum(axis=1) + self.offset[k]
        with np.errstate(all="ignore"):
            return height, pull(self.graph, values, rows)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.threads, thread_name_prefix="outrange")


def pull(graph: Graph, values: list[np.ndarray], rows: np.ndarray) -> np.ndarray:
    """The gradient `(batch, d)` of `rows . output` where the graph's values are `values`."""
    waiting = {graph.output: rows}
    for v in range(graph.output, 0, -1):
        a = waiting.pop(v, None)
        if a is None:
            continue
        node = graph.nodes[v - 1]
        parts = _pull(node.op, a, [values[j] for j in node.inputs])
        for j, part in zip(node.inputs, parts, strict=True):
            waiting[j] = waiting[j] + part if j in waiting else part
    return waiting.get(0, np.zeros_like(values[0]))


def _pull(op: Op, a: np.ndarray, sources: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Rows times the slope of one op at the point its inputs have: one array per input."""
    if isinstance(op, Affine | Rearrange):
        return op.adjoint(a)
    source = sources[0]
    if isinstance(op, Curve):
        return (a * op.df(source),)
    if isinstance(op, Product):
        return op.pull(a * sources[1][:, op.right], a * source[:, op.left])
    picked = np.where(op.windows < 0, -np.inf, source[:, np.maximum(op.windows, 0)])
    place = picked.argmax(axis=-1)
    arg = np.maximum(op.windows, 0)[np.arange(op.size), place]
    out = np.zeros_like(source)
    np.add.at(out, (np.arange(len(a))[:, None], arg), a)
    return (out,)
