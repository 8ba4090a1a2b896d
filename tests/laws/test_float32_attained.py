"""Runs with the largest rounding (`benchmarks/float32_attained.py`) are valid and within bounds."""

import sys
from fractions import Fraction
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

import outrange
from outrange.domains.float32 import bound_deviations, plan_of_rows
from outrange.graph import Builder, Slot


sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from float32_attained import attained, layers_of, nearest, replay, worst_orders
from float32_beam import Order, best_sums, fused_add


def cancelling(seed=0, width=24):
    """Return sums with cancelling terms, and bends between them."""
    rng = np.random.default_rng(seed)
    b = Builder([Slot("x", (3,))])
    (x,) = b.input_values()
    for inputs, outputs in ((3, width), (width, width), (width, 2)):
        weight, bias = (np.float32(rng.normal(size=n)) for n in ((inputs, outputs), outputs))
        x = b.dense(x, weight, bias)
        x = b.curve("relu", x) if outputs == width else x
    return b.finish([x], ["y"])


def in_float32(layers, x, orders):
    """Return a run without fused products, in NumPy's own float32."""
    for layer, order in zip(layers, orders, strict=True):
        after = []
        for weights, bias, terms, _, paired in zip(layer.weights, layer.bias, *order, strict=True):
            products = [*(w * v for w, v in zip(weights, x, strict=True)), bias]
            total, group = np.float32(0), []
            for i, first in zip(terms, paired, strict=True):
                group.append(products[i])
                if not first:
                    total = total + sum(group[1:], group[0])
                    group = []
            after.append(total)
        x = np.array(after, np.float32)
        x = np.maximum(x, np.float32(0)) if layer.rectified else x
    return x


def of_point(orders, point):
    return [Order(*(part[point] for part in order)) for order in orders]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_recorded_runs_return_the_same_again_and_stay_within_what_is_proved(sign):
    graph = cancelling()
    layers = layers_of(graph)
    x = np.random.default_rng(1).uniform(-1.0, 1.0, (6, 3)).astype(np.float32)
    row = np.array([0.0, sign])
    values, orders = worst_orders(layers, x, row, beam=8)
    wide = x.astype(np.float64)
    off = bound_deviations(plan_of_rows(graph, np.eye(2)), wide, wide).off @ np.abs(row)
    real = graph.run(wide) @ row
    for point in range(len(x)):
        again = replay(layers, x[point], of_point(orders, point))
        assert [float(y) for y in again] == values[point].astype(np.float64).tolist()
    below = real - values @ row
    assert (below <= off * (1.0 + 1e-6)).all()
    assert (below >= 0.35 * off).all(), below / off


def test_half_of_what_is_proved_of_a_sum_is_attained():
    b = Builder([Slot("x", (24,))])
    (x,) = b.input_values()
    weight = np.float32(np.random.default_rng(0).normal(size=(24, 1)))
    graph = b.finish([b.dense(x, weight, np.float32([0.3]))], ["y"])
    x = np.random.default_rng(1).uniform(0.5, 1.0, (64, 24)).astype(np.float32)
    values, _ = worst_orders(layers_of(graph), x, np.ones(1), beam=16)
    wide = x.astype(np.float64)
    off = bound_deviations(plan_of_rows(graph, np.eye(1)), wide, wide).off
    share = (graph.run(wide) - values) / off
    assert (share <= 1.0 + 1e-6).all()
    assert np.median(share) >= 0.5, np.median(share)


def test_runs_that_fuse_nothing_are_those_of_numpy():
    layers = layers_of(cancelling(seed=2))
    x = np.random.default_rng(2).uniform(-1.0, 1.0, (3, 3)).astype(np.float32)
    _, orders = worst_orders(layers, x, np.array([1.0, 0.0]), beam=4)
    assert any(order.fused.any() for order in orders)
    apart = [order._replace(fused=np.zeros_like(order.fused)) for order in orders]
    for point in range(len(x)):
        again = replay(layers, x[point], of_point(apart, point))
        result = in_float32(layers, x[point], of_point(apart, point))
        assert [float(y) for y in again] == result.astype(np.float64).tolist()


def test_a_sum_of_four_terms_strays_as_far_as_the_best_of_all_its_orders():
    for seed in range(20):
        exact = np.random.default_rng(seed).normal(size=4)
        rounded = exact.astype(np.float32)
        value, _ = best_sums(exact[None], rounded[None], np.ones(1), beam=200)
        chained = max(
            float(((rounded[i] + rounded[j]) + rounded[k]) + rounded[m])
            for i, j, k, m in permutations(range(4))
        )
        assert float(value[0]) >= chained


def test_fused_sums_are_rounded_once():
    rng = np.random.default_rng(0)
    p = np.float32(rng.normal(size=2000) * 2.0 ** rng.integers(-30, 30, 2000))
    w, v = np.float32(rng.normal(size=(2, 2000)))
    product = w.astype(np.float64) * v
    # Halfway between two numbers but for a bit that float64 drops.
    p[:2], product[:2] = 1.0, [2.0**-24 + 2.0**-60, 2.0**-24 - 2.0**-60]
    result = fused_add(p, product)
    for a, b, y in zip(p, product, result, strict=True):
        assert Fraction(float(y)) == nearest(Fraction(float(a)) + Fraction(float(b)))
    assert result[:2].tolist() == [1.0 + 2.0**-23, 1.0]


def test_what_is_attained_is_beyond_the_real_end_and_within_the_float32_one():
    graph = cancelling(seed=3, width=12)
    lo, hi = np.full(3, -0.25), np.full(3, 0.25)
    answer = outrange.output_range(graph, (lo, hi), arithmetic="float32", time_limit=3)
    for k in range(2):
        at, row = np.ravel(np.asarray(answer.at_lo)[k]), np.eye(2)[k]
        result = attained(graph, row, at, (lo, hi), tries=8, beam=8)
        assert answer.lo[k] <= result < answer.real_lo[k]


def test_other_graphs_are_left_alone():
    b = Builder([Slot("x", (2,))])
    (x,) = b.input_values()
    graph = b.finish([b.curve("tanh", b.dense(x, np.eye(2)))], ["y"])
    box = (np.zeros(2), np.ones(2))
    assert np.isnan(attained(graph, np.array([1.0, 0.0]), np.zeros(2), box))
