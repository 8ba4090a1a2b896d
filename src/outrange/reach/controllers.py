"""A network on Taylor models: `u = T x + c + r s`, with one slope for both sides.

Linear bounds by back-substitution give `T_l x + c_l <= u <= T_u x + c_u` over the states at hand,
where a row is bounded by the form of the states and not by its hull: intermediate bounds know how
states hang together. For any slope `T` the rows `T_l - T` and `T_u - T` leave a band, and for every
`T` between the two it is equally wide, so the middle is taken. Several relaxations compete (the
best line of each unit, and lines that are parallel below and above); of each control the one with
the narrower band is kept. The middle of the band joins the constant, its half width is the
coefficient of a new symbol.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from ..core import InputError, down, gamma, up
from ..domains.backward import BoxBatch, LinearForm, RelaxedGraph, back_substitute, dots
from ..domains.crown import CrownPass, CrownPlan
from ..domains.relaxations import CurveRelaxation
from ..domains.rounding import widen_offset
from ..graph import Graph
from ..ops import Curve, Step
from ..ops.relaxation.relax import least_offset, most_offset
from .polynomials.models import Models, paid


@dataclass(frozen=True, eq=False)
class FormBatch(BoxBatch):
    """Sets `center + generators [-1, 1]^g + [-reach, reach]` in the place of boxes.

    Args:
        generators: `(B, n, g)`.
    """

    generators: np.ndarray

    @staticmethod
    def over(models: Models) -> FormBatch:
        """The values of models at an instant.

        A square of a variable is a half more and less a half: its own range is [0, 1].
        """
        assert models.rest is not None
        frame = models.frame
        coef, even = models.coef, frame.even
        center = coef[..., 0] + 0.5 * coef[..., even].sum(axis=-1)
        generators = np.concatenate(
            [coef[..., 1:] * np.where(even[1:], 0.5, 1.0), models.sym[:, :, 0]], axis=-1
        )
        spread = np.abs(generators).sum(axis=-1)
        # The sums here, and those of `least`: one of `n` products with the center, one of `g`.
        g = gamma(coef.shape[1] + coef.shape[2] + generators.shape[-1] + 16)
        size = np.abs(coef).sum(axis=-1) + spread + models.rest
        reach = paid(models.rest + g * size)
        lo, hi = down(center - paid(spread + reach)), up(center + paid(spread + reach))
        return FormBatch(lo, hi, center, reach, generators)

    def take(self, index: np.ndarray) -> FormBatch:
        """Some of the sets, repeats allowed."""
        return FormBatch(
            self.lo[index], self.hi[index], self.center[index], self.reach[index],
            self.generators[index],
        )  # fmt: skip

    def least(self, form: LinearForm) -> np.ndarray:
        """A lower bound of each form over each set, `(B, R)`; `-inf` where there is none."""
        a = form.rows
        with np.errstate(invalid="ignore", over="ignore"):
            spread = np.abs(np.matmul(a, self.generators)).sum(axis=-1)
            low = down(dots(a, self.center) - spread - dots(np.abs(a), self.reach))
            low = down(low + form.constant)
        return np.where(low < np.inf, low, -np.inf)


@dataclass(frozen=True, eq=False)
class Band:
    """`T x + c - r <= u <= T x + c + r` on every state of a set.

    Args:
        slope: `T`, `(B, m, n)`.
        middle: `c`, `(B, m)`.
        radius: `r`, `(B, m)`.
    """

    slope: np.ndarray
    middle: np.ndarray
    radius: np.ndarray

    def better(self, other: Band) -> Band:
        """Of each control the narrower band."""
        first = self.radius <= other.radius
        return Band(
            np.where(first[..., None], self.slope, other.slope),
            np.where(first, self.middle, other.middle),
            np.where(first, self.radius, other.radius),
        )


class Controller:
    """A network that is asked at the beginning of every period.

    Args:
        graph: Inputs named `t` (one number) and anything else, which is the state.
        states: How many states there are.

    Raises:
        InputError: The graph takes another number of states.
    """

    def __init__(self, graph: Graph, states: int) -> None:
        self.graph, self.states = graph, states
        self.plan = CrownPlan.of(graph)
        takes = sum(slot.size for slot in graph.inputs if slot.name != "t")
        if takes != states:
            raise InputError(
                f"The controller takes {takes} numbers, and the plant has {states} states; let "
                "`observe` make the first of the second."
            )

    @property
    def controls(self) -> int:
        """How many controls there are."""
        return self.graph.value_size(self.graph.output)

    def given(self, states: Models, time: Fraction) -> Models:
        """What the graph takes: the states, and the time where it asks for it."""
        assert states.rest is not None
        if not any(slot.name == "t" for slot in self.graph.inputs):
            return states
        parts, at = [], 0
        clock = replace(
            states,
            coef=np.zeros_like(states.coef[:, :1]), sym=np.zeros_like(states.sym[:, :1]),
            rest=np.full((states.count, 1), abs(float(time)) * 2.0**-52),
        )  # fmt: skip
        clock.coef[..., 0] = float(time)
        for slot in self.graph.inputs:
            if slot.name == "t":
                parts.append(clock)
            else:
                parts.append(states.pick(np.arange(at, at + slot.size)))
                at += slot.size
        rests = [part.rest for part in parts]
        return Models(
            states.frame,
            np.concatenate([part.coef for part in parts], axis=1),
            np.concatenate([part.sym for part in parts], axis=1),
            np.concatenate(rests, axis=1),  # type: ignore[arg-type]
        )

    def band(self, given: Models) -> Band:
        """One slope and a band over the states."""
        sets = FormBatch.over(given)
        sweep = CrownPass(self.plan, sets)
        net = sweep.run()
        value = self.graph.output
        found = _band(sets, net, value, self.controls)
        return found.better(_band(sets, self._parallel(sweep, net), value, self.controls))

    def _parallel(self, sweep: CrownPass, net: RelaxedGraph) -> RelaxedGraph:
        """The lines of every curve with one slope, the mean of both."""
        lines = dict(net.lines)
        for value, source, op in self.plan.curves:
            own = net.lines[value]
            assert isinstance(own, CurveRelaxation)
            lines[value] = _one_slope(op, own, *sweep.ends[source], self.plan, source)
        return RelaxedGraph(net.graph, lines, net.rounding_terms, net.underflow)

    def control(self, states: Models, time: Fraction) -> tuple[Models, np.ndarray]:
        """The controls as models with a new symbol each, and their slopes on the states.

        Where the controller has no bounds, the remainder is infinite.
        """
        given = self.given(states, time)
        band = self.band(given)
        rest, count = given.rest, self.controls
        assert rest is not None
        coef = np.matmul(band.slope, given.coef)
        coef[..., 0] += band.middle
        sym = np.matmul(band.slope, given.sym[:, :, 0])
        size = np.abs(band.slope)
        g = gamma(given.entries + 2)
        wide = np.matmul(size, (given.norm + given.sym_norm)[..., None])[..., 0]
        off = np.matmul(size, rest[..., None])[..., 0]
        off = paid(band.radius + off + g * (wide + np.abs(coef[..., 0]) + np.abs(band.middle)))
        fresh = off[:, :, None] * np.eye(count)
        bad = ~np.isfinite(off)
        fresh = np.where(bad[..., None], 0.0, fresh)
        sym = np.concatenate([sym, fresh], axis=-1)[:, :, None]
        own = [i for i, slot in enumerate(self._slots()) if slot != "t"]
        return Models(given.frame, coef, sym, np.where(bad, np.inf, 0.0)), band.slope[..., own]

    def _slots(self) -> list[str]:
        """Of each number that the graph takes, the name of its input."""
        return [slot.name for slot in self.graph.inputs for _ in range(slot.size)]


def _one_slope(
    op: Curve, own: CurveRelaxation, lo: np.ndarray, hi: np.ndarray, plan: CrownPlan, source: int
) -> CurveRelaxation:
    """Parallel lines below and above a curve; where that fails, the lines there are."""
    if isinstance(op, Step):
        return own
    with np.errstate(all="ignore"):
        if op.is_piecewise_linear or not op.bends:
            slope = own.slope[1]
        else:
            slope = np.minimum(np.abs(op.df(lo)), np.abs(op.df(hi)))
            slope = np.where(np.sign(own.slope[0] + own.slope[1]) < 0, -slope, slope)
        slope = np.where(np.isfinite(slope), slope, 0.0)
        offset = np.stack([least_offset(op, slope, lo, hi), most_offset(op, slope, lo, hi)])
        both = np.stack([slope, slope])
        counts = plan.budget
        size = lo.shape[1]
        offset = widen_offset(
            counts, counts.reads[source], size, both, offset, np.maximum(-lo, hi)
        )
    fine = np.isfinite(offset).all(axis=0)
    return CurveRelaxation(
        np.where(fine, both, own.slope), np.where(fine, offset, own.offset), own.unbounded,
        own.theta, own.pivot, own.gain,
    )  # fmt: skip


def _band(sets: FormBatch, net: RelaxedGraph, value: int, count: int) -> Band:
    """The middle slope of the bounds below and above, and what is left."""
    form = back_substitute(net, value, np.concatenate([np.eye(count), -np.eye(count)]))
    boxes = len(sets.center)
    rows = np.broadcast_to(form.rows, (boxes, *form.rows.shape[-2:]))
    constant = np.broadcast_to(form.constant, (boxes, form.constant.shape[-1]))
    with np.errstate(invalid="ignore", over="ignore"):
        slope = 0.5 * rows[:, :count] - 0.5 * rows[:, count:]
        slope = np.where(np.isfinite(slope), slope, 0.0)
        below, above = rows[:, :count] - slope, rows[:, count:] + slope
        # Each difference is rounded once: that is less than `u` of what it is.
        size = np.abs(sets.center) + sets.reach + np.abs(sets.generators).sum(axis=-1)
        off = gamma(2) * dots(np.abs(np.concatenate([below, above], axis=1)), size)
        ends = sets.least(LinearForm(np.concatenate([below, above], axis=1), constant))
        ends = down(ends - paid(off))
    low, high = ends[:, :count], -ends[:, count:]
    fine = np.isfinite(low) & np.isfinite(high)
    middle = np.where(fine, 0.5 * low + 0.5 * high, 0.0)
    with np.errstate(invalid="ignore"):
        radius = up(np.maximum(high - middle, middle - low))
    return Band(slope, middle, np.where(fine, radius, np.inf))

