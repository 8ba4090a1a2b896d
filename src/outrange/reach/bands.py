"""`T x + c - r <= u <= T x + c + r`: a network between two parallel planes.

Linear bounds `T_l x + c_l <= u <= T_u x + c_u` leave, for any slope `T`, the rows `T_l - T` and
`T_u - T`, whose least and largest values over the states are the band. A slope needs no proof, so
it is fitted to values of the network (Lawson's iteration, which tends to the slope of the narrowest
band there is); the band is then bounded on parts of the set, cut where lower and upper bounds
differ most, and the parts share the slope. A part costs a sweep of the network, not of the plant.

Reference: C. Lawson, *Contributions to the theory of linear least maximum approximations*, 1961.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core import down, gamma, up
from ..domains.backward import LinearForm, RelaxedGraph, back_substitute, dots
from ..domains.crown import CrownPass, CrownPlan
from ..domains.relaxations import CurveRelaxation
from ..domains.rounding import widen_offset
from ..ops import Curve, Step
from ..ops.relaxation.relax import least_offset, most_offset
from .polynomials.models import paid
from .sets import FormBatch


POINTS = 96
"""Values of the network that a slope is fitted to."""

ROUNDS = 12
"""Of Lawson's iteration."""


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

    @staticmethod
    def between(slope: np.ndarray, low: np.ndarray, high: np.ndarray) -> Band:
        """From the ends of `u - T x`."""
        fine = np.isfinite(low) & np.isfinite(high)
        with np.errstate(invalid="ignore"):
            middle = np.where(fine, 0.5 * low + 0.5 * high, 0.0)
            radius = up(np.maximum(high - middle, middle - low))
        return Band(slope, middle, np.where(fine, radius, np.inf))


