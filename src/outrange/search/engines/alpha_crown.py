"""Lower bounds on objective rows over a chunk of boxes, by a few ascent steps on the free lines.

Each pair (box, objective) has its own lines. One step is a back-substitution, a forward pass of the
chosen lines at the minimizing corner `x*`, and a move of the free lines. If a line with coefficient
`a` turns about `pivot`, the bound changes by `a (z(x*) - pivot)` per unit of slope, where `z` is
the relaxed pre-activation. The bounds of the units themselves are not changed.

Sound: each step's bound is valid, and the best is kept. Cost: each step back-substitutes one row
per pair and runs one forward pass.

Reference: K. Xu et al., *Fast and Complete: Enabling Complete Neural Network Verification with
Rapid and Massively Parallel Incomplete Verifiers* (alpha-CROWN), ICLR 2021.
"""

from dataclasses import dataclass, field

import numpy as np

from ...domains.backward import BoxBatch, LinearForm, RelaxedGraph, back_substitute
from ...domains.crown import CrownPass
from ...domains.relaxations import (
    CurveRelaxation,
    MaxRelaxation,
    ProductRelaxation,
    relax_curve,
    relax_product,
)
from ...ops import Curve, Product, Step
from .relaxed_values import Chosen, Record, relaxed_values


KINK_PACE = 2.0
"""Step in theta, the free parameter of a line, if theta is a slope at a kink; in units of
(z - pivot) / width."""
TANGENT_PACE = 0.7
"""Step in theta, in units of (z - pivot) / width, if theta is a tangent point; a step of 1 would
move it to z."""
PLANE_PACE = 0.5
"""Step in theta of a product's plane, per unit of the point's relative distance to a corner."""
DECAY = 0.8
"""Ratio of the lengths of successive steps."""


Relaxations = dict[int, CurveRelaxation | MaxRelaxation | ProductRelaxation]
"""The relaxation of every nonlinear node, keyed by the index of its value: the lines of curves, the
picked arguments of window maxima, or the planes of products."""


@dataclass(frozen=True, eq=False)
class UsedRelaxation:
    """The lines of a nonlinear value in the best bounds of `P` pairs of a box and an objective.

    Args:
        coefficient: `(P, n)` coefficients of the value's entries in the bounds.
    """

    coefficient: np.ndarray
    line: tuple[np.ndarray, ...]
    """Slope and offset of a curve's line; two slopes, offset and theta of a product's plane."""


