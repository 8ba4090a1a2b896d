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


WINDOW = 8
"""Terms, the next ones of an order, that may be added first."""


@dataclass(frozen=True, eq=False)
class Layer:
    """Sums, and whether they are rectified: weights `(m, n)`, constants `(m,)`, float32 numbers."""

    weights: np.ndarray
    bias: np.ndarray
    rectified: bool


class Order(NamedTuple):
    """Of sums: their terms one after the other, the constant as term `n`.

    `fused`: added by a fused multiply-add. `paired`: added to the one behind first.
    """

    terms: np.ndarray
    fused: np.ndarray
    paired: np.ndarray


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
) -> tuple[np.ndarray, list[Order]]:
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
        value, order = _sums(exact, rounded, want, beam)
        orders.append(Order(*(part.reshape(points, units, -1) for part in order)))
        x = value.reshape(points, units)
        x = np.maximum(x, np.float32(0)) if layer.rectified else x
    return x, orders


def _sums(
    exact: np.ndarray, rounded: np.ndarray, want: np.ndarray, beam: int
) -> tuple[np.ndarray, Order]:
    """The value of each sum `(S,)`, and its order."""
    found = []
    for sign in (1.0, -1.0):
        schedule = _mountain(sign * exact)
        terms = np.take_along_axis(exact, schedule, 1), np.take_along_axis(rounded, schedule, 1)
        off, value, places, fused, paired = _beam(*terms, want, beam)
        found.append((off, value, np.take_along_axis(schedule, places, 1), fused, paired))
    better = found[1][0] > found[0][0]
    value, *order = (
        np.where(better if old.ndim == 1 else better[:, None], new, old)
        for old, new in zip(*(one[1:] for one in found), strict=True)
    )
    return value, Order(*order)


def _mountain(terms: np.ndarray) -> np.ndarray:
    """Positive terms from the largest down, then negative ones from the smallest up, then zeros."""
    return np.argsort(np.where(terms == 0, np.inf, -terms), axis=1, kind="stable")


class _States(NamedTuple):
    """Partial sums of some terms each, the most wanted of those with as many: `(S, b)` each.

    Where they come from: from sums of how many terms less, of which rank, by which places, and how.
    """

    score: np.ndarray
    partial: np.ndarray
    mark: np.ndarray
    queue: np.ndarray
    step: np.ndarray
    parent: np.ndarray
    places: np.ndarray
    fused: np.ndarray


class _Terms(NamedTuple):
    """Of all sums: the terms, exact and rounded, which way they shall stray, and marks of places."""

    exact: np.ndarray
    rounded: np.ndarray
    want: np.ndarray
    spare: np.ndarray
    marks: np.ndarray


def _beam(
    exact: np.ndarray, rounded: np.ndarray, want: np.ndarray, beam: int
) -> tuple[np.ndarray, ...]:
    """Sums of terms in about the order they are in.

    Returns:
        How far off each is, its value, and the order of its terms: places, which are fused, which
        are added to the one behind first.
    """
    sums, count = exact.shape
    live = int((exact != 0).sum(axis=1).max(initial=1))
    spare = np.maximum(want[:, None] * (rounded.astype(np.float64) - exact), 0.0)
    marks = np.random.default_rng(0).integers(1 << 62, size=count)
    terms = _Terms(exact, rounded, want, spare, marks)
    none = np.zeros((sums, 1), np.int64)
    queue = np.broadcast_to(np.arange(min(WINDOW, live)), (sums, 1, min(WINDOW, live)))
    states = [_States(none * 0.0, np.float32(none), none, queue, none, none, none, none)]
    for done in range(1, live + 1):
        found = [_candidates(terms, states[done - 1], 1, beam)]
        if done >= 2 and states[done - 2].queue.shape[2] > 1:
            found.append(_candidates(terms, states[done - 2], 2, beam))
        merged = _States(*(np.concatenate(part, axis=1) for part in zip(*found, strict=True)))
        states.append(_kept(terms, states, merged, beam, min(WINDOW, live - done), done))
    return _traced(states, spare, count, live)


def _candidates(terms: _Terms, before: _States, step: int, beam: int) -> _States:
    """The best sums with one term more, or with two that are added to each other first."""
    sums, _, width = before.queue.shape
    rows = np.arange(sums)[:, None, None]
    p = before.partial[:, :, None]
    if step == 1:
        slots = np.stack([np.arange(width)] * 2)
        place = before.queue
        exact, first = terms.exact[rows, place], terms.rounded[rows, place]
        apart, joint = p + first, fused_add(p, exact)
        marks, spare = terms.marks[place], terms.spare[rows, place]
    else:
        slots = np.stack(np.triu_indices(width, 1))
        one, two = before.queue[:, :, slots[0]], before.queue[:, :, slots[1]]
        first = terms.rounded[rows, one]
        exact = terms.exact[rows, one] + terms.exact[rows, two]
        apart = p + (first + terms.rounded[rows, two])
        joint = p + fused_add(first, terms.exact[rows, two])
        marks = terms.marks[one] ^ terms.marks[two]
        spare = terms.spare[rows, one] + terms.spare[rows, two]
    new = np.stack([apart, joint], axis=-1)
    gain = new.astype(np.float64) - p[..., None] - exact[..., None]
    score = before.score[:, :, None, None] + terms.want[:, None, None, None] * gain
    score = score - spare[..., None]
    mark = before.mark[:, :, None] ^ marks
    chosen = _best(score.reshape(sums, -1), beam)
    parent, slot, fused = np.unravel_index(chosen, score.shape[1:])
    at = rows[:, :, 0], parent, slot
    return _States(
        score[(*at, fused)], new[(*at, fused)], mark[at], slots.T[slot], np.full(slot.shape, step),
        parent, before.queue[at[0][..., None], parent[..., None], slots.T[slot]], fused,
    )  # fmt: skip