@dataclass(frozen=True, eq=False)
class Bounded:
    """Linear bounds of the outputs over sets, from two relaxations each.

    Args:
        sets: The sets.
        forms: Lower bounds of `u` and of `-u`, `(B, 2 m, n)` and `(B, 2 m)` each.
        count: `m`.
    """

    sets: FormBatch
    forms: tuple[LinearForm, ...]
    count: int

    @staticmethod
    def of(plan: CrownPlan, sets: FormBatch, count: int) -> Bounded:
        """Bound a network over sets, in chunks that fit the cache."""
        parts = []
        for start in range(0, sets.count, plan.boxes):
            some = sets.take(np.arange(start, min(start + plan.boxes, sets.count)))
            parts.append(_forms(plan, some, count))
        joined = (
            LinearForm(
                np.concatenate([form.rows for form in forms]),
                np.concatenate([form.constant for form in forms]),
            )
            for forms in zip(*parts, strict=True)
        )
        return Bounded(sets, tuple(joined), count)

    def residual(self, slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Least and largest values of `u - T x` over each set, `(B, m)` each."""
        both = np.concatenate([slope, -slope], axis=1)
        size = np.abs(self.sets.center) + self.sets.reach
        size = size + np.abs(self.sets.generators).sum(axis=-1)
        least = np.full(both.shape[:2], -np.inf)
        with np.errstate(invalid="ignore", over="ignore"):
            for form in self.forms:
                rows = form.rows - both
                # Each difference is rounded once.
                found = self.sets.least(LinearForm(rows, form.constant))
                found = down(found - paid(gamma(2) * dots(np.abs(rows), size)))
                least = np.fmax(least, found)
        return least[:, : self.count], -least[:, self.count :]

    def slopes(self) -> list[np.ndarray]:
        """The middle of the slopes below and above, of each relaxation."""
        m, found = self.count, []
        for form in self.forms:
            with np.errstate(invalid="ignore"):
                slope = 0.5 * form.rows[:, :m] - 0.5 * form.rows[:, m:]
            found.append(np.where(np.isfinite(slope), slope, 0.0))
        return found

    def gaps(self) -> np.ndarray:
        """`(B, g)` by how much the bounds below and above differ along each generator."""
        m, form = self.count, self.forms[0]
        apart = np.matmul(form.rows[:, :m] + form.rows[:, m:], self.sets.generators)
        return np.nan_to_num(np.abs(apart)).sum(axis=1)


def _forms(plan: CrownPlan, sets: FormBatch, count: int) -> tuple[LinearForm, LinearForm]:
    sweep = CrownPass(plan, sets)
    net = sweep.run()
    found = []
    for relaxed in (net, _parallel(plan, sweep, net)):
        rows = np.concatenate([np.eye(count), -np.eye(count)])
        form = back_substitute(relaxed, plan.graph.output, rows)
        shape = (sets.count, *form.rows.shape[-2:])
        found.append(
            LinearForm(
                np.broadcast_to(form.rows, shape), np.broadcast_to(form.constant, shape[:2])
            )
        )
    return found[0], found[1]


def _parallel(plan: CrownPlan, sweep: CrownPass, net: RelaxedGraph) -> RelaxedGraph:
    """The same network with lines of one slope below and above every curve."""
    lines = dict(net.lines)
    for value, source, op in plan.curves:
        own = net.lines.get(value)
        if isinstance(own, CurveRelaxation) and not isinstance(op, Step):
            lines[value] = _one_slope(op, own, *sweep.ends[source], plan, source)
    return RelaxedGraph(net.graph, lines, net.rounding_terms, net.underflow)


def _one_slope(
    op: Curve, own: CurveRelaxation, lo: np.ndarray, hi: np.ndarray, plan: CrownPlan, source: int
) -> CurveRelaxation:
    """The slope of the chord for kinks, the lesser one of the ends for smooth curves."""
    with np.errstate(all="ignore"):
        if op.is_piecewise_linear:
            slope = own.slope[1]
        else:
            slope = np.minimum(np.abs(op.df(lo)), np.abs(op.df(hi)))
            slope = np.where(own.slope[0] + own.slope[1] < 0, -slope, slope)
        slope = np.where(np.isfinite(slope), slope, 0.0)
        offset = np.stack([least_offset(op, slope, lo, hi), most_offset(op, slope, lo, hi)])
        both, reads = np.stack([slope, slope]), plan.budget.reads[source]
        size = np.maximum(-lo, hi)
        offset = widen_offset(plan.budget, reads, lo.shape[1], both, offset, size)
    fine = np.isfinite(offset).all(axis=0)
    return CurveRelaxation(
        np.where(fine, both, own.slope), np.where(fine, offset, own.offset), own.unbounded,
        own.theta, own.pivot, own.gain,
    )  # fmt: skip


def fitted(points: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Slopes `(B, m, n)` near those of the narrowest bands around `values` at `points`.

    Args:
        points: `(B, N, n)`.
        values: `(B, N, m)`.
    """
    away = points - points.mean(axis=1, keepdims=True)
    size = np.abs(away).max(axis=1, keepdims=True)
    size = np.where(size > 0, size, 1.0)
    base = np.concatenate([away / size, np.ones((*away.shape[:2], 1))], axis=-1)
    n = base.shape[-1]
    slopes = []
    for j in range(values.shape[-1]):
        target = values[..., j]
        weight = np.full(target.shape, 1.0 / target.shape[1])
        best, least = np.zeros((len(base), n)), np.full(len(base), np.inf)
        for _ in range(ROUNDS):
            left = np.matmul((base * weight[..., None]).transpose(0, 2, 1), base)
            left = left + 1e-10 * np.eye(n)
            right = np.einsum("bpn,bp,bp->bn", base, weight, target)
            found = np.linalg.solve(left, right[..., None])[..., 0]
            off = np.abs(np.einsum("bpn,bn->bp", base, found) - target)
            worst = off.max(axis=1)
            best = np.where((worst < least)[:, None], found, best)
            least = np.minimum(worst, least)
            weight = weight * (off + 1e-3 * worst[:, None])
            weight = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-300)
        slopes.append(best[:, :-1] / size[:, 0])
    found = np.stack(slopes, axis=1)
    return np.where(np.isfinite(found), found, 0.0)
