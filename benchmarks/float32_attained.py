"""Orders of sums that round the most: what float32 is certainly off by, beside what is proved.

At a float32 point, unit after unit in the order of layers, the terms of each sum are added one after
the other, in an order chosen so that the roundings move the output the way that is asked: each
product rounded before it is added, or fused. What comes out is a float32 run of the network in an
order that the bounds of `arithmetic="float32"` hold for: they can be no nearer.

* *Which way*: by the sign of the output's slope in the unit, at the point, in real arithmetic.
* *How far*: an addition is off by at most half a unit in the last place of its result. Partial sums
  are largest if positive terms come first, from the largest down, and then the negative ones, from
  the smallest up, or the other way round. About this order a beam search looks among the next terms
  for the one whose rounding is best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from outrange.graph.float32 import FLOAT32, only_picks
from outrange.ops import Affine, Curve


WINDOW = 16
"""Terms, the next ones of an order, that may be added first."""


@dataclass(frozen=True, eq=False)
class Layer:
    """Sums, and whether they are rectified: weights `(m, n)`, constants `(m,)`, float32 numbers."""

    weights: np.ndarray
    bias: np.ndarray
    rectified: bool


class Order(NamedTuple):
    """Of one sum: its terms one after the other, the constant as term `n`; which are fused."""

    terms: np.ndarray
    fused: np.ndarray


def layers_of(graph: Any) -> list[Layer] | None:
    """The layers of a chain of matrices and relus; None for other graphs."""
    layers: list[Layer] = []
    for v, node in enumerate(graph.nodes, 1):
        op = node.op
        if node.inputs != (v - 1,):
            return None
        if isinstance(op, Affine) and only_picks(op, FLOAT32):
            if not np.array_equal(op.apply([np.eye(op.size)], False), np.eye(op.size)):
                return None
        elif isinstance(op, Affine) and op.plain and op.factor is None and not op.ulps:
            (weights,) = op.adjoint(np.eye(op.size))
            layer = Layer(weights.astype(np.float32), op.bias.astype(np.float32), False)
            if not (np.array_equal(layer.weights, weights) and np.array_equal(layer.bias, op.bias)):
                return None
            layers.append(layer)
        elif isinstance(op, Curve) and op.name == "relu" and layers and not layers[-1].rectified:
            layers[-1] = Layer(layers[-1].weights, layers[-1].bias, True)
        else:
            return None
    return layers


def slopes(layers: Sequence[Layer], x: np.ndarray, row: np.ndarray) -> list[np.ndarray]:
    """Of `row @ output` in every sum of each layer, `(P, m)`, at points `(P, d)`."""
    sums = []
    for layer in layers:
        z = x @ layer.weights.astype(np.float64).T + layer.bias
        sums.append(z)
        x = np.maximum(z, 0.0) if layer.rectified else z
    found, a = [], np.broadcast_to(row, sums[-1].shape)
    for layer, z in zip(layers[::-1], sums[::-1], strict=True):
        a = a * (z > 0) if layer.rectified else a
        found.append(a)
        a = a @ layer.weights.astype(np.float64)
    return found[::-1]


def worst_orders(
    layers: Sequence[Layer], x: np.ndarray, row: np.ndarray, beam: int
) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """Runs that lower `row @ output`.

    Args:
        layers: Of the network.
        x: `(P, d)` float32 points.
        row: `(k,)`.
        beam: Partial sums that are kept at each step.

    Returns:
        `(P, k)` float32 outputs, and of each layer the terms in their order and which are fused,
        `(P, m, n + 1)`.
    """
    wanted = [-np.sign(a) for a in slopes(layers, x.astype(np.float64), row)]
    orders = []
    for layer, want in zip(layers, wanted, strict=True):
        points, units = len(x), len(layer.bias)
        exact = x[:, None].astype(np.float64) * layer.weights
        rounded = x[:, None] * layer.weights
        bias = np.broadcast_to(layer.bias[None, :, None], (points, units, 1))
        exact = np.concatenate([exact, bias], axis=2).reshape(points * units, -1)
        rounded = np.concatenate([rounded, bias], axis=2).reshape(points * units, -1)
        want = np.where(want == 0, 1.0, want).ravel()
        value, terms, fused = _sums(exact, rounded, want, beam)
        orders.append((terms.reshape(points, units, -1), fused.reshape(points, units, -1)))
        x = value.reshape(points, units)
        x = np.maximum(x, np.float32(0)) if layer.rectified else x
    return x, orders


def _sums(
    exact: np.ndarray, rounded: np.ndarray, want: np.ndarray, beam: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The value of each sum `(S,)`, its terms in order and which are fused, `(S, T)`."""
    best = None
    for sign in (1.0, -1.0):
        schedule = _mountain(sign * exact)
        terms = np.take_along_axis(exact, schedule, 1), np.take_along_axis(rounded, schedule, 1)
        off, value, place, fused = _beam(*terms, want, beam)
        found = off, value, np.take_along_axis(schedule, place, 1), fused
        if best is None:
            best = found
        else:
            better = found[0] > best[0]
            best = tuple(
                np.where(better.reshape(-1, *(1,) * (new.ndim - 1)), new, old)
                for new, old in zip(found, best, strict=True)
            )
    return best[1:]


def _mountain(terms: np.ndarray) -> np.ndarray:
    """Positive terms from the largest down, then negative ones from the smallest up, then zeros."""
    return np.argsort(np.where(terms == 0, np.inf, -terms), axis=1, kind="stable")


