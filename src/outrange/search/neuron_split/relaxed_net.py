"""A relaxed graph over one box, which bounds rows under split constraints.

Rows are bounded by back-substitution. Each unit that a sub-problem splits at `p` contributes a term
with a multiplier. The constraint `z >= p` lowers a bound by `beta (z - p)` with `beta >= 0`, and
`z <= p` lowers it by the same term with `beta <= 0`. So one signed number per unit is enough.

Reference: S. Wang et al., *Beta-CROWN: Efficient Bound Propagation with Per-neuron Split
Constraints for Neural Network Robustness Verification*, NeurIPS 2021.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ...core import Box, check_deadline, down, work
from ...core.clock import charge
from ...core.rounding import UNIT
from ...domains.backward import BoxBatch, LinearForm, RelaxedGraph, RowInjection, back_substitute
from ...domains.crown import CrownPass, CrownPlan
from ...domains.relaxations import CurveRelaxation, MaxRelaxation, ProductRelaxation
from ...domains.rounding import OperationCounts, RoundingTerm, inflate, magnitude, widen_offset
from ...graph import Graph
from ...graph.graph import Op
from ...ops import Affine, Rearrange
from .backward_pass import BackwardPass, Proof
from .node import Cuts, Splits
from .relaxations import Activation, PreparedActivation, Relaxation
from .smooth_relaxations import activations_of


@dataclass(eq=False)
class RelaxedNet:
    """A graph over a box, with the current ranges of its units.

    Args:
        graph: A graph whose nonlinear values are all supported by `activations_of`.
        ends: `(lo, hi)` of every value at construction. The attributes `lo` and `hi` are the
            tightened ranges of the units.
        magnitudes: Bounds `(n,)` on the absolute values of every value's entries.
        budget: The graph's counts of rounding operations.
        errors: Maps some values to `(n,)` error bounds, in addition to the rounding errors of their
            ops.
    """

    graph: Graph
    box: Box
    ends: list[tuple[np.ndarray, np.ndarray]]
    rounding_terms: list[RoundingTerm | None]
    underflow: float
    magnitudes: list[np.ndarray]
    budget: OperationCounts
    errors: dict[int, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.activations: list[Activation] = activations_of(self.graph) or []
        self.units = sum(b.size for b in self.activations)
        self.lo, self.hi = np.zeros(self.units), np.zeros(self.units)
        for b in self.activations:
            self.lo[b.place], self.hi[b.place] = self.ends[b.source]
        self.objectives = self.graph.value_size(self.graph.output)
        self.cells = BoxBatch.of(self.box.lo[None], self.box.hi[None])
        self._center = self.cells.center[0]
        self._reach = np.maximum(self.box.hi - self._center, self._center - self.box.lo)

    @staticmethod
    def of(graph: Graph, box: Box) -> RelaxedNet:
        """Build a net whose ranges are linear bounds (CROWN) on all values over the box."""
        plan = CrownPlan.of(graph)
        sweep = CrownPass(plan, BoxBatch.of(box.lo[None], box.hi[None]))
        net = sweep.run()
        ends = [(lo[0], hi[0]) for lo, hi in sweep.ends]
        magnitudes = [magnitude(*e) for e in sweep.ends]
        return RelaxedNet(
            graph, box, ends, net.rounding_terms, net.underflow, magnitudes, plan.budget
        )

    def current_ends(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return `ends`, updated with the current ranges of the units."""
        ends = list(self.ends)
        for b in self.activations:
            ends[b.source] = self.lo[b.place].copy(), self.hi[b.place].copy()
        return ends

    def unstable(self, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        """Return a mask of the units that are unstable on the ranges `(..., s)`."""
        out = np.zeros(lo.shape, bool)
        for b in self.activations:
            out[..., b.place] = ~b.is_stable(lo[..., b.place], hi[..., b.place])
        return out

    def start(self) -> np.ndarray:
        """Return the initial line parameter `alpha` of each unit, `(s,)`."""
        out = np.zeros(self.units)
        for b in self.activations:
            out[b.place] = b.start(self.lo[b.place], self.hi[b.place])
        return out

    def unsplit(self, count: int) -> Splits:
        """Return `count` equal sub-problems without splits, over the whole box."""
        shape = (count, self.units)
        return Splits(
            np.full(shape, -np.inf),
            np.full(shape, np.inf),
            np.tile(self.lo, (count, 1)),
            np.tile(self.hi, (count, 1)),
        )

    def units_before(self, value: int) -> int:
        """Return the number of units on which `value` may depend.

        These are the units of all values up to `value`.
        """
        return max((b.place.stop for b in self.activations if b.value <= value), default=0)

    def prepare(self, splits: Splits) -> dict[int, PreparedActivation]:
        """Prepare every nonlinear value whose units `splits` covers, on the split ranges."""
        chosen = [b for b in self.activations if b.place.stop <= splits.lo.shape[1]]
        if splits.same is None:
            return {
                b.value: b.prepare(splits.lo[:, b.place], splits.hi[:, b.place]) for b in chosen
            }
        _, once, which = np.unique(splits.same, return_index=True, return_inverse=True)
        lo, hi = splits.lo[once], splits.hi[once]
        return {b.value: b.prepare(lo[:, b.place], hi[:, b.place]).take(which) for b in chosen}

    def relax(
        self, prepared: Mapping[int, PreparedActivation], alpha: np.ndarray
    ) -> dict[int, Relaxation]:
        """Return the lines of each prepared value for the parameters `alpha`, `(P, s)`."""
        return {
            b.value: prepared[b.value].relax(alpha[:, b.place])
            for b in self.activations
            if b.value in prepared
        }

    def backward(
        self,
        start: Mapping[int, np.ndarray],
        relaxed: Mapping[int, Relaxation],
        beta: np.ndarray | None,
        cuts: Cuts | None,
    ) -> BackwardPass:
        """Bound `sum of start[v] . v` over the box from below, in plain float64.

        Args:
            start: Rows `(P, n)` per value.
            beta: `(P, s)` signed multipliers, or None.
        """
        waiting = dict(start)
        top = max(start)
        count = len(start[top])
        at = {b.value: b for b in self.activations}
        units = max((at[v].place.stop for v in relaxed), default=0)
        constant, rows = np.zeros(count), np.zeros((count, units))
        slopes, offsets = {}, {}
        beta_rows = self._beta_rows(beta)
        for v in range(top, 0, -1):
            if v not in waiting and v not in beta_rows:
                continue
            check_deadline()
            a = waiting.pop(v) if v in waiting else np.zeros(1)
            charge(work.VALUE * a.size)
            if v in beta_rows:
                a = a - beta_rows[v]
            node = self.graph.nodes[v - 1]
            if v in at:
                rows[:, at[v].place] = a
                lines = relaxed[v]
                low = a > 0
                slope = np.where(low, lines.slope[0], lines.slope[1])
                below = 0.0 if lines.offset[0] is None else lines.offset[0]
                offset = np.where(low, below, lines.offset[1])
                constant += np.einsum("pn,pn->p", a, offset)
                slopes[v], offsets[v] = slope, offset
                parts = (a * slope,)
            else:
                parts, bias = _pull_back(node.op, a)
                constant += a @ bias
            for j, part in zip(node.inputs, parts, strict=True):
                waiting[j] = waiting[j] + part if j in waiting else part
        form = waiting.get(0)
        if form is None:
            form = np.zeros((count, self.box.size))
        if 0 in beta_rows:
            form = form - beta_rows[0]
        if beta is not None and cuts is not None:
            constant += cuts.shift(beta)
        least = form @ self._center - np.abs(form) @ self._reach + constant
        return BackwardPass(least, rows, form, slopes, offsets)

    def _beta_rows(self, beta: np.ndarray | None) -> dict[int, np.ndarray]:
        """Return the multipliers as rows `(P, n)` of each value, summed over its activations."""
        beta_rows: dict[int, np.ndarray] = {}
        if beta is not None:
            for b in self.activations:
                part = beta[:, b.place]
                if b.place.stop > beta.shape[1] or not part.any():
                    continue
                beta_rows[b.source] = beta_rows[b.source] + part if b.source in beta_rows else part
        return beta_rows

    def _join(self, value: int, rows: np.ndarray) -> RowInjection:
        """Return an injection that adds `rows` at a value, with the rounding error of the sum."""
        return RowInjection(rows[:, None], inflate(2.0 * UNIT * self.magnitudes[value]))

    def corner(self, form: np.ndarray) -> np.ndarray:
        """Return, for each linear form, the corner of the box at which it is least."""
        return np.where(form > 0, self.box.lo, self.box.hi)

    def forward(self, result: BackwardPass, x: np.ndarray, top: int) -> tuple[np.ndarray, list]:
        """Evaluate the active lines at `x`.

        Return the pre-activations `(P, s)`, and the list of the values up to `top`.
        """
        values: list[np.ndarray] = [x]
        z = np.zeros(result.rows.shape)
        at = {b.value: b for b in self.activations}
        for v, node in enumerate(self.graph.nodes[:top], 1):
            if v in at:
                source = values[at[v].source]
                if at[v].place.stop <= result.rows.shape[1]:
                    z[:, at[v].place] = source
                if v in result.slopes:
                    values.append(result.slopes[v] * source + result.offsets[v])
                else:
                    values.append(source)
            else:
                values.append(node.op.run(tuple(values[j] for j in node.inputs)))
        return z, values

    def proof(
        self,
        start: Mapping[int, np.ndarray],
        alpha: np.ndarray,
        beta: np.ndarray | None,
        splits: Splits,
    ) -> Proof:
        """Bound rows from below as `backward` does, with every rounding error accounted for."""
        relaxed = self.relax(self.prepare(splits), alpha)
        lines: dict[int, CurveRelaxation | MaxRelaxation | ProductRelaxation] = {
            b.value: self._widen(b, relaxed[b.value])
            for b in self.activations
            if b.value in relaxed
        }
        net = RelaxedGraph(self.graph, lines, self.rounding_terms, self.underflow)
        top = max(start)
        joins = {v: [self._join(v, rows)] for v, rows in start.items() if v != top}
        tilt: dict[int, np.ndarray] = {}
        if beta is not None:
            point = _used_points(beta, splits)
            tilt = {v: part[:, None] for v, part in self._beta_rows(beta * (point == 0)).items()}
            for v, part in self._beta_rows(beta * (point != 0)).items():
                joins.setdefault(v, []).append(self._join(v, -part))
        record: dict[int, np.ndarray] = {}
        form = back_substitute(net, top, start[top][:, None], record, tilt, joins)
        cells = self.cells.take(np.zeros(len(start[top]), np.int64))
        least = cells.least(LinearForm(form.rows, form.constant))[:, 0]
        if beta is not None:
            size = np.abs(beta * point).sum(axis=1)
            pad = 4 * (self.units + 8) * UNIT * size
            least = np.where(size > 0, down(least + Cuts.of(splits).shift(beta) - pad, 2), least)
        rows = np.zeros(alpha.shape)
        for b in self.activations:
            if b.value in record:
                rows[:, b.place] = record[b.value][:, 0]
        return Proof(np.where(np.isnan(least), -np.inf, least), rows, form.rows[:, 0])

    def _widen(self, activation: Activation, relaxed: Relaxation) -> CurveRelaxation:
        """Widen the lines of an activation by their rounding errors."""
        lo, hi = self.lo[activation.place], self.hi[activation.place]
        shape = np.broadcast_shapes(relaxed.slope[0].shape, relaxed.slope[1].shape)
        slope = np.stack([np.broadcast_to(part, shape) for part in relaxed.slope])
        offset = np.stack(
            [
                np.zeros(shape) if part is None else np.broadcast_to(part, shape)
                for part in relaxed.offset
            ]
        )
        reach = np.broadcast_to(np.maximum(np.abs(lo), np.abs(hi)), shape)
        budget = self.budget
        offset = widen_offset(
            budget, budget.reads[activation.source], activation.size, slope, offset, reach
        )
        return CurveRelaxation(slope, offset, None, slope, slope, slope)


def _pull_back(op: Op, rows: np.ndarray) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Return `rows` pulled back through a linear op, and the op's constant vector."""
    assert isinstance(op, Affine | Rearrange)
    if isinstance(op, Affine):
        return op.adjoint(rows), op.bias
    return op.adjoint(rows), np.where(op.index < 0, op.fill, 0.0)


def _used_points(beta: np.ndarray, splits: Splits) -> np.ndarray:
    """Return the split point of each multiplier `(P, s)`; 0 where the multiplier is 0."""
    return np.where(beta > 0, splits.low, np.where(beta < 0, splits.high, 0.0))
