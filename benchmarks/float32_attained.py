"""Float32 runs with orders of sums that maximize the rounding error, for comparison with proofs.

At a float32 point, unit by unit in the order of layers, the terms of each sum are added in an order
that makes the roundings move the output in one direction. Each product is rounded before it is
added, or fused, and two terms are added to each other first if that is better. The result is a
float32 run of the network that the bounds of `arithmetic="float32"` must contain, so no bound can
be tighter.

* *Direction*: the sign of the output's slope in the unit, at the point, in real arithmetic.
* *Size*: an addition is off by at most half a unit in the last place of its result. Partial sums
  are largest if positive terms come first in descending order, and then the negative terms in
  ascending order of size, or the other way round. Around this order, a beam search selects among
  the next terms those whose rounding is best (`float32_beam.py`).
* *Points*: those that attain the real bound, or nearly; their low bits and roundings differ.

The orders are recorded, and replayed in rational arithmetic rounded to float32 (`replay`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from float32_beam import Order, best_sums

from outrange.graph.float32 import FLOAT32, only_picks
from outrange.ops import Affine, Curve


NEAR = 4096
"""Number of points drawn near the one that attains a bound; some of these are tried."""

AT_ONCE = 32
"""Number of points that are processed together, in arrays of some tens of megabytes."""


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer in float32: weights `(m, n)`, constants `(m,)`, and whether a ReLU follows."""

    weights: np.ndarray
    bias: np.ndarray
    rectified: bool


def layers_of(graph: Any) -> list[Layer] | None:
    """Return the layers of a chain of matrices and ReLUs; None for other graphs."""
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


def attained(
    graph: Any, row: np.ndarray, x: np.ndarray, box: tuple[np.ndarray, np.ndarray],
    tries: int = 160, beam: int = 12,
) -> float:  # fmt: skip
    """Return the least `row @ output` of any run that was found; NaN for unsupported graphs.

    Args:
        graph: The graph, operation by operation.
        row: `(k,)`, with one nonzero entry, 1 or -1.
        x: `(d,)`: a point where the value is nearly least in real arithmetic.
        box: Corners `(d,)`; the points that are tried are float32 numbers in the box.
        tries: Number of points.
        beam: Number of partial sums kept at each step.
    """
    layers = layers_of(graph)
    points = None if layers is None else _points(x, box)
    if layers is None or points is None:
        return float("nan")
    real = graph.run(points.astype(np.float64)) @ row
    points = points[np.argsort(real, kind="stable")[:tries]]
    least = np.inf
    for start in range(0, len(points), AT_ONCE):
        some = points[start : start + AT_ONCE]
        values, orders = worst_orders(layers, some, row, beam)
        best = int(np.argmin(values @ row))
        found = replay(layers, some[best], [Order(*(part[best] for part in o)) for o in orders])
        least = min(least, *(float(r * y) for r, y in zip(row, found, strict=True) if r))
    return least


def _points(x: np.ndarray, box: tuple[np.ndarray, np.ndarray]) -> np.ndarray | None:
    """Return float32 points of a box near a point; None if there are none."""
    lo, hi = (end.astype(np.float32) for end in box)
    lo = np.where(lo < box[0], np.nextafter(lo, np.float32(np.inf)), lo)
    hi = np.where(hi > box[1], np.nextafter(hi, np.float32(-np.inf)), hi)
    if (lo > hi).any():
        return None
    rng = np.random.default_rng(0)
    far = 10.0 ** rng.uniform(-9.0, -6.5, (NEAR, 1))
    near = x + (box[1] - box[0]) * far * rng.normal(size=(NEAR, x.size))
    return np.unique(np.clip(np.concatenate([x[None], near]).astype(np.float32), lo, hi), axis=0)


def worst_orders(
    layers: Sequence[Layer], x: np.ndarray, row: np.ndarray, beam: int
) -> tuple[np.ndarray, list[Order]]:
    """Find runs with orders of sums that lower `row @ output`.

    Args:
        layers: Layers of the network.
        x: `(P, d)`: float32 points.
        row: `(k,)`: coefficients of the outputs.
        beam: Number of partial sums kept at each step.

    Returns:
        The outputs in float32, `(P, k)`, and the orders of the sums of each layer, `(P, m, n + 1)`.
    """
    orders = []
    for layer, slope in zip(layers, _slopes(layers, x.astype(np.float64), row), strict=True):
        shape = len(x), len(layer.bias)
        bias = np.broadcast_to(layer.bias[None, :, None], (*shape, 1))
        exact = np.concatenate([x[:, None].astype(np.float64) * layer.weights, bias], axis=2)
        rounded = np.concatenate([x[:, None] * layer.weights, bias], axis=2)
        count = exact.shape[2]
        want = np.where(slope > 0, -1.0, 1.0).ravel()
        value, order = best_sums(exact.reshape(-1, count), rounded.reshape(-1, count), want, beam)
        orders.append(Order(*(part.reshape(*shape, count) for part in order)))
        x = value.reshape(shape)
        x = np.maximum(x, np.float32(0)) if layer.rectified else x
    return x, orders


def _slopes(layers: Sequence[Layer], x: np.ndarray, row: np.ndarray) -> list[np.ndarray]:
    """Return the slopes of `row @ output` in the sums of each layer, `(P, m)` each, at points."""
    sums = []
    for layer in layers:
        sums.append(x @ layer.weights.astype(np.float64).T + layer.bias)
        x = np.maximum(sums[-1], 0.0) if layer.rectified else sums[-1]
    found, a = [], np.broadcast_to(row, sums[-1].shape)
    for layer, z in zip(layers[::-1], sums[::-1], strict=True):
        a = a * (z > 0) if layer.rectified else a
        found.append(a)
        a = a @ layer.weights.astype(np.float64)
    return found[::-1]


def nearest(q: Fraction) -> Fraction:
    """Return the float32 number nearest to a rational number, with ties to even."""
    if q == 0:
        return q
    size = abs(q)
    e = size.numerator.bit_length() - size.denominator.bit_length()
    e -= size < Fraction(2) ** e
    unit = Fraction(2) ** (max(e, -126) - 23)
    return round(q / unit) * unit


def replay(layers: Sequence[Layer], x: np.ndarray, orders: Sequence[Order]) -> list[Fraction]:
    """Replay one run in rational arithmetic rounded to float32; return the outputs.

    Args:
        layers: Layers of the network.
        x: `(d,)`: the float32 input.
        orders: Orders of the sums of each layer, `(m, n + 1)`.
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
    if sorted(order.terms) != list(range(len(terms))):
        raise ValueError("Not every term is added once.")
    total, group, alone = Fraction(0), Fraction(0), True
    for i, fused, paired in zip(*order, strict=True):
        term = terms[i] if fused else nearest(terms[i])
        if alone and not paired:
            total = nearest(total + term)
            continue
        group, alone = nearest(group + term), not paired
        if alone:
            total, group = nearest(total + group), Fraction(0)
    return total