def _best(score: np.ndarray, beam: int) -> np.ndarray:
    many = 3 * beam
    if score.shape[1] <= many:
        return np.broadcast_to(np.arange(score.shape[1]), score.shape)
    return np.argpartition(-score, many, axis=1)[:, :many]


def _kept(
    terms: _Terms, states: list[_States], found: _States, beam: int, width: int, done: int
) -> _States:
    """The best of all sums of so many terms, equal ones once, and which terms are next."""
    code = found.mark ^ (found.partial.view(np.int32).astype(np.int64) * 0x9E3779B97F4A7C1)
    order = np.argsort(code, axis=1)
    in_order = np.take_along_axis(code, order, 1)
    again = np.zeros(code.shape, bool)
    np.put_along_axis(again, order[:, 1:], in_order[:, 1:] == in_order[:, :-1], 1)
    chosen = np.argsort(np.where(again, np.inf, -found.score), axis=1)[:, :beam]
    rows = np.arange(len(code))[:, None]
    slots, step, parent = found.queue[rows, chosen], found.step[rows, chosen], found.parent[rows, chosen]
    queue = np.full((*chosen.shape, width), done + width - 1)
    for k in (1, 2):
        if done < k:
            continue
        before = states[done - k].queue
        kept = np.arange(width) + np.zeros((*chosen.shape, 1), np.int64)
        for j in range(k):
            kept = kept + (kept >= slots[:, :, j, None])
        have = before.shape[2]
        source = before[rows, np.minimum(parent, before.shape[1] - 1)]
        taken = np.take_along_axis(source, np.minimum(kept, have - 1), 2)
        # Behind the queue are the places that follow.
        taken = np.where(kept < have, taken, kept + done - k)
        queue = np.where((step == k)[..., None], taken, queue)
    return _States(
        found.score[rows, chosen], found.partial[rows, chosen], found.mark[rows, chosen], queue,
        step, parent, found.places[rows, chosen], found.fused[rows, chosen],
    )  # fmt: skip


def _traced(
    states: list[_States], spare: np.ndarray, count: int, live: int
) -> tuple[np.ndarray, ...]:
    """The best of the whole sums, and how it came about."""
    sums = len(spare)
    rows, every = np.arange(sums), np.arange(sums)
    rank = states[-1].score.argmax(axis=1)
    off = states[-1].score[rows, rank] + spare.sum(axis=1)
    value = states[-1].partial[rows, rank]
    places = np.tile(np.arange(count), (sums, 1))
    fused, paired = np.zeros((2, sums, count), bool)
    left = np.full(sums, live)
    while (left > 0).any():
        for done in np.unique(left[left > 0]):
            some = every[left == done]
            state, at = states[done], (every[left == done], rank[left == done])
            step = state.step[at]
            last = np.where(step == 2, state.places[at][:, -1], state.places[at][:, 0])
            places[some, done - 1] = last
            fused[some, done - 1] = state.fused[at] == 1
            two = some[step == 2]
            places[two, done - 2] = state.places[at][step == 2, 0]
            paired[two, done - 2] = True
            rank[some] = state.parent[at]
            left[some] = done - step
    return off, value, places, fused, paired


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
    layers: Sequence[Layer], x: np.ndarray, orders: Sequence[Order]
) -> list[Fraction]:
    """The outputs of one run, operation by operation, in rational arithmetic rounded to float32.

    Args:
        layers: Of the network.
        x: `(d,)` float32 numbers.
        orders: Of the sums of each layer, `(m, n + 1)`.
    """
    values = [Fraction(float(one)) for one in x]
    for layer, order in zip(layers, orders, strict=True):
        after = []
        for weights, bias, *one in zip(layer.weights, layer.bias, *order, strict=True):
            products = [Fraction(float(w)) * v for w, v in zip(weights, values, strict=True)]
            total = _total([*products, Fraction(float(bias))], Order(*one))
            after.append(max(total, Fraction(0)) if layer.rectified else total)
        values = after
    return values


def _total(terms: Sequence[Fraction], order: Order) -> Fraction:
    assert sorted(order.terms) == list(range(len(terms)))
    total, first = Fraction(0), None
    for i, fused, paired in zip(*order, strict=True):
        term = terms[i] if fused else nearest(terms[i])
        if paired:
            assert first is None and not fused
            first = term
        elif first is not None:
            total, first = nearest(total + nearest(first + term)), None
        else:
            total = nearest(total + term)
    assert first is None
    return total
