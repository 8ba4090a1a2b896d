"""Float32 runs of a graph as runtimes differ: any order, any association, fused or not, flushed."""

import numpy as np

from outrange.ops import Affine, Largest, Product, Rearrange
from outrange.ops.float32 import float32_error
from small_graphs import matrices


UNIT, TINY = np.float32(2.0**-24), 2.0**-126
WAYS = ("as it is", "shuffled", "rising", "positive first", "tree", "fused", "worst")


class Runtime:
    """One way to compute in float32.

    Args:
        way: How sums are formed.
        flushes: Whether what is no normal number becomes zero.
        seed: Of orders, and of what transcendental functions miss by within what is stated.
    """

    def __init__(self, way: str, flushes: bool, seed: int) -> None:
        self.way, self.flushes, self.rng = way, flushes, np.random.default_rng(seed)

    def run(self, graph, x):
        """Every output, float32, at float32 points `(batch, size)`."""
        values = [self._flush_subnormals(x.astype(np.float32))]
        with np.errstate(all="ignore"):
            for node in graph.nodes:
                values.append(
                    self._flush_subnormals(self._node(node.op, [values[j] for j in node.inputs]))
                )
        return values[graph.output]

    def _flush_subnormals(self, x):
        x = np.asarray(x)
        assert x.dtype == np.float32, x.dtype
        return np.where(np.abs(x) < TINY, np.float32(0), x) if self.flushes else x

    def _node(self, op, xs):
        if isinstance(op, Affine):
            weights = np.concatenate(matrices(op), axis=0).astype(np.float32)
            return self._sums(np.concatenate(xs, axis=1), weights, op.bias.astype(np.float32))
        if isinstance(op, Product):
            return xs[0][:, op.left] * xs[1][:, op.right]
        if isinstance(op, Rearrange | Largest):
            return op.run(xs).astype(np.float32)
        return self._curve(op, xs[0])

    def _sums(self, x, weights, bias):
        """`x @ weights + bias`, term by term."""
        if self.way == "fused":
            order = self.rng.permutation(len(weights))
            total = np.broadcast_to(bias, (len(x), bias.size))
            for i in order:
                exact = x[:, i, None].astype(np.float64) * weights[i].astype(np.float64)
                total = self._flush_subnormals((exact + total).astype(np.float32))
            return total
        terms = self._flush_subnormals(x[:, None, :] * weights.T[None])
        last = np.broadcast_to(bias[None, :, None], (*terms.shape[:2], 1))
        terms = np.concatenate([terms, last], axis=2)
        if self.way in ("shuffled", "tree"):
            terms = terms[:, :, self.rng.permutation(terms.shape[2])]
        if self.way == "rising":
            terms = np.take_along_axis(terms, np.argsort(np.abs(terms), axis=2), axis=2)
        if self.way == "positive first":
            terms = np.sort(terms, axis=2)[:, :, ::-1]
        if self.way == "worst":
            return self._worst(terms)
        if self.way == "tree":
            while terms.shape[2] > 1:
                half = terms.shape[2] // 2
                pairs = self._flush_subnormals(terms[:, :, :half] + terms[:, :, half : 2 * half])
                terms = np.concatenate([pairs, terms[:, :, 2 * half :]], axis=2)
            return terms[:, :, 0]
        return np.add.accumulate(terms, axis=2, dtype=np.float32)[:, :, -1]

    def _worst(self, terms):
        """The largest terms of one sign first, then always what is rounded farthest to one side."""
        sign = self.rng.choice([-1.0, 1.0], (*terms.shape[:2], 1))
        left = np.sort(terms * sign, axis=2).astype(np.float32)
        total, left = left[:, :, -1:], left[:, :, :-1]
        for step in range(left.shape[2], 0, -1):
            exact = total.astype(np.float64) + left
            error = exact.astype(np.float32) - exact
            large = np.abs(exact) >= 0.5 * np.abs(total)
            pick = np.where(large, error, -np.inf).argmax(axis=2)[..., None]
            pick = np.where(large.any(axis=2, keepdims=True), pick, step - 1)
            total = self._flush_subnormals(
                (total + np.take_along_axis(left, pick, 2)).astype(np.float32)
            )
            last = left[:, :, -1:].copy()
            np.put_along_axis(left, pick, last, 2)
            left = left[:, :, :-1]
        return (total[:, :, 0] * sign[:, :, 0]).astype(np.float32)

    def _curve(self, op, x):
        true = op.f(x.astype(np.float64))
        stated = float32_error(op)
        if stated is None:
            return true.astype(np.float32)
        share = self.rng.choice([-1.0, 0.0, 1.0], x.shape) * (1.0 - 2.0**-20)
        size = max(stated.relative - 1.0, 0.0) * np.abs(true) + stated.absolute
        return (true + share * float(UNIT) * size).astype(np.float32)


def runtimes(seeds):
    """Every way of summing, flushed or not, for each seed."""
    return [Runtime(way, flushes, seed) for way in WAYS for flushes in (False, True)
            for seed in range(seeds)]  # fmt: skip


def float32_points(rng, lo, hi, count):
    """Float32 numbers in a box whose corners are float32, corners among them."""
    x = rng.uniform(lo, hi, (count, lo.size)).astype(np.float32)
    corner = rng.random((count // 4, lo.size)) < 0.5
    x[: len(corner)] = np.where(corner, lo, hi).astype(np.float32)
    return np.clip(x, lo.astype(np.float32), hi.astype(np.float32))