@dataclass(eq=False)
class AlphaAscent:
    """Ascent steps that improve a lower bound for each of `P` pairs of a box and an objective.

    Each pair has its own free lines, which the steps move. The best bound of each pair is kept.

    Args:
        rows: Array of shape `(m, outputs)`.
        box: `(P,)` index of the box of each pair.
        which: `(P,)` index of the objective of each pair.
        value: The graph value to which the rows apply; None for the output.
        optimize_smooth: Whether to also optimize the lines of smooth units with a knot in their
            range.
        least: Best bounds, shape `(P,)`.
        form_rows: Coefficients of the best bounds' forms, shape `(P, d)`.
        constant: Constants of the best bounds' forms, shape `(P,)`.
        used: Coefficients and lines of the best bounds, by nonlinear value.
    """

    sweep: CrownPass
    net: RelaxedGraph
    rows: np.ndarray
    box: np.ndarray
    which: np.ndarray
    value: int | None = None
    optimize_smooth: bool = False
    least: np.ndarray = field(init=False)
    form_rows: np.ndarray = field(init=False)
    constant: np.ndarray = field(init=False)
    used: dict[int, UsedRelaxation] = field(default_factory=dict)

    def __post_init__(self) -> None:
        pairs = self.box.size
        self.least = np.full(pairs, -np.inf)
        self.form_rows = np.zeros((pairs, self.sweep.plan.graph.size))
        self.constant = np.full(pairs, -np.inf)

    def run(self, target: np.ndarray, steps: int) -> None:
        """Bound all pairs, then improve those below their `target` `(P,)` in up to `steps` steps.

        Raises:
            OutOfTime: Time ran out in this call or in the earlier pass `sweep`. If it ran out in
                `sweep`, some lines are missing.
            MemoryError: Memory ran out in the earlier pass.
        """
        if self.sweep.late is not None:
            raise self.sweep.late
        graph = self.sweep.plan.graph
        value = graph.output if self.value is None else self.value
        active = np.arange(self.box.size)
        lines = {v: line.take(self.box) for v, line in self.net.lines.items()}
        for step in range(steps + 1):
            net = RelaxedGraph(graph, lines, self.net.rounding_terms, self.net.underflow)
            cells = self.sweep.cells.take(self.box[active])
            record: Record = {}
            start = self.rows[self.which[active]][:, None]
            form = back_substitute(net, value, start, record)
            record = {v: rows[:, 0] for v, rows in record.items()}
            least, form, corner = self._concretize(cells, form, record, active)
            chosen = _active_lines(lines, record)
            self._keep(active, least, form, record, chosen)
            if step == steps:
                return
            free = self._free(lines, record, active)
            going = (self.least[active] < target[active]) & _has_free_line(free, active.size)
            if not going.any():
                return
            points = relaxed_values(net, self._lines_at(chosen), record, corner, value)
            if going.mean() < 0.7:
                active, still_going = active[going], np.flatnonzero(going)
                lines = {v: line.take(still_going) for v, line in lines.items()}
                record = {v: rows[still_going] for v, rows in record.items()}
                free = {v: mask[still_going] for v, mask in free.items()}
                points = [p[still_going] for p in points]
            self._move(lines, record, free, points, active, step)

    def blame_of_products(self) -> np.ndarray | None:
        """Return the slack of products by pair and input; None if planes bound the products."""
        return None

    def _concretize(
        self, cells: BoxBatch, form: LinearForm, record: Record, active: np.ndarray
    ) -> tuple[np.ndarray, LinearForm, np.ndarray]:
        """Return the least value `(P,)` of each row, its form, and the minimizing points."""
        corner = np.where(form.rows[:, 0] > 0, cells.lo, cells.hi)
        return cells.least(form)[:, 0], form, corner

    def _lines_at(self, chosen: Chosen) -> Chosen:
        """Return the active lines that the forward pass at the minimizing points uses."""
        return chosen

    def _keep(
        self,
        active: np.ndarray,
        least: np.ndarray,
        form: LinearForm,
        record: Record,
        chosen: Chosen,
    ) -> None:
        """Keep the bounds that are better than the best bounds so far."""
        better = least > self.least[active]
        whom = active[better]
        if not whom.size:
            return
        self.least[whom] = least[better]
        self.form_rows[whom] = form.rows[better, 0]
        self.constant[whom] = form.constant[better, 0]
        for v, rows in record.items():
            line = chosen.get(v, ())
            if v not in self.used:
                shape = (self.box.size, rows.shape[1])
                self.used[v] = UsedRelaxation(np.zeros(shape), tuple(np.zeros(shape) for _ in line))
            used = self.used[v]
            used.coefficient[whom] = rows[better]
            for stored, part in zip(used.line, line, strict=True):
                stored[whom] = part[better]

    def _free(
        self, lines: Relaxations, record: Record, active: np.ndarray
    ) -> dict[int, np.ndarray]:
        """Return, per curve or product, a mask of the active lines that the steps move.

        These lines contribute to the bound, and moving them changes their slope.
        Unless `optimize_smooth` is set, a smooth unit with a knot in its range keeps its line.
        Moving this line costs ten times as much as moving a tangent, and near an inflection point
        little is gained.
        """
        out = {}
        for v, source, op in self.sweep.plan.curves:
            if v not in record:
                continue
            line = lines[v]
            assert isinstance(line, CurveRelaxation)
            gain = np.where(record[v] > 0, line.gain[0], line.gain[1])
            out[v] = (gain != 0.0) & (record[v] != 0.0)
            is_free = self.optimize_smooth or op.is_piecewise_linear or isinstance(op, Step)
            if not is_free and op.knots:
                lo, hi = self.sweep.ends[source]
                low, high = (np.searchsorted(op.knots, end) for end in (lo, hi))
                out[v] &= (low == high)[self.box[active]]
        for v, sources, op in self.sweep.plan.products:
            if v in record:
                (lu, hu), (lv, hv) = self.sweep.factors(op, sources)
                out[v] = ((lu < hu) & (lv < hv))[self.box[active]] & (record[v] != 0.0)
        return out

    def _move(
        self,
        lines: Relaxations,
        record: Record,
        free: dict[int, np.ndarray],
        points: list[np.ndarray],
        active: np.ndarray,
        step: int,
    ) -> None:
        """Take one gradient ascent step on the free lines, in place."""
        graph, budget = self.sweep.plan.graph, self.sweep.plan.budget
        paying = budget if self.sweep.radii else None
        for v, mask in free.items():
            (pair, unit) = np.nonzero(mask)
            if not pair.size:
                continue
            node, line = graph.nodes[v - 1], lines[v]
            if isinstance(line, ProductRelaxation):
                sources = [points[j] for j in node.inputs]
                self._move_planes(v, line, record[v] > 0, sources, active, DECAY**step)
                continue
            op, source = node.op, node.inputs[0]
            assert isinstance(op, Curve) and isinstance(line, CurveRelaxation)
            lo, hi = (end[self.box[active[pair]], unit] for end in self.sweep.ends[source])
            side = np.where(record[v][pair, unit] > 0, 0, 1)
            pace = (KINK_PACE if op.is_piecewise_linear else TANGENT_PACE) * DECAY**step
            turn = np.sign(line.gain[side, pair, unit]) * np.where(side == 0, pace, -pace)
            distance = points[source][pair, unit] - line.pivot[side, pair, unit]
            with np.errstate(all="ignore"):
                move = turn * distance / (hi - lo)
            theta = np.clip(line.theta[side, pair, unit] + np.nan_to_num(move), 0.0, 1.0)
            new = relax_curve(op, lo, hi, theta, paying, budget.reads[source], node.size)
            at = (side, np.arange(pair.size))
            line.slope[side, pair, unit] = new.slope[at]
            line.offset[side, pair, unit] = new.offset[at]
            line.theta[side, pair, unit] = theta
            line.pivot[side, pair, unit] = new.pivot[at]
            if new.unbounded is not None:
                if line.unbounded is None:
                    line.unbounded = np.zeros_like(line.slope)
                line.unbounded[side, pair, unit] = new.unbounded[at]

    def _move_planes(
        self,
        value: int,
        planes: ProductRelaxation,
        rising: np.ndarray,
        sources: list[np.ndarray],
        active: np.ndarray,
        pace: float,
    ) -> None:
        """Tilt every active plane, in place, toward the corner nearest to its minimizing point.

        The corner and the point refer to the two factors of a product.
        """
        plan = self.sweep.plan
        node = plan.graph.nodes[value - 1]
        op = node.op
        assert isinstance(op, Product)
        ends = self.sweep.factors(op, node.inputs)
        u, v = ((lo[self.box[active]], hi[self.box[active]]) for lo, hi in ends)
        with np.errstate(all="ignore"):
            across = (sources[0][:, op.left] - u[0]) / (u[1] - u[0])
            along = (sources[1][:, op.right] - v[0]) / (v[1] - v[0])
            turn = np.where(rising, across + along - 1.0, across - along)
        move = PLANE_PACE * pace * np.nan_to_num(np.clip(turn, -1.0, 1.0))
        theta = planes.theta + np.where(np.stack([rising, ~rising]), move, 0.0)
        paying = plan.budget if self.sweep.radii else None
        reads = (plan.budget.reads[node.inputs[0]], plan.budget.reads[node.inputs[1]])
        new = relax_product(op, u, v, theta, paying, reads)
        for name in ("left", "right", "offset", "unbounded", "theta"):
            setattr(planes, name, getattr(new, name))


def _active_lines(lines: Relaxations, record: Record) -> Chosen:
    """Return each unit's active line as slope and offset; for a product, its active plane.

    Window maxima are omitted.
    """
    out = {}
    for v, rows in record.items():
        line = lines[v]
        if isinstance(line, MaxRelaxation):
            continue
        if isinstance(line, ProductRelaxation):
            parts = (line.left, line.right, line.offset, line.theta)
        else:
            parts = (line.slope, line.offset)
        out[v] = tuple(np.where(rows > 0, part[0], part[1]) for part in parts)
    return out


def _has_free_line(free: dict[int, np.ndarray], pairs: int) -> np.ndarray:
    """Return a mask of the pairs of a box and an objective that have at least one free line."""
    out = np.zeros(pairs, bool)
    for mask in free.values():
        out |= mask.any(axis=1)
    return out
