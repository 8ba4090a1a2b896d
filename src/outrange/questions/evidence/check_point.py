"""Checks of a candidate counterexample in real arithmetic and on the user's own model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...core import Bounds, Box, Distance, Formula, Region
from ...core.clock import read_clock
from ...core.formula import And, holds
from ...domains import bounds
from ...graph import Graph
from ...graph.precise import BallEvaluator
from ...graph.rational import RationalEvaluator
from ...graph.rewrites.ranks import Ranks
from ...ops.numerics.balls import fraction_ends
from ..common.network import NetworkLike
from .evaluate import first_bits, model_values


REMEMBERED = 8
"""A checker keeps this number of the earliest checked points, and the same number of the latest."""

TIED = 2.0**-160
"""Width of balls, relative to a value's size, at which a comparison that is still open is given up.
"""

PATIENCE = 2.0
"""How long, in seconds, a search continues after a counterexample that float32 does not
reproduce."""


@dataclass(frozen=True, eq=False)
class Witness:
    """A point that satisfies a condition in real arithmetic.

    Args:
        x: `(d,)` the point; where possible, it consists of float32 numbers.
        lo: `(n,)` lower bounds on the real outputs at `x`.
        hi: `(n,)` upper bounds on the real outputs at `x`.
        model: `(n,)` output of the user's model at the float32 rounding of `x`; None if there is no
            model.
        reproduced: Whether `x` and the model's own output satisfy the condition; None if the model
            was not run.
    """

    x: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    model: np.ndarray | None
    reproduced: bool | None


@dataclass(frozen=True, eq=False)
class CheckResult:
    """Outputs of a network at a point, and whether a formula holds there in real arithmetic.

    Args:
        holds: Whether the formula holds; None if even the most precise arithmetic leaves it open.
        lo: `(n,)` lower bounds on the real outputs.
        hi: `(n,)` upper bounds on the real outputs.
    """

    holds: bool | None
    lo: np.ndarray
    hi: np.ndarray


class ExactChecker:
    """Callable that decides a formula at a point, by enclosures or, if necessary, exact values.

    Args:
        graph: The network under study.
        formula: A condition over `[x, y]`.
    """

    def __init__(self, graph: Graph, formula: Formula) -> None:
        self._graph = graph
        self._ranks = Ranks(graph)
        self._sharp = self._ranks.sharpen(formula)
        self._rational, self._precise = RationalEvaluator(graph), BallEvaluator(graph)

    def __call__(self, x: np.ndarray) -> CheckResult:
        values = (self._graph.output, *self._ranks.sources)
        ends = bounds(self._graph, x[None], x[None], "intervals")
        lo, hi = (np.concatenate([ends[v][i][0] for v in values]) for i in (0, 1))
        verdict = holds(self._sharp, np.concatenate([x, lo]), np.concatenate([x, hi]))
        if verdict is None:
            verdict, lo, hi = self._more_exactly(x, ends, values, lo, hi)
        outputs = self._graph.value_size(self._graph.output)
        return CheckResult(verdict, lo[:outputs], hi[:outputs])

    def _more_exactly(
        self,
        x: np.ndarray,
        ends: Sequence[Bounds],
        values: Sequence[int],
        lo: np.ndarray,
        hi: np.ndarray,
    ) -> tuple[bool | None, np.ndarray, np.ndarray]:
        """Decide the formula with fractions where possible, then with balls of growing precision.

        Returns the verdict (None if it remains open), and lower and upper bounds on the values.
        """
        least: list[float | Fraction] = lo.tolist()
        most: list[float | Fraction] = hi.tolist()
        start = 0
        for value, exact in zip(values, self._rational.at(x, values), strict=True):
            end = start + self._graph.value_size(value)
            if exact is not None:
                least[start:end] = most[start:end] = exact
            start = end
        verdict = self._judge_ends(x, least, most)
        if verdict is None:
            size = np.maximum(np.abs(lo), np.abs(hi))
            limit = TIED * np.where(np.isfinite(size), size, 0.0)
            bits = first_bits(lo, hi, limit)
            for balls in self._precise.passes(x[None], ends, values, bits):
                for n, ends_of_ball in enumerate(map(fraction_ends, balls)):
                    if ends_of_ball is not None:
                        least[n], most[n] = (
                            max(least[n], ends_of_ball[0]),
                            min(most[n], ends_of_ball[1]),
                        )
                verdict = self._judge_ends(x, least, most)
                far = map(_apart, least, most, limit.tolist())
                if verdict is not None or not any(far):
                    break
        below, above = map(float_below, least), map(float_above, most)
        return verdict, np.array([*below]), np.array([*above])

    def _judge_ends(
        self, x: np.ndarray, least: Sequence[float | Fraction], most: Sequence[float | Fraction]
    ) -> bool | None:
        return holds(self._sharp, [*x.tolist(), *least], [*x.tolist(), *most])


def _apart(least: float | Fraction, most: float | Fraction, limit: float) -> bool:
    """Return whether two bounds differ by more than `limit`.

    The result is True if a bound is infinite or NaN. Fractions may exceed the range of float64.
    """
    if any(isinstance(end, float) and not np.isfinite(end) for end in (least, most)):
        return True
    return Fraction(most) - Fraction(least) > Fraction(limit)


class CounterexampleChecker:
    """Search callback that keeps a counterexample in real arithmetic.

    A counterexample that the model does not reproduce is replaced if one is found that the model
    reproduces.

    Args:
        network: The user's model, with the nonlinear terms of the condition.
        formula: The condition of a counterexample, over `[x, y, terms]`.
        regions: The input set, as a union of regions.
    """

    def __init__(self, network: NetworkLike, formula: Formula, regions: Sequence[Region]) -> None:
        self._network, self._formula, self._regions = network, formula, regions
        self._judge = ExactChecker(network.graph, formula)
        self._since: float | None = None
        self.witness: Witness | None = None
        self.shown: list[np.ndarray] = []
        """The first `REMEMBERED` and the last `REMEMBERED` checked points, `(d,)` each."""

    def __call__(self, x: np.ndarray) -> bool:
        """Check a point; return whether the search may end with this or an earlier point."""
        self.shown = [*self.shown[:REMEMBERED], *self.shown[REMEMBERED:][1 - REMEMBERED :], x]
        for point in nearby(x, self._regions):
            witness = self._examine(point)
            if witness is None:
                continue
            if witness.reproduced is not False:
                self.witness = witness
                return True
            if self.witness is None:
                self.witness, self._since = witness, read_clock()
        return self._since is not None and read_clock() - self._since > PATIENCE

    def _examine(self, x: np.ndarray) -> Witness | None:
        inside = [r for r in self._regions if contains(r, x)]
        if not inside:
            return None
        judged = self._judge(x)
        if judged.holds is not True:
            return None
        lo, hi = judged.lo, judged.hi
        if self._network.predict is None:
            return Witness(x, lo, hi, None, None)
        with np.errstate(all="ignore"):
            returned = model_values(self._network, self._network.predict, x[None])[0]
        seen = np.concatenate([x, returned])
        return Witness(x, lo, hi, returned, holds_at_output(self._network, self._formula, seen))


def holds_at_output(network: NetworkLike, formula: Formula, seen: np.ndarray) -> bool:
    """Return whether a formula is proved to hold for an input and an output of the model itself.

    Nonlinear terms are computed from these two vectors, with proved bounds.

    Args:
        network: The user's model, with the nonlinear terms of the condition.
        formula: A condition over `[x, y, terms]`.
        seen: Flat input, output and terms. If all entries are finite, the terms are recomputed.
    """
    if network.terms is None or not np.isfinite(seen).all():
        return holds(formula, seen, seen) is True
    return ExactChecker(network.terms, formula)(seen[: network.terms.size]).holds is True


def float_below(value: float | Fraction) -> float:
    """Return the largest float64 that is at most `value`."""
    if not isinstance(value, Fraction):
        return float(value)
    try:
        near = float(value)
    except OverflowError:
        return float(np.finfo(np.float64).max) if value > 0 else -np.inf
    return near if Fraction(near) <= value else float(np.nextafter(near, -np.inf))


def float_above(value: float | Fraction) -> float:
    """Return the smallest float64 that is at least `value`."""
    return -float_below(-value)


def nearby(x: np.ndarray, regions: Sequence[Region]) -> list[np.ndarray]:
    """Return `x` and at most two points near it, without duplicates.

    These are `x` rounded to float32, the rounded point moved back into the box of `x` if it is
    outside, and `x` itself.
    """
    with np.errstate(over="ignore"):
        single = x.astype(np.float32).astype(np.float64)
    points = [single]
    for region in regions:
        lo, hi = region.box.lo, region.box.hi
        if not np.all((lo <= x) & (x <= hi)):
            continue
        moved = step_into(region.box, single)
        # A side shorter than the float32 spacing may contain no float32 number.
        points.append(np.where((lo <= moved) & (moved <= hi), moved, x))
        break
    points.append(x)
    return [p for i, p in enumerate(points) if not any(np.array_equal(p, q) for q in points[:i])]


def step_into(box: Box, single: np.ndarray) -> np.ndarray:
    """Move float32 numbers that lie outside the box by one float32 step toward it.

    Args:
        box: The box that contained the numbers before they were rounded.
        single: `(..., n)` float32 numbers, as float64.
    """
    with np.errstate(over="ignore"):
        small = single.astype(np.float32)
    up = np.nextafter(small, np.float32(np.inf)).astype(np.float64)
    down = np.nextafter(small, np.float32(-np.inf)).astype(np.float64)
    return np.where(single < box.lo, up, np.where(single > box.hi, down, single))


def are_contained(regions: Sequence[Region], x: np.ndarray) -> np.ndarray:
    """Test exactly which of the points `(n, d)` lie in at least one region; return `(n,)` bool."""
    is_inside = np.zeros(len(x), bool)
    for region in regions:
        if region.is_box:
            is_inside |= region.box.contains(x)
    others = [region for region in regions if not region.is_box]
    for i in np.flatnonzero(~is_inside) if others else ():
        is_inside[i] = any(contains(region, x[i]) for region in others)
    return is_inside


def contains(region: Region, x: np.ndarray) -> bool:
    """Return whether a point is in a region, in exact arithmetic."""
    return (
        bool(region.box.contains(x))
        and bool(np.all(np.rint(x[region.integer]) == x[region.integer]))
        and holds(And((region.condition,)), x, x) is True
        and all(_near(ball, x) for ball in region.distances)
    )


def _near(ball: Distance, x: np.ndarray) -> bool:
    total = Fraction(0)
    for i, c in zip(ball.index, ball.center, strict=True):
        gap = Fraction(float(x[i])) - Fraction(float(c))
        total += abs(gap) if ball.order == 1 else gap * gap
    return total <= Fraction(ball.radius) ** ball.order
