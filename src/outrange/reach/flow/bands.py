"""Bounds `|u - (T x + Q(eps) + c)| <= r` that enclose a network between two parallel surfaces.

From linear bounds `T_l x + c_l <= u <= T_u x + c_u` and any slope `T`, the residual `u - T x` lies
between `(T_l - T) x + c_l` and `(T_u - T) x + c_u`. The least value of the first and the largest
value of the second, over all states, determine the band. A slope needs no proof, so it is fitted to
values of the network (`fits`). The coefficients of squares and products of initial variables, which
Taylor models contain anyway, need no proof either. If the network is curved, these terms remove
most of the residual that a plane would leave. The set is then cut where the lower and upper bounds
differ most, and the residual is bounded on each part. All parts share one surface. For each part,
linear bounds on the network are computed once, and the plant is not evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import check_deadline, down, gamma, up
from ...domains.backward import LinearForm, RelaxedGraph, back_substitute, dots
from ...domains.crown import CrownPass, CrownPlan
from ...domains.relaxations import CurveRelaxation
from ...domains.rounding import widen_offset
from ...ops import Curve, Step
from ...ops.relaxation.relax import least_offset, most_offset
from ..polynomials.frame import MonomialFrame
from ..polynomials.models import with_rounding
from .sets import FormBatch


CHUNK = 12
"""Number of sets bounded together, as a multiple of the number of boxes that fit in the cache. It
exceeds 1 because curves take most of the time."""


@dataclass(frozen=True, eq=False)
class Band:
    """The bound `|u - (T x + Q(eps) + c)| <= r` on the controls `u` at every state `x` of a set.

    `eps` are the initial variables from which the state is computed.

    Args:
        slope: `T`, `(B, m, n)`.
        bend: The coefficients of `Q`, `(B, m, P)`: see `Pairs`.
        middle: The constant `c`, `(B, m)`.
        radius: Half of the band's width, `r`, `(B, m)`.
    """

    slope: np.ndarray
    bend: np.ndarray
    middle: np.ndarray
    radius: np.ndarray

    def narrower(self, other: Band) -> Band:
        """Return, for each control, the narrower of the two bands."""
        first = self.radius <= other.radius
        return Band(
            np.where(first[..., None], self.slope, other.slope),
            np.where(first[..., None], self.bend, other.bend),
            np.where(first, self.middle, other.middle),
            np.where(first, self.radius, other.radius),
        )

    def with_narrower(self, rows: np.ndarray, other: Band) -> Band:
        """Return a copy with the narrower of the two bands for each control of the boxes `rows`."""
        names = "slope", "bend", "middle", "radius"
        parts = {name: getattr(self, name).copy() for name in names}
        least = Band(*(parts[name][rows] for name in names)).narrower(other)
        for name in names:
            parts[name][rows] = getattr(least, name)
        return Band(**parts)

    def sampled_radius(
        self, points: np.ndarray, products: np.ndarray, values: np.ndarray
    ) -> np.ndarray:
        """Return half the width of the range of the residuals at sampled states, `(B, m)`.

        Args:
            points: States, `(B, N, n)`.
            products: Products of the initial variables at these states, `(N, P)`.
            values: Values of the network at these states, `(B, N, m)`.
        """
        away = values - np.matmul(points, self.slope.transpose(0, 2, 1))
        away = away - np.matmul(products, self.bend.transpose(0, 2, 1))
        return 0.5 * (away.max(axis=1) - away.min(axis=1))

    @staticmethod
    def between(slope: np.ndarray, bend: np.ndarray, low: np.ndarray, high: np.ndarray) -> Band:
        """Build a band from a surface and lower and upper bounds on its residual."""
        fine = np.isfinite(low) & np.isfinite(high)
        with np.errstate(invalid="ignore"):
            middle = np.where(fine, 0.5 * low + 0.5 * high, 0.0)
            radius = up(np.maximum(high - middle, middle - low))
        return Band(slope, bend, middle, np.where(fine, radius, np.inf))


@dataclass(frozen=True, eq=False)
class Pairs:
    """The second-degree terms of a surface: squares and products of initial variables.

    Args:
        first: `(P,)`: the first variable of each product.
        second: `(P,)`: the second variable of each product.
        monomial: `(P,)`: indices of the products among the monomials of a frame.
    """

    first: np.ndarray
    second: np.ndarray
    monomial: np.ndarray

    @staticmethod
    def of(frame: MonomialFrame, chosen: np.ndarray) -> Pairs:
        """Return all squares and products of the variables with the indices `chosen`.

        There are none if the order of the frame is below 2.
        """
        rows = np.flatnonzero(frame.degrees == 2)
        pairs = []
        for monomial in rows:
            some = np.flatnonzero(frame.exponents[monomial])
            if np.isin(some, chosen).all():
                pairs.append((some[0], some[-1], monomial))
        table = np.array(pairs, np.int64).reshape(-1, 3)
        return Pairs(table[:, 0], table[:, 1], table[:, 2])

    @property
    def count(self) -> int:
        """The number `P` of squares and products."""
        return self.first.size

    def values(self, eps: np.ndarray) -> np.ndarray:
        """Return the products at points `eps` `(..., d)`, as `(..., P)`."""
        return eps[..., self.first] * eps[..., self.second]

    def over(self, sets: FormBatch, bend: np.ndarray) -> SurfaceExpansion:
        """Expand `Q` with the coefficients `bend`, `(B, m, P)`, about the middle of each set.

        With `eps = e + h xi`, the expansion is `Q(e)`, its slope along the generators, and the
        range of the products of two `xi`: a square lies in [0, 1], any other product in [-1, 1].
        """
        e, h = sets.middle[:, None], sets.half[:, None]
        level = (bend * self.values(e)).sum(axis=-1)
        along = np.zeros((*bend.shape[:2], sets.generators.shape[-1]))
        for k in range(self.count):
            i, j, q = self.first[k], self.second[k], bend[..., k]
            along[..., sets.place[i]] += q * e[..., j] * h[..., i]
            along[..., sets.place[j]] += q * e[..., i] * h[..., j]
        size = bend * h[..., self.first] * h[..., self.second]
        square = self.first == self.second
        both = np.abs(size[..., ~square]).sum(axis=-1)
        least = np.minimum(size[..., square], 0.0).sum(axis=-1) - both
        most = np.maximum(size[..., square], 0.0).sum(axis=-1) + both
        # Rounding of all of the above and of its subtraction from the rows; each number is at most
        # sum |q|.
        count = 4 * self.count + along.shape[-1] + 32
        off = with_rounding(4.0 * gamma(count) * np.abs(bend).sum(axis=-1))
        return SurfaceExpansion(level, along, least - off, most + off)


@dataclass(frozen=True, eq=False)
class SurfaceExpansion:
    """The expansion `level + along . xi + [least, most]`; the interval covers rounding errors."""

    level: np.ndarray
    along: np.ndarray
    least: np.ndarray
    most: np.ndarray


@dataclass(frozen=True, eq=False)
class NetworkBounds:
    """Linear bounds on a network's outputs over each set, from two relaxations of the network.

    Args:
        forms: For each relaxation, lower bounds on `u` and on `-u`: rows `(B, 2 m, n)` and
            constants `(B, 2 m)`.
        count: The number of outputs `m`.
    """

    sets: FormBatch
    forms: tuple[LinearForm, ...]
    count: int

    @staticmethod
    def of(plan: CrownPlan, sets: FormBatch, count: int) -> NetworkBounds:
        """Bound a network's `count` outputs over sets, one chunk of sets at a time."""
        parts, chunk = [], min(CHUNK * plan.boxes, sets.count)
        for start in range(0, sets.count, chunk):
            check_deadline()
            some = sets.take(np.arange(start, min(start + chunk, sets.count)))
            parts.append(_forms(plan, some, count))
        joined = (
            LinearForm(
                np.concatenate([form.rows for form in forms]),
                np.concatenate([form.constant for form in forms]),
            )
            for forms in zip(*parts, strict=True)
        )
        return NetworkBounds(sets, tuple(joined), count)

    def residual(
        self, slope: np.ndarray, bend: np.ndarray, pairs: Pairs
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return lower and upper bounds on `u - T x - Q(eps)` over each set, `(B, m)` each."""
        both = np.concatenate([slope, -slope], axis=1)
        size = np.abs(self.sets.center) + self.sets.reach
        size = size + np.abs(self.sets.generators).sum(axis=-1)
        least = np.full(both.shape[:2], -np.inf)
        surface = pairs.over(self.sets, bend) if pairs.count else None
        along = None
        if surface is not None:
            along = np.concatenate([surface.along, -surface.along], axis=1)
        with np.errstate(invalid="ignore", over="ignore"):
            for form in self.forms:
                rows = form.rows - both
                # Each difference is rounded once.
                bound = self.sets.least_minus(LinearForm(rows, form.constant), along)
                bound = down(bound - with_rounding(gamma(2) * dots(np.abs(rows), size)))
                if surface is not None:
                    surface_part = np.concatenate([surface.level, -surface.level], axis=1)
                    surface_part = up(
                        surface_part + np.concatenate([surface.most, -surface.least], axis=1)
                    )
                    bound = down(bound - surface_part)
                least = np.fmax(least, bound)
        return least[:, : self.count], -least[:, self.count :]

    def slopes(self) -> list[np.ndarray]:
        """Return, for each relaxation, the average of the lower and upper bounds' slopes."""
        m, slopes = self.count, []
        for form in self.forms:
            with np.errstate(invalid="ignore"):
                slope = 0.5 * form.rows[:, :m] - 0.5 * form.rows[:, m:]
            slopes.append(np.where(np.isfinite(slope), slope, 0.0))
        return slopes

    def gaps(self) -> np.ndarray:
        """Return how far the lower and upper bounds diverge along each generator, `(B, g)`."""
        m, form = self.count, self.forms[0]
        apart = np.matmul(form.rows[:, :m] + form.rows[:, m:], self.sets.generators)
        return np.nan_to_num(np.abs(apart)).sum(axis=1)


def _forms(plan: CrownPlan, sets: FormBatch, count: int) -> tuple[LinearForm, LinearForm]:
    sweep = CrownPass(plan, sets)
    net = sweep.run()
    forms = []
    for relaxed in (net, _parallel(plan, sweep, net)):
        rows = np.concatenate([np.eye(count), -np.eye(count)])
        form = back_substitute(relaxed, plan.graph.output, rows)
        shape = (sets.count, *form.rows.shape[-2:])
        forms.append(
            LinearForm(np.broadcast_to(form.rows, shape), np.broadcast_to(form.constant, shape[:2]))
        )
    return forms[0], forms[1]


def _parallel(plan: CrownPlan, sweep: CrownPass, net: RelaxedGraph) -> RelaxedGraph:
    """Replace the two lines around each curve with parallel lines, where possible.

    Step functions keep their lines.
    """
    lines = dict(net.lines)
    for value, source, op in plan.curves:
        relaxation = net.lines.get(value)
        if isinstance(relaxation, CurveRelaxation) and not isinstance(op, Step):
            lines[value] = _one_slope(op, relaxation, *sweep.ends[source], plan, source)
    return RelaxedGraph(net.graph, lines, net.rounding_terms, net.underflow)


def _one_slope(
    op: Curve,
    relaxation: CurveRelaxation,
    lo: np.ndarray,
    hi: np.ndarray,
    plan: CrownPlan,
    source: int,
) -> CurveRelaxation:
    """Return two parallel lines around a curve.

    For a piecewise-linear curve, their slope is that of the upper line of `relaxation`. For any
    other curve, the magnitude of the slope is the smaller of the magnitudes of the curve's slopes
    at the two endpoints. Its sign follows the lines of `relaxation`. Where the offsets are not
    finite, the lines of `relaxation` are kept.
    """
    with np.errstate(all="ignore"):
        if op.is_piecewise_linear:
            slope = relaxation.slope[1]
        else:
            slope = np.minimum(np.abs(op.df(lo)), np.abs(op.df(hi)))
            slope = np.where(relaxation.slope[0] + relaxation.slope[1] < 0, -slope, slope)
        slope = np.where(np.isfinite(slope), slope, 0.0)
        offset = np.stack([least_offset(op, slope, lo, hi), most_offset(op, slope, lo, hi)])
        both, reads = np.stack([slope, slope]), plan.budget.reads[source]
        size = np.maximum(-lo, hi)
        offset = widen_offset(plan.budget, reads, lo.shape[1], both, offset, size)
    fine = np.isfinite(offset).all(axis=0)
    return CurveRelaxation(
        np.where(fine, both, relaxation.slope), np.where(fine, offset, relaxation.offset),
        relaxation.unbounded, relaxation.theta, relaxation.pivot, relaxation.gain,
    )  # fmt: skip
