"""Breakpoints where an expression crosses a given level, each enclosed by two float64 numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from ....core import UnsupportedError
from ..expression import Expressions
from ..intervals import enclose, fraction_ends
from .cells import has_waves, signs
from .polynomials import has_root


@dataclass(frozen=True)
class Edge:
    """A breakpoint on the real line, enclosed by the float64 numbers `before` and `after`.

    Args:
        at: The float64 number that represents the breakpoint.
        before: Lower bound of the breakpoint.
        after: Upper bound of the breakpoint.
    """

    at: float
    before: float
    after: float

    @property
    def exact(self) -> bool:
        """Whether `at` is exactly the breakpoint."""
        return self.before == self.after


WHOLE = (Edge(-np.inf, -np.inf, -np.inf), Edge(np.inf, np.inf, np.inf))

_WAVES = 32.0
"""Distance from 0 up to which branches that depend on a sine or cosine are followed."""


class Endless(Exception):
    """A signal that there may be infinitely many branches outside `(lo, hi)`."""

    def __init__(self, lo: float, hi: float) -> None:
        super().__init__()
        self.lo, self.hi = lo, hi


def cut(
    t: Expressions,
    u: int,
    knots: Sequence[Fraction],
    left: Edge,
    right: Edge,
    touching: bool = False,
) -> Iterator[tuple[Edge, Edge, int]]:
    """Cut the line between two edges wherever `u` crosses (or, if `touching`, meets) a knot.

    Yields the two edges of each part, and the index of the interval between adjacent knots that
    contains `u`.
    """
    edges = [left]
    crossings = {r for k in knots for r in _crossings(t, u, k, left, right, touching)}
    for edge in sorted(crossings, key=_place):
        if edges[-1].after < edge.before or (edges[-1] is left and edges[-1].after <= edge.before):
            edges.append(edge)
        elif edge.before > edges[-1].before:
            # Breakpoints that float64 does not separate are merged.
            last = edges[-1]
            edges[-1] = Edge(last.at, last.before, max(last.after, edge.after))
    edges = [x for x in edges[1:] if x.after < right.before]
    edges = [left, *edges, right]
    for a, b in pairwise(edges):
        yield a, b, _gap(t, u, knots, a, b)


def _place(edge: Edge) -> float:
    return edge.at


def _gap(t: Expressions, u: int, knots: Sequence[Fraction], a: Edge, b: Edge) -> int:
    """Return the index of the interval between knots that contains `u` between two edges."""
    middle = between(a.after, b.before)
    low, high = (float(end[0]) for end in enclose(t, u, middle, middle))
    for gap in range(len(knots) + 1):
        above = gap == 0 or float(fraction_ends(knots[gap - 1])[1]) <= low
        below = gap == len(knots) or high <= float(fraction_ends(knots[gap])[0])
        if above and below:
            return gap
    raise UnsupportedError(
        f"a branch whose condition could not be evaluated at the argument {middle:.6g}"
    )


def between(lo: float, hi: float) -> float:
    """Return a number inside an interval, not far from the endpoint if only one is finite."""
    if np.isinf(lo) and np.isinf(hi):
        return 0.3
    if np.isinf(lo):
        return hi - 1.0 - abs(hi) * 2.0**-20
    if np.isinf(hi):
        return lo + 1.0 + abs(lo) * 2.0**-20
    return lo + 0.4 * (hi - lo)


def _crossings(
    t: Expressions, u: int, knot: Fraction, left: Edge, right: Edge, touching: bool
) -> list[Edge]:
    """Return the edges between `left` and `right` at which `u - knot` may change sign or be 0."""
    lo, hi = left.after, right.before
    shifted = t.scale(u, 1, -Fraction(knot))
    polynomial = t.polynomial(shifted)
    if polynomial is not None and set(polynomial) <= {0, 1}:
        if 1 not in polynomial:
            return []
        root = -polynomial.get(0, Fraction(0)) / polynomial[1]
        low, high = fraction_ends(root)
        edges = [Edge(low, low, high)]
    else:
        edges = _isolate_roots(t, shifted, polynomial, lo, hi, touching)
    return [x for x in edges if lo < x.before and x.after < hi]


def _isolate_roots(
    t: Expressions,
    e: int,
    polynomial: dict[int, Fraction] | None,
    lo: float,
    hi: float,
    touching: bool,
) -> list[Edge]:
    """Return small intervals between which `e` provably keeps its sign.

    If `touching`, `e` is also provably not 0 between them.
    """
    if has_waves(t, e) and (lo < -_WAVES or hi > _WAVES):
        raise Endless(max(lo, -_WAVES), min(hi, _WAVES))
    cells = signs(t, e, lo, hi, lambda width, size: np.zeros(width.shape, bool), finest=0.0)
    edges = []
    for first, stop in cells.clusters():
        a, b = float(cells.lo[first]), float(cells.hi[stop - 1])
        if a == lo or b == hi:
            if b - a < 1e-7 * max(1.0, abs(a)):
                continue  # the edge itself, which belongs to the neighboring branch
            raise Endless(b, np.inf) if a == lo else Endless(-np.inf, a)
        before = cells.sign[first - 1] if first else 0
        after = cells.sign[stop] if stop < len(cells.sign) else 0
        same = before == after and before in (1, -1) and not touching
        if same and _keeps_sign(t, e, a, b, before):
            continue
        if polynomial is not None and not has_root(polynomial, Fraction(a), Fraction(b)):
            continue
        edges.append(_exact_root(t, e, polynomial, a, b) or Edge(0.5 * a + 0.5 * b, a, b))
    for i in np.flatnonzero(cells.sign[1:] * cells.sign[:-1] == -1):
        at = float(cells.hi[i])
        edges.append(Edge(at, at, at))
    if touching:
        points = np.unique(np.concatenate([cells.lo, cells.hi]))
        points = points[np.isfinite(points)]
        low, high = enclose(t, e, points, points)
        edges += [Edge(p, p, p) for p in points[(low <= 0) & (high >= 0)].tolist()]
    return edges


def _keeps_sign(t: Expressions, e: int, a: float, b: float, sign: int) -> bool:
    low, high = (float(x[0]) for x in enclose(t, e, a, b))
    return low >= 0 if sign > 0 else high <= 0


def _exact_root(
    t: Expressions, e: int, polynomial: dict[int, Fraction] | None, a: float, b: float
) -> Edge | None:
    """Return the edge at a root of `e` in `[a, b]` that is one of three likely numbers, or None.

    The numbers are the midpoint, its float32 rounding and the integer nearest to it.
    """
    for at in {0.5 * a + 0.5 * b, float(np.float32(0.5 * a + 0.5 * b)), round(0.5 * a + 0.5 * b)}:
        if not a <= at <= b:
            continue
        if polynomial is not None:
            zero = sum(c * Fraction(at) ** p for p, c in polynomial.items()) == 0
        else:
            low, high = enclose(t, e, at, at)
            zero = low[0] == high[0] == 0
        if zero:
            return Edge(float(at), float(at), float(at))
    return None
