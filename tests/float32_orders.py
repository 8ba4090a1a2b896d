"""An evaluator of graphs in float32 that forms sums in every way a runtime may, at many points.

Values are arrays `(entries, points)`: one operation on all points costs a few array operations.
Each run draws how sums are formed: their order and association, fused or not, and whether
subnormals are flushed. It also draws whether a sum is joined with those that read it, whether
factors are multiplied into weights, and the sign of the stated error of functions.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from outrange.domains.float32 import bound_deviations, plan_of_rows
from outrange.ops import Affine, Largest, Product, Rearrange
from outrange.ops.float32 import float32_error
from small_graphs import matrices


TINY = np.float32(2.0**-126)
WAYS = (
    "forward", "backward", "shuffled", "rising", "falling", "positive first", "negative first",
    "tree", "fused", "lanes",
)  # fmt: skip
ULPS = (1, 2, 7, 64, 1024)
SHARES = (0.12, 0.12, 0.16, 0.05, 0.05, 0.05, 0.05, 0.16, 0.12, 0.12)  # sorting is slow
BOXES, CLIMBS = 48, 40


@dataclass
class Lazy:
    """A sum not formed yet: `coefficients @ operands + bias`, of `(m, k)`, `(k, P)` and `(m,)`."""

    coefficients: np.ndarray
    operands: np.ndarray
    bias: np.ndarray
    is_entrywise: bool = False


class Orders:
    """One way to compute a graph.

    Args:
        graph: The graph as the model computes it, operation by operation.
        rng: Source of the random order, association and rounding.
        way: Order in which sums are formed, one of `WAYS`.
    """

    def __init__(self, graph: Any, rng: np.random.Generator, way: str) -> None:
        self.graph, self.rng, self.way = graph, rng, way
        self.flushes, self.joins = rng.random() < 0.3, rng.random() < 0.6
        self.sign = int(rng.integers(-1, 2))
        count = Counter(j for node in graph.nodes for j in node.inputs)
        self.once = {j for j, n in count.items() if n == 1}

    def run(self, x: np.ndarray) -> np.ndarray:
        """Every output `(m, P)` at float32 points `(d, P)`."""
        values: list[Any] = [self._flush_subnormals(x)]
        for v, node in enumerate(self.graph.nodes, 1):
            value = self._node(node.op, [values[j] for j in node.inputs])
            if isinstance(value, Lazy) and not (self.joins and v in self.once):
                value = self._evaluate_sum(value)
            values.append(value)
        return self._evaluate_sum(values[self.graph.output])

    def _flush_subnormals(self, x: np.ndarray) -> np.ndarray:
        if self.flushes:
            x = np.where(np.abs(x) < TINY, np.float32(0), x)
        return x

    def _node(self, op: Any, xs: list[Any]) -> Any:
        if isinstance(op, Affine):
            return self._affine(op, xs)
        if isinstance(op, Rearrange) and isinstance(xs[0], Lazy) and _only_moves(op):
            x = xs[0]
            return Lazy(x.coefficients[op.index], x.operands, x.bias[op.index])
        xs = [self._evaluate_sum(x) for x in xs]
        if isinstance(op, Product):
            return self._flush_subnormals(xs[0][op.left] * xs[1][op.right])
        if isinstance(op, Rearrange):
            fill = op.fill.astype(np.float32)[:, None]
            flat = np.concatenate(xs)
            return np.where(op.index[:, None] < 0, fill, flat[np.maximum(op.index, 0)])
        if isinstance(op, Largest):
            picked = xs[0][np.maximum(op.windows, 0)]
            return np.where(op.windows[:, :, None] < 0, -np.float32(np.inf), picked).max(axis=1)
        return self._curve(op, xs[0])

    def _affine(self, op: Any, xs: list[Any]) -> Lazy:
        bias = op.bias.astype(np.float32)
        by_entry = op.factor is not None or op.coefficients is not None
        if by_entry and any(isinstance(x, Lazy) for x in xs):
            numbers = [op.factor] if op.factor is not None else op.coefficients
            parts, operands = [], []
            for c, x in zip(numbers, xs, strict=True):
                c = np.broadcast_to(np.float32(c), (op.size,))
                x = x if isinstance(x, Lazy) else Lazy(np.eye(op.size, dtype=np.float32), x, 0 * c)
                parts.append(self._flush_subnormals(c[:, None] * x.coefficients))
                operands.append(x.operands)
                bias = bias + c * x.bias
            single = len(xs) == 1 and isinstance(xs[0], Lazy) and xs[0].is_entrywise
            return Lazy(np.concatenate(parts, 1), np.concatenate(operands), bias, single)
        weights = [part.T.astype(np.float32) for part in matrices(op)]
        if not by_entry and len(xs) == 1 and isinstance(xs[0], Lazy) and xs[0].is_entrywise:
            x = xs[0]
            factor = np.diagonal(x.coefficients)
            for i in self.rng.permutation(len(factor)):
                bias = bias + weights[0][:, i] * x.bias[i]
            return Lazy(self._flush_subnormals(weights[0] * factor), x.operands, bias)
        xs = [self._evaluate_sum(x) for x in xs]
        single = op.factor is not None
        return Lazy(
            self._flush_subnormals(np.concatenate(weights, 1)), np.concatenate(xs), bias, single
        )

    def _evaluate_sum(self, x: Any) -> np.ndarray:
        """Evaluate a sum in one of the orders."""
        if not isinstance(x, Lazy):
            return x
        used = np.flatnonzero(x.coefficients.any(axis=0))
        c, o = x.coefficients[:, used], x.operands[used]
        bias = np.broadcast_to(x.bias[:, None], (len(x.bias), x.operands.shape[1]))
        if self.way in ("fused", "lanes"):
            return self._add_fused(c, o, bias)
        terms = [self._flush_subnormals(c[:, i, None] * o[i]) for i in range(len(used))]
        terms.append(self._flush_subnormals(bias))
        if self.way == "backward":
            terms = terms[::-1]
        elif self.way in ("shuffled", "tree"):
            terms = [terms[i] for i in self.rng.permutation(len(terms))]
        elif self.way != "forward":
            terms = self._sort_terms(np.stack(terms))
        if self.way == "tree":
            while len(terms) > 1:
                pairs = zip(terms[::2], terms[1::2], strict=False)
                rest = terms[-1:] if len(terms) % 2 else []
                terms = [self._flush_subnormals(a + b) for a, b in pairs] + rest
            return terms[0]
        total = terms[0]
        for term in terms[1:]:
            total = self._flush_subnormals(total + term)
        return total

    def _sort_terms(self, terms: np.ndarray) -> list[np.ndarray]:
        """Terms in an order of each point's own; a network of comparisons is fast on arrays."""
        by_size = self.way in ("rising", "falling")
        keys = terms
        if by_size:  # the sign last: unsigned numbers in the order of magnitudes
            bits = terms.view(np.uint32)
            keys = (bits << np.uint32(1)) | (bits >> np.uint32(31))
        rows = list(keys)
        for i, j in _comparisons(len(rows)):
            rows[i], rows[j] = np.minimum(rows[i], rows[j]), np.maximum(rows[i], rows[j])
        if by_size:
            rows = [((k >> np.uint32(1)) | (k << np.uint32(31))).view(np.float32) for k in rows]
        return rows if self.way in ("rising", "negative first") else rows[::-1]

    def _add_fused(self, c: np.ndarray, o: np.ndarray, bias: np.ndarray) -> np.ndarray:
        """Fused multiply-adds into one sum or into four, which are added at the end."""
        count = 4 if self.way == "lanes" else 1
        totals = [bias, *(np.zeros_like(bias) for _ in range(count - 1))]
        wide = o.astype(np.float64)
        for k, i in enumerate(self.rng.permutation(len(o))):
            exact = c[:, i, None].astype(np.float64) * wide[i]
            totals[k % count] = self._flush_subnormals(
                (exact + totals[k % count]).astype(np.float32)
            )
        total = totals[0]
        for other in totals[1:]:
            total = self._flush_subnormals(total + other)
        return total

    def _curve(self, op: Any, x: np.ndarray) -> np.ndarray:
        true = op.f(x.astype(np.float64))
        stated = float32_error(op)
        if stated is None:
            return true.astype(np.float32)
        sign = self.sign if self.sign else self.rng.integers(0, 2, x.shape, np.int8) * 2 - 1
        size = max(stated.relative - 1.0, 0.0) * np.abs(true) + stated.absolute
        return self._flush_subnormals(
            (true + sign * (2.0**-24 * (1.0 - 2.0**-20)) * size).astype(np.float32)
        )


