"""Ranges over norm balls: sound at every sample, exact where duality gives the answer."""

from __future__ import annotations

import numpy as np
import pytest

from outrange.core import Box, Distance
from outrange.graph import Builder, Slot
from outrange.search.common.solution import Status
from outrange.search.methods.norm_ball.boxes import BallBoxes, norm
from outrange.search.methods.norm_ball.relaxation import least_in_ball
from outrange.search.solve_in_ball import solve_in_ball

from ..cases import cases
from ..small_graphs import dense_net, gate_net


def sample_ball(rng, lo, hi, ball, count=4000):
    """Sample points of a box in a ball, some of them on its sphere."""
    x = rng.uniform(lo, hi, (count, lo.size))
    boxes = BallBoxes(lo[None], hi[None], np.zeros(lo.size, bool), ball)
    x = np.clip(boxes.snap(x), lo, hi)
    far = norm(x[:, ball.index] - ball.center, ball.order)
    return x[far <= ball.radius]


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("seed", range(cases(5, 200)))
def test_the_least_of_a_form_in_a_ball(order, seed):
    rng = np.random.default_rng([seed, order])
    d = int(rng.integers(1, 6))
    index = np.sort(rng.permutation(d)[: rng.integers(1, d + 1)])
    ball = Distance(index, rng.normal(size=index.size), float(rng.uniform(0.2, 2)), order)
    lo = rng.normal(size=d) - rng.uniform(0.1, 2, d)
    hi = lo + rng.uniform(0.1, 3, d)
    slopes = rng.normal(size=(1, 3, d)) * (rng.random((1, 3, d)) < 0.8)
    offset = rng.normal(size=(1, 3))
    result = least_in_ball(slopes, offset, lo[None], hi[None], ball)
    x = sample_ball(rng, lo, hi, ball)
    if len(x):
        values = x @ slopes[0].T + offset[0]
        assert (result.least[0] <= values.min(axis=0)).all()
    at = result.at[0]
    assert ((lo <= at) & (at <= hi)).all()
    far = norm(at[:, index] - ball.center, order)
    near = far <= ball.radius * (1 + 1e-6)
    if order == 2:  # the minimizer itself: bound and point coincide
        value = (at * slopes[0]).sum(axis=1) + offset[0]
        tight = np.isfinite(result.least[0]) & near
        assert np.allclose(value[tight], result.least[0][tight], atol=1e-6)


def linear(weight):
    b = Builder([Slot("x", (weight.shape[0],))])
    return b.finish([b.dense(b.input_values()[0], weight)], ["y"])


@pytest.mark.parametrize(("order", "dual"), [(1, np.inf), (2, 2)])
def test_a_linear_network_has_the_range_of_the_dual_norm(order, dual):
    rng = np.random.default_rng(order)
    weight, center, radius = rng.normal(size=(5, 2)), rng.normal(size=5), 0.7
    box = Box(center - radius, center + radius)
    ball = Distance(np.arange(5), center, radius, order)
    solution = solve_in_ball(linear(weight), box, ball, np.vstack([np.eye(2), -np.eye(2)]))
    middle, reach = center @ weight, radius * np.linalg.norm(weight, dual, axis=0)
    assert solution.status is Status.EXACT
    np.testing.assert_allclose(solution.lower[:2], middle - reach, atol=1e-6)
    np.testing.assert_allclose(-solution.lower[2:], middle + reach, atol=1e-6)
    assert (solution.lower <= np.concatenate([middle - reach, -middle - reach]) + 1e-12).all()


@pytest.mark.parametrize("net", [dense_net, gate_net])
@pytest.mark.parametrize("order", [1, 2])
def test_bounds_hold_on_points_of_the_ball_and_are_attained_in_it(net, order):
    rng = np.random.default_rng(3)
    graph = net(rng, "relu")
    center = rng.normal(size=graph.size) * 0.2
    box = Box(center - 0.5, center + 0.5)
    ball = Distance(np.arange(graph.size), center, 0.5, order)
    outputs = graph.value_size(graph.output)
    rows = np.vstack([np.eye(outputs), -np.eye(outputs)])
    solution = solve_in_ball(graph, box, ball, rows, tol=1e-3)
    y = graph.run(sample_ball(rng, box.lo, box.hi, ball)) @ rows.T
    assert (solution.lower <= y.min(axis=0) + 1e-12).all()
    assert solution.status is Status.EXACT and (solution.seen <= y.min(axis=0) + 1e-3).all()
    assert (norm(solution.at - center, order) <= 0.5).all()
    at = (graph.run(solution.at) @ rows.T)[np.arange(len(rows)), np.arange(len(rows))]
    np.testing.assert_allclose(at, solution.seen, atol=1e-12)
