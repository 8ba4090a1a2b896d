"""The phase search finds what the box kernel and an independent program find."""

import itertools

import numpy as np
import pytest

from outrange.core import Box
from outrange.graph import Builder, Slot
from outrange.graph.rewrite import fold, piecewise_to_pairs
from outrange.search.phase_search import PhaseSearch, takes
from outrange.search.solve import solve
from outrange.search.state import State
from random_graphs import LINES, random_box, random_graph


def _both_ends(graph):
    """The graph with every output and its negative."""
    b = Builder(graph.inputs, nodes=list(graph.nodes), source="both")
    from outrange.graph.values import Value

    n = graph.value_size(graph.output)
    y = Value(b, graph.output, (1, n))
    return b.finish([b.dense(y, np.concatenate([np.eye(n), -np.eye(n)], axis=1))], ["y"])


def _searched(graph, box, tol=1e-7):
    graph = fold(piecewise_to_pairs(_both_ends(graph)))
    assert takes(graph)
    n = graph.value_size(graph.output)
    rows = np.eye(n // 2)
    state = State(np.concatenate([rows, -rows]), tol, 60.0, None)
    search = PhaseSearch(graph, box, state, seed=1)
    stopped = search.run()
    return search.lower(), state, stopped


@pytest.mark.parametrize("seed", range(24))
def test_ranges_are_those_of_the_box_search(seed):
    rng = np.random.default_rng((31, seed))
    graph = random_graph(rng, curves=LINES if seed % 2 else ("relu",), wild=False)
    box = random_box(rng, graph)
    lower, state, stopped = _searched(graph, box)
    n = graph.value_size(graph.output)
    rows = np.concatenate([np.eye(n), -np.eye(n)])
    known = solve(graph, box, rows, tol=1e-7, time_limit=60, solver=False)
    assert known.status == "exact" and stopped is None
    spread = np.maximum(known.tolerance / 1e-7, 1e-9 * (1 + np.abs(known.seen)))
    assert (lower <= known.seen + 1e-9 * spread).all()
    assert np.allclose(lower, known.lower, rtol=0, atol=3e-6 * spread.max())
    assert (state.best >= lower - 1e-9 * spread).all()


def _mlp(seed, widths=(40, 24, 24, 2)):
    rng = np.random.default_rng(seed)
    b = Builder([Slot("x", (widths[0],))])
    (x,) = b.input_values()
    for i, (n, m) in enumerate(itertools.pairwise(widths)):
        x = b.dense(x, rng.normal(size=(n, m)) * np.sqrt(2 / n), 0.1 * rng.normal(size=m))
        if i < len(widths) - 2:
            x = b.curve("relu", x)
    return b.finish([x], ["y"]), rng


@pytest.mark.parametrize("seed", range(3))
def test_many_inputs_agree_with_an_independent_program(seed):
    from independent_milp import range_of

    graph, rng = _mlp(seed)
    middle = rng.normal(size=40)
    box = Box(middle - 0.08, middle + 0.08)
    lower, state, stopped = _searched(graph, box)
    assert stopped is None
    net = []
    for node in graph.nodes:
        if hasattr(node.op, "knots"):
            net.append(("pieces", (0.0,), (0.0, 1.0), 0.0))
        else:
            weight = node.op.adjoint(np.eye(node.size))[0].T
            net.append(("dense", weight, node.op.bias))
    spread = state.spread()
    for k in range(2):
        low, high = range_of(net, box.lo, box.hi, k)
        assert abs(lower[k] - low) <= 1e-6 * max(spread[k], 1.0)
        assert abs(-lower[2 + k] - high) <= 1e-6 * max(spread[k], 1.0)