def _only_moves(op: Any) -> bool:
    """Whether each result is another entry of one input."""
    alone = len(op.sizes) == 1 and bool((op.index >= 0).all())
    return alone and np.unique(op.index).size == op.index.size


@cache
def _comparisons(count: int) -> tuple[tuple[int, int], ...]:
    """Batcher's odd-even merge sort: which places to compare, one pair after another."""
    comparisons, p = [], 1
    while p < count:
        k = p
        while k >= 1:
            for j in range(k % p, count - k, 2 * k):
                for i in range(min(k, count - j - k)):
                    if (i + j) // (2 * p) == (i + j + k) // (2 * p):
                        comparisons.append((i + j, i + j + k))
            k //= 2
        p *= 2
    return tuple(comparisons)


@dataclass
class Tally:
    """Totals of the runs: evaluations, values, largest share of a bound, values outside."""

    evaluations: int = 0
    values: int = 0
    share: float = 0.0
    outside: int = 0
    unbounded: int = 0
    networks: int = 0

    def add(self, y: np.ndarray, exact: np.ndarray, off: np.ndarray) -> np.ndarray:
        """Count values `(P, m)`; returns the share of each point."""
        finite = np.isfinite(off)
        missed = np.abs(y.astype(np.float64) - exact)
        # Float64's own error at the points is a 2^-29th of what is bounded.
        share = np.where(missed > 0, missed / (off * (1.0 + 1e-6) + 1e-300), 0.0)
        share = np.where(finite, np.where(np.isnan(share), np.inf, share), 0.0)
        self.evaluations += len(y)
        self.values += y.size
        self.unbounded += int((~finite).sum())
        self.outside += int((share > 1.0).sum())
        self.share = max(self.share, float(share.max(initial=0.0)))
        return share.max(axis=1, initial=0.0)