def _beam(
    exact: np.ndarray, rounded: np.ndarray, want: np.ndarray, beam: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sums of terms in about the order they are in: how far off, values, places, which fused."""
    sums, count = exact.shape
    live = int((exact != 0).sum(axis=1).max(initial=1))
    wide = min(WINDOW, live)
    rows = np.arange(sums)[:, None]
    spare = np.maximum(want[:, None] * (rounded.astype(np.float64) - exact), 0.0)
    marks = np.random.default_rng(0).integers(1 << 62, size=count)
    partial, score = np.zeros((sums, 1), np.float32), np.zeros((sums, 1))
    mark = np.zeros((sums, 1), np.int64)
    queue = np.broadcast_to(np.arange(wide), (sums, 1, wide))
    steps = []
    for step in range(live):
        width = queue.shape[2]
        at = rows[:, :, None], queue
        p = partial[:, :, None]
        apart, joint = p + rounded[at], fused_add(p, exact[at])
        new = np.stack([apart, joint], axis=-1)
        gain = want[:, None, None, None] * (
            new.astype(np.float64) - p[..., None] - exact[at][..., None]
        )
        total = score[:, :, None, None] + gain - spare[at][..., None]
        after = mark[:, :, None] ^ marks[queue]
        code = after[..., None] ^ (new.view(np.int32).astype(np.int64) * 0x9E3779B97F4A7C1)
        chosen = _distinct_best(total.reshape(sums, -1), code.reshape(sums, -1), beam)
        parent, slot, fused = np.unravel_index(chosen, total.shape[1:])
        place = queue[rows, parent, slot]
        steps.append((parent, place, fused))
        partial = new[rows, parent, slot, fused]
        score, mark = total[rows, parent, slot, fused], after[rows, parent, slot]
        queue = _without(queue[rows, parent], slot, step + wide if step + wide < live else None)
        assert width >= queue.shape[2]
    best = score.argmax(axis=1)[:, None]
    value, off = partial[rows, best][:, 0], score[rows, best][:, 0] + spare.sum(axis=1)
    places, joint = np.empty((sums, count), np.int64), np.zeros((sums, count), bool)
    places[:, live:] = np.arange(live, count)
    for step in range(live - 1, -1, -1):
        parent, place, fused = (part[rows, best] for part in steps[step])
        places[:, step], joint[:, step] = place[:, 0], fused[:, 0] == 1
        best = parent
    return off, value, places, joint


def _distinct_best(total: np.ndarray, code: np.ndarray, beam: int) -> np.ndarray:
    """The best candidates of each row, equal ones once: `(S, beam)` or all of them."""
    many = 3 * beam
    if total.shape[1] > many:
        some = np.argpartition(-total, many, axis=1)[:, :many]
    else:
        some = np.broadcast_to(np.arange(total.shape[1]), total.shape)
    total, code = np.take_along_axis(total, some, 1), np.take_along_axis(code, some, 1)
    order = np.argsort(code, axis=1)
    sorted_code = np.take_along_axis(code, order, 1)
    again = np.zeros(code.shape, bool)
    np.put_along_axis(again, order[:, 1:], sorted_code[:, 1:] == sorted_code[:, :-1], 1)
    ranked = np.argsort(np.where(again, np.inf, -total), axis=1)[:, :beam]
    return np.take_along_axis(some, ranked, 1)


def _without(queue: np.ndarray, slot: np.ndarray, following: int | None) -> np.ndarray:
    """Each queue without one of its places, and with the place that follows behind."""
    kept = np.arange(queue.shape[2] - 1)
    kept = kept + (kept >= slot[:, :, None])
    left = np.take_along_axis(queue, kept, 2)
    if following is None:
        return left
    return np.concatenate([left, np.full((*left.shape[:2], 1), following)], axis=2)


def fused_add(p: np.ndarray, product: np.ndarray) -> np.ndarray:
    """`p + product`, rounded once to float32; the product is exact in float64.

    The sum in float64 is rounded to odd: then rounding it again is as rounding once.
    """
    p = p.astype(np.float64)
    total = p + product
    part = total - p
    rest = (p - (total - part)) + (product - part)
    even = (total.view(np.int64) & 1) == 0
    odd = np.nextafter(total, np.where(rest > 0, np.inf, -np.inf))
    return np.where((rest != 0) & even, odd, total).astype(np.float32)


def nearest(q: Fraction) -> Fraction:
    """The float32 number next to a rational one, ties to even."""
    if q == 0:
        return q
    size = abs(q)
    e = size.numerator.bit_length() - size.denominator.bit_length()
    e -= size < Fraction(2) ** e
    unit = Fraction(2) ** (max(e, -126) - 23)
    return round(q / unit) * unit


def replay(
    layers: Sequence[Layer], x: np.ndarray, orders: Sequence[tuple[np.ndarray, np.ndarray]]
) -> list[Fraction]:
    """The outputs of one run, operation by operation, in rational arithmetic rounded to float32.

    Args:
        layers: Of the network.
        x: `(d,)` float32 numbers.
        orders: Of each layer, the terms of its sums in order and which are fused, `(m, n + 1)`.
    """
    values = [Fraction(float(one)) for one in x]
    for layer, (terms, fused) in zip(layers, orders, strict=True):
        after = []
        for i, bias in enumerate(layer.bias):
            total = Fraction(0)
            assert sorted(terms[i]) == list(range(len(values) + 1))
            for term, joint in zip(terms[i], fused[i], strict=True):
                if term == len(values):
                    product = Fraction(float(bias))
                else:
                    product = Fraction(float(layer.weights[i, term])) * values[term]
                total = nearest(total + (product if joint else nearest(product)))
            after.append(max(total, Fraction(0)) if layer.rectified else total)
        values = after
    return values
