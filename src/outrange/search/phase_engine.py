"""Bounds of sub-problems that fix the phases of units: slopes and split multipliers in ascent.

A sub-problem says of some units on which side of their kink they are. The bounds of all units are
those of the root, cut to that side; a split adds its constraint with a multiplier `beta >= 0` to
the row that passes the unit. Slopes `alpha` and multipliers move together up the bound.

Sound: any slopes and multipliers give a bound, every rounding paid. Cost: a step is one
back-substitution and one forward pass of one row a sub-problem, many sub-problems at once.

Reference: S. Wang et al., *Beta-CROWN: Efficient Bound Propagation with Per-neuron Split
Constraints for Neural Network Robustness Verification*, NeurIPS 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core import Box, down
from ..domains.backward import Cells, Relaxed, back_substitute
from ..domains.linear import Plan, Sweep
from ..domains.lines import Lines
from ..domains.noise import outward
from ..graph import Graph
from ..ops import Affine, Curve, Rearrange


@dataclass(frozen=True, eq=False)
class Kinked:
    """A value of two straight pieces that meet at the origin, convex.

    Args:
        value: Its number in the graph.
        source: The number of its input.
        place: Its units among all.
        below: Slope of the first piece.
        above: Slope of the second, not less.
    """

    value: int
    source: int
    place: slice
    below: float
    above: float


@dataclass(eq=False)
class Problems:
    """Sub-problems, one a row.

    Args:
        which: `(P,)` the objective of each.
        phases: `(P, s)` int8: -1 below the kink, 1 above, 0 not fixed.
        alpha: `(P, s)` slopes of the lower lines, as shares of the way from `below` to `above`.
        beta: `(P, s)` multipliers of the splits, at least 0.
        least: `(P,)` proved lower bounds.
    """

    which: np.ndarray
    phases: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    least: np.ndarray

    def take(self, index) -> Problems:
        """Some of them, as copies."""
        return Problems(
            self.which[index], self.phases[index], self.alpha[index], self.beta[index],
            self.least[index],
        )


def kinked(graph: Graph) -> list[Kinked] | None:
    """All bent values; None if one is not of this kind."""
    found, start = [], 0
    for v, node in enumerate(graph.nodes, 1):
        op = node.op
        if isinstance(op, Affine | Rearrange):
            continue
        if not isinstance(op, Curve):
            return None
        if len(op.bends) == 1 and op.bends[0] == "line":
            return None
        at_zero = tuple(op.knots) == (0.0,) and not op.jumps and op.ulps == 0
        if not (at_zero and op.is_piecewise_linear and float(op.f(np.zeros(1))[0]) == 0.0):
            return None
        below, above = (float(op.df(np.array([x]))[0]) for x in (-1.0, 1.0))
        if below > above:
            return None
        found.append(Kinked(v, node.inputs[0], slice(start, start + node.size), below, above))
        start += node.size
    return found


class PhaseEngine:
    """Bounds `output` (all of it, one objective an entry) over one box, under split phases.

    Args:
        graph: All its bent values are `kinked`.
        box: The root.
        ends: Bounds of every value on the box; computed if not given.
    """

    def __init__(self, graph: Graph, box: Box):
        self.graph, self.box = graph, box
        self.bent = kinked(graph) or []
        self.plan = Plan.of(graph)
        self.cells = Cells.of(box.lo[None], box.hi[None])
        self.sweep = Sweep(self.plan, self.cells)
        self.net = self.sweep.run()
        self.units = sum(k.place.stop - k.place.start for k in self.bent)
        self.objectives = graph.value_size(graph.output)
        self.lo, self.hi = np.zeros(self.units), np.zeros(self.units)
        for k in self.bent:
            lo, hi = self.sweep.ends[k.source]
            self.lo[k.place], self.hi[k.place] = lo[0], hi[0]
        self.phases = np.where(self.lo >= 0, 1, np.where(self.hi <= 0, -1, 0)).astype(np.int8)

    def root(self) -> Problems:
        """One problem an objective, nothing fixed but what is certain."""
        m, s = self.objectives, self.units
        alpha = np.tile((self.hi > -self.lo).astype(np.float64), (m, 1))
        return Problems(
            np.arange(m), np.tile(self.phases, (m, 1)), alpha, np.zeros((m, s)),
            np.full(m, -np.inf),
        )

    def bound(self, problems: Problems, steps: int, cutoff: np.ndarray):
        """Improve the bounds in place.

        Args:
            problems: Their slopes, multipliers and bounds move.
            steps: Of ascent, beyond the bound as they stand.
            cutoff: `(P,)`: bounds at or above need no more work.

        Returns:
            `(corners (P, d), blame (P, s))`: points where the bounds are attained, and what each
            unit that is not fixed costs the bound.
        """
        count = problems.which.size
        corners = np.zeros((count, self.box.size))
        blame = np.zeros((count, self.units))
        active = np.arange(count)
        now = problems.take(active)
        moments = _Moments(count, self.units)
        for step in range(steps + 1):
            lines, tilt = self._lines(now), self._tilt(now)
            net = Relaxed(self.graph, lines, self.net.payments, self.net.drain)
            record: dict[int, np.ndarray] = {}
            start = np.zeros((active.size, 1, self.objectives))
            start[np.arange(active.size), 0, now.which] = 1.0
            form = back_substitute(net, self.graph.output, start, record, tilt)
            cells = self.cells.take(np.zeros(active.size, np.int64))
            least = down(cells.least(form)[:, 0])
            least = np.where(np.isnan(least), -np.inf, least)
            rows = self._gathered(record, active.size)
            better = least > problems.least[active]
            whom = active[better]
            problems.least[whom] = least[better]
            problems.alpha[whom], problems.beta[whom] = now.alpha[better], now.beta[better]
            corner = np.where(form.rows[:, 0] > 0, self.box.lo, self.box.hi)
            fresh = better | (step == 0)
            corners[active[fresh]] = corner[fresh]
            blame[active[fresh]] = self._blame(now, rows)[fresh]
            if step == steps:
                break
            going = problems.least[active] < cutoff[active]
            if not going.any():
                break
            z = self._forward(lines, rows, corner)
            self._move(now, rows, z, moments, step)
            if not going.all():
                active = active[going]
                now = now.take(going)
                moments.keep(going)
        return corners, blame

    def _ends(self, now: Problems):
        lo = np.where(now.phases > 0, np.maximum(self.lo, 0.0), self.lo)
        hi = np.where(now.phases < 0, np.minimum(self.hi, 0.0), self.hi)
        return lo, hi

    def _lines(self, now: Problems) -> dict[int, Lines]:
        """The lower line through the origin of slope alpha, and the chord above."""
        lines = {}
        budget = self.plan.budget
        for k in self.bent:
            lo, hi = self.lo[k.place], self.hi[k.place]
            phases, size = now.phases[:, k.place], k.place.stop - k.place.start
            span = np.where(hi > lo, hi - lo, 1.0)
            chord = np.clip((k.above * hi - k.below * lo) / span, k.below, k.above)
            # The chord's slope is a float like any other; its height is what it must be for it.
            ends = np.maximum((k.above - chord) * hi, (k.below - chord) * lo)
            sizes = (np.abs(k.above) + np.abs(chord)) * np.abs(hi)
            sizes += (np.abs(k.below) + np.abs(chord)) * np.abs(lo)
            height = np.maximum(ends, 0.0) + 1e-15 * sizes + 1e-300
            free = k.below + now.alpha[:, k.place] * (k.above - k.below)
            fixed = np.where(phases > 0, k.above, k.below)
            settled = phases != 0
            slope = np.stack([np.where(settled, fixed, np.clip(free, k.below, k.above)),
                              np.where(settled, fixed, chord)])
            offset = np.stack([np.zeros_like(free), np.where(settled, 0.0, height)])
            reach = np.broadcast_to(np.maximum(np.abs(lo), np.abs(hi)), free.shape)
            reads = budget.reads[k.source]
            offset = outward(budget, reads, size, slope, offset, reach)
            lines[k.value] = Lines(slope, offset, None, slope, slope, slope)
        return lines

    def _tilt(self, now: Problems) -> dict[int, np.ndarray] | None:
        """Multipliers with the sign of what is known: `z >= 0` lowers by `beta z`."""
        split = now.phases * now.beta
        if not split.any():
            return None
        tilt: dict[int, np.ndarray] = {}
        for k in self.bent:
            part = split[:, None, k.place]
            tilt[k.source] = tilt[k.source] + part if k.source in tilt else part
        return tilt

    def _gathered(self, record, count: int) -> np.ndarray:
        rows = np.zeros((count, self.units))
        for k in self.bent:
            if k.value in record:
                rows[:, k.place] = record[k.value][:, 0]
        return rows

    def _blame(self, now: Problems, rows: np.ndarray) -> np.ndarray:
        """`|a|` times the largest distance between unit and line in use."""
        out = np.zeros(rows.shape)
        for k in self.bent:
            lo, hi = self.lo[k.place], self.hi[k.place]
            a = rows[:, k.place]
            width = np.where(hi > lo, hi - lo, 1.0)
            above = (k.above - k.below) * np.maximum(hi, 0) * np.maximum(-lo, 0) / width
            share = now.alpha[:, k.place]
            below = (k.above - k.below) * np.maximum((1 - share) * hi, -share * lo)
            out[:, k.place] = np.abs(a) * np.where(a < 0, above, below)
        return np.where(now.phases == 0, out, 0.0)

    def _forward(self, lines, rows, x) -> np.ndarray:
        """Pre-activations of the relaxed graph at the corners, `(P, s)`."""
        values, z = [x], np.zeros(rows.shape)
        at = {k.value: k for k in self.bent}
        for v, node in enumerate(self.graph.nodes, 1):
            if v in at:
                k = at[v]
                source, line = values[k.source], lines[v]
                z[:, k.place] = source
                low = rows[:, k.place] > 0
                slope = np.where(low, line.slope[0], line.slope[1])
                values.append(slope * source + np.where(low, line.offset[0], line.offset[1]))
            else:
                values.append(node.op.run(tuple(values[j] for j in node.inputs)))
        return z

    def _move(self, now: Problems, rows, z, moments: _Moments, step: int) -> None:
        """One Adam step on slopes and multipliers."""
        free = (now.phases == 0) & (rows > 0)
        split = (now.phases != 0) & (self.phases == 0)
        gradient = np.where(free, rows * z, np.where(split, -now.phases * z, 0.0))
        move = moments.step(gradient)
        pace = 0.97**step
        now.alpha = np.clip(np.where(free, now.alpha + ALPHA_PACE * pace * move, now.alpha), 0, 1)
        size = np.abs(rows).sum(axis=1) / np.maximum((rows != 0).sum(axis=1), 1)
        beta = now.beta + BETA_PACE * pace * size[:, None] * move
        now.beta = np.where(split, np.maximum(beta, 0.0), 0.0)


ALPHA_PACE = 0.1
BETA_PACE = 0.3


class _Moments:
    """Adam's running means."""

    def __init__(self, count: int, units: int):
        self.first, self.second = np.zeros((count, units)), np.zeros((count, units))
        self.steps = 0

    def step(self, gradient: np.ndarray) -> np.ndarray:
        self.steps += 1
        self.first = 0.9 * self.first + 0.1 * gradient
        self.second = 0.99 * self.second + 0.01 * gradient**2
        mean = self.first / (1 - 0.9**self.steps)
        spread = np.sqrt(self.second / (1 - 0.99**self.steps))
        return mean / (spread + 1e-12)

    def keep(self, going) -> None:
        self.first, self.second = self.first[going], self.second[going]