@dataclass
class Points:
    """Points in boxes: `x` `(P, d)`, the corners of their boxes, what is proved, what is real."""

    x: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    off: np.ndarray
    exact: np.ndarray

    def near(self, graph: Any, rng: np.random.Generator, share: np.ndarray) -> "Points":
        """Some units in the last place beside the worst points."""
        best = np.argpartition(-share, len(share) // 64)[: len(share) // 64 + 1]
        pick = np.resize(best, len(share))
        steps = rng.choice(ULPS, self.x.shape) * rng.integers(-1, 2, self.x.shape)
        x = self.x[pick]
        x = (x + steps * np.spacing(np.abs(x))).astype(np.float32)
        x = np.clip(x, self.lo[pick].astype(np.float32), self.hi[pick].astype(np.float32))
        x[: len(best)] = self.x[best]
        with np.errstate(all="ignore"):
            exact = graph.run(x.astype(np.float64))
        return Points(x, self.lo[pick], self.hi[pick], self.off[pick], exact)


def points_of(graph: Any, rng: np.random.Generator, count: int, boxes: int) -> Points:
    """Points of boxes of every width: single points, some units wide, wide."""
    scale = 10.0 ** rng.uniform(-3.0, 1.5, (boxes, 1))
    lo = np.float32(rng.normal(0.0, 1.0, (boxes, graph.size)) * scale)
    wide = np.float32(rng.choice([0.0, 2.0**-18, 2.0**-10, 1.0], (boxes, 1))) * np.abs(lo)
    hi = np.maximum(lo, lo + np.float32(wide))
    lo, hi = lo.astype(np.float64), hi.astype(np.float64)
    with np.errstate(all="ignore"):
        plan = plan_of_rows(graph, np.eye(graph.value_size(graph.output)))
        off = bound_deviations(plan, lo, hi).off
        pick = np.arange(count) % boxes
        x = rng.uniform(lo[pick], hi[pick]).astype(np.float32)
        corner = rng.random(x.shape) < 0.5
        ends = np.where(corner, lo[pick], hi[pick]).astype(np.float32)
        x = np.where((rng.random(count) < 0.25)[:, None], ends, x)
        x = np.clip(x, lo[pick].astype(np.float32), hi[pick].astype(np.float32))
        exact = graph.run(x.astype(np.float64))
    return Points(x, lo[pick], hi[pick], off[pick], exact)


def run_orders(graph: Any, seed: list[int], total: int, tally: Tally, at_once: int = 8192) -> None:
    """Run a graph that many times: random points, then the neighbors of the worst."""
    rng, done = np.random.default_rng(seed), 0
    while done < total:
        points = points_of(graph, rng, at_once, BOXES)
        for climb in range(CLIMBS):
            ways = rng.choice(WAYS, 4, p=SHARES)
            share = np.zeros(at_once)
            for way in ways:
                with np.errstate(all="ignore"):
                    y = Orders(graph, rng, way).run(np.ascontiguousarray(points.x.T)).T
                    share = np.maximum(share, tally.add(y, points.exact, points.off))
                done += len(y)
            if done >= total:
                return
            if climb + 1 < CLIMBS:
                points = points.near(graph, rng, share)
