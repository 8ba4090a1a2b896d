"""Tests neuron splits against the box kernel and an independent program."""

import itertools

import numpy as np
import pytest

import independent_milp
from cases import cases, combine
from outrange.core import Box
from outrange.graph import Builder, Slot
from outrange.graph.rewrites.rewrite import fold, piecewise_to_pairs
from outrange.search.common.incumbent import Incumbent
from outrange.search.common.problem import with_rows
from outrange.search.common.solution import Stop
from outrange.search.neuron_split.search import METHODS, NeuronSplitSearch, supports
from outrange.search.solve import solve
from random_graphs import LINES, random_graph


def _search(graph, box, tol=1e-7):
    n = graph.value_size(graph.output)
    rows = np.concatenate([np.eye(n), -np.eye(n)])
    graph = with_rows(fold(piecewise_to_pairs(graph)), rows, np.zeros(2 * n))
    assert supports(graph)
    state = Incumbent(rows, tol, 120.0, None)
    search = NeuronSplitSearch(graph, box, state, seed=1)
    return search, state, search.run()


@pytest.mark.parametrize("seed", range(cases(2, 12)))
def test_ranges_are_those_of_the_box_search(seed):
    rng = np.random.default_rng((31, seed))
    graph = random_graph(rng, curves=LINES if seed % 2 else ("relu",), wild=False)
    middle, radius = rng.normal(size=graph.size), rng.uniform(0.05, 0.5, graph.size)
    box = Box(middle - radius, middle + radius)
    search, state, stopped = _search(graph, box)
    n = graph.value_size(graph.output)
    rows = np.concatenate([np.eye(n), -np.eye(n)])
    expected = solve(graph, box, rows, tol=1e-7, time_limit=120, solver=False)
    assert expected.status == "exact" and stopped is Stop.FINISHED
    spread = np.maximum(expected.tolerance / 1e-7, 1e-9 * (1 + np.abs(expected.seen)))
    lower = search.lower()
    assert (lower <= expected.seen + 1e-9 * spread).all()
    assert (lower >= expected.lower - 1e-6 * spread).all()
    assert (state.best >= expected.lower - 1e-9 * spread).all()


def _mlp(seed, widths=(44, 16, 12, 2)):
    """Build random ReLU layers for `independent_milp`, and the same net as a graph."""
    rng = np.random.default_rng(seed)
    b = Builder([Slot("x", (widths[0],))])
    (x,) = b.input_values()
    layers = []
    for i, (n, m) in enumerate(itertools.pairwise(widths)):
        weight, bias = rng.normal(size=(n, m)) * np.sqrt(2 / n), 0.1 * rng.normal(size=m)
        layers.append(("dense", weight, bias))
        x = b.dense(x, weight, bias)
        if i < len(widths) - 2:
            layers.append(("pieces", (0.0,), (0.0, 1.0), 0.0))
            x = b.curve("relu", x)
    return layers, b.finish([x], ["y"]), rng


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(cases(1, 3)))
def test_many_inputs_agree_with_an_independent_program(seed):
    layers, graph, rng = _mlp(seed)
    middle = rng.normal(size=44)
    box = Box(middle - 0.1, middle + 0.1)
    solution = solve(graph, box, np.array([[1.0, 0.0], [-1.0, 0.0]]), solver=False, time_limit=120)
    assert solution.status == "exact" and solution.methods == METHODS
    least, most = independent_milp.output_range(layers, box.lo, box.hi)
    assert least.closed and most.closed
    spread = most.value - least.value
    assert abs(solution.lower[0] - least.bound) <= 2e-6 * spread
    assert abs(-solution.lower[1] - most.bound) <= 2e-6 * spread
    for k, sign in enumerate((1.0, -1.0)):
        assert box.contains(solution.at[k])
        assert sign * graph.run(solution.at[k][None])[0, 0] == pytest.approx(
            solution.seen[k], abs=1e-9
        )


@pytest.mark.slow
def test_without_splits_the_search_ends_without_an_attack():
    _, graph, rng = _mlp(4)
    middle = rng.normal(size=44)
    box = Box(middle - 0.2, middle + 0.2)
    rows = np.concatenate([np.eye(2), -np.eye(2)])
    measured = with_rows(graph, rows, np.zeros(4))
    state = Incumbent(rows, 1e-7, 60.0, None)
    search = NeuronSplitSearch(measured, box, state, splits=False)
    assert search.run() is Stop.FINISHED
    solution = solve(graph, box, rows, tol=cases(1e-4, 1e-7), time_limit=60)
    assert solution.status == "exact"
    assert (search.lower() <= solution.seen).all()
    assert (search.lower() < solution.seen - solution.tolerance).any(), "nothing was left to split"
    assert all(grown.tree.nodes < 40 for grown in search._trees.values())


@pytest.mark.parametrize(("slope", "seed"), combine([0.01, 0.3], [7, 10, 11]))
def test_leaky_kinks_close_as_plain_ones_do(slope, seed):
    """Their code rounds a product, but they are described by two straight pieces all the same."""
    rng = np.random.default_rng(seed)
    b = Builder([Slot("x", (14,))])
    (x,) = b.input_values()
    for n, m in ((14, 12), (12, 12)):
        z = b.dense(x, rng.normal(size=(n, m)) * 1.3 / np.sqrt(n), 0.3 * rng.normal(size=m))
        x = b.curve("leaky_relu", z, negative_slope=slope)
    graph = b.finish([b.dense(x, rng.normal(size=(12, 2)), np.zeros(2))], ["y"])
    middle = 0.3 * rng.normal(size=14)
    rows = np.concatenate([np.eye(2), -np.eye(2)])
    solution = solve(graph, Box(middle - 0.15, middle + 0.15), rows, time_limit=60, solver=False)
    assert solution.status == "exact"
    same = solve(graph, Box(middle - 0.15, middle + 0.15), rows, time_limit=60)
    np.testing.assert_allclose(solution.lower, same.lower, atol=3e-6)


@pytest.mark.parametrize("hidden", [64, 100])
def test_units_that_cannot_be_split_leave_rounding_alone(hidden):
    """All units are stable, and the rounding of their sum exceeds the requested tolerance."""
    rng = np.random.default_rng(0)
    b = Builder([Slot("x", (16,))])
    (x,) = b.input_values()
    units = b.curve("relu", b.dense(x, rng.normal(size=(16, hidden)), np.full(hidden, 2.0**26)))
    last = np.repeat([[1.0], [-1.0]], hidden // 2, axis=0)
    graph = b.finish([b.dense(units, last, np.zeros(1))], ["y"])
    rows = np.array([[1.0], [-1.0]])
    solution = solve(graph, Box(np.full(16, -0.02), np.full(16, 0.02)), rows, time_limit=60)
    assert solution.status == "rounding"
    assert (solution.lower <= solution.seen).all() and (solution.seen - solution.lower < 1e-3).all()
