"""Is a point of the search a counterexample? In real arithmetic, and on the user's own model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...core import Distance, Formula, Region
from ...core.formula import And, holds
from ...graph import Graph
from ...graph.rational import Rational
from ...graph.rewrites.ranks import Ranks
from ..common.network import NetworkLike
from .evaluate import enclose, model_values


PATIENCE = 2.0
"""Seconds of further search once a counterexample is known that float32 does not reproduce."""


@dataclass(frozen=True, eq=False)
class Witness:
    """A point that satisfies a condition in real arithmetic.

    Args:
        x: `(d,)`; float32 numbers where the input set holds some nearby.
        lo: `(n,)` least real output there.
        hi: `(n,)` largest.
        model: `(n,)` what the user's model returned at `x` rounded to float32, or None.
        reproduced: Whether the model's own input and output satisfy the condition, or None.
    """

    x: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    model: np.ndarray | None
    reproduced: bool | None


@dataclass(frozen=True, eq=False)
class CheckResult:
    """What a network returns at a point, and whether a formula holds there in real arithmetic.

    Args:
        holds: None where neither interval nor rational arithmetic decides it.
        lo: `(n,)` least real output.
        hi: `(n,)` largest.
    """

    holds: bool | None
    lo: np.ndarray
    hi: np.ndarray


class ExactChecker:
    """Decides a formula at points: by enclosures, and where they straddle it by exact values.

    Args:
        graph: The network.
        formula: Over `[x, y]`.
    """

    def __init__(self, graph: Graph, formula: Formula):
        self._graph = graph
        self._ranks = Ranks(graph)
        self._sharp = self._ranks.sharpened(formula)
        self._rational = Rational(graph)

    def __call__(self, x: np.ndarray) -> CheckResult:
        graph, sources = self._graph, self._ranks.sources
        lo, hi = (end[0] for end in enclose(graph, x[None], sources))
        outputs = graph.value_size(graph.output)
        verdict = holds(self._sharp, np.concatenate([x, lo]), np.concatenate([x, hi]))
        if verdict is None:
            least, most = list(x), list(x)
            start = 0
            values = (graph.output, *sources)
            for value, exact in zip(values, self._rational.at(x, values), strict=True):
                end = start + graph.value_size(value)
                least += lo[start:end].tolist() if exact is None else exact
                most += hi[start:end].tolist() if exact is None else exact
                start = end
            verdict = holds(self._sharp, least, most)
            lo = np.array([float_below(v) for v in least[x.size :]])
            hi = np.array([float_above(v) for v in most[x.size :]])
        return CheckResult(verdict, lo[:outputs], hi[:outputs])


class CounterexampleChecker:
    """Looks at points; keeps the best counterexample that is one in real arithmetic.

    Args:
        network: The user's model.
        formula: What a counterexample satisfies, over `[x, y]`.
        regions: The input sets.
    """

    def __init__(self, network: NetworkLike, formula: Formula, regions: Sequence[Region]):
        self._network, self._formula, self._regions = network, formula, regions
        self._judge = ExactChecker(network.graph, formula)
        self._since: float | None = None
        self.witness: Witness | None = None

    def __call__(self, x: np.ndarray) -> bool:
        """Whether the search may end with this point (or one shown before)."""
        for point in nearby(x, self._regions):
            found = self._examine(point)
            if found is None:
                continue
            if found.reproduced is not False:
                self.witness = found
                return True
            if self.witness is None:
                self.witness, self._since = found, time.perf_counter()
        return self._since is not None and time.perf_counter() - self._since > PATIENCE

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
        return Witness(x, lo, hi, returned, holds(self._formula, seen, seen) is True)


def float_below(value) -> float:
    """The largest float64 that is not above a float or a fraction."""
    if not isinstance(value, Fraction):
        return float(value)
    try:
        near = float(value)
    except OverflowError:
        return float(np.finfo(np.float64).max) if value > 0 else -np.inf
    return near if Fraction(near) <= value else float(np.nextafter(near, -np.inf))


def float_above(value) -> float:
    """The least float64 that is not below a float or a fraction."""
    return -float_below(-value)


def nearby(x: np.ndarray, regions: Sequence[Region]) -> list[np.ndarray]:
    """The point as float32 numbers, moved into its box where rounding left it; then as it is."""
    with np.errstate(over="ignore"):
        single = x.astype(np.float32).astype(np.float64)
    points = [single]
    for region in regions:
        lo, hi = region.box.lo, region.box.hi
        if not np.all((lo <= x) & (x <= hi)):
            continue
        up = np.nextafter(single.astype(np.float32), np.float32(np.inf)).astype(np.float64)
        down = np.nextafter(single.astype(np.float32), np.float32(-np.inf)).astype(np.float64)
        moved = np.where(single < lo, up, np.where(single > hi, down, single))
        # A side shorter than the step of float32 holds none of its numbers.
        points.append(np.where((lo <= moved) & (moved <= hi), moved, x))
        break
    points.append(x)
    return [p for i, p in enumerate(points) if not any(np.array_equal(p, q) for q in points[:i])]


def contains(region: Region, x: np.ndarray) -> bool:
    """Whether the point is in the region, in exact arithmetic."""
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
