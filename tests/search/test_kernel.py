"""Features of the compiled kernel: its radii, its exact leaves, its threads."""

import numpy as np
import pytest

from outrange.core import Box
from outrange.graph import Builder, Graph, Slot
from outrange.search.input_split import kernel_search
from outrange.search.kernel.binding import CompiledProgram, library
from outrange.search.kernel.compile import compile_layers
from outrange.search.solve import solve


pytestmark = pytest.mark.skipif(library() is None, reason="built without a compiler")


def deep_net(inputs: int, width: int, depth: int, seed: int = 0) -> Graph:
    rng = np.random.default_rng(seed)
    b = Builder([Slot("x", (inputs,))])
    x = b.input_values()[0]
    for _ in range(depth):
        weight = rng.normal(size=(x.shape[1], width)) * np.sqrt(2.0 / x.shape[1])
        x = b.curve("relu", b.dense(x, weight, 0.1 * rng.normal(size=width)))
    x = b.dense(x, rng.normal(size=(width, 1)) / np.sqrt(width), np.zeros(1))
    return b.finish([x], ["y"])


ENDS = np.array([[1.0], [-1.0]])


def test_radii_stay_below_the_tolerance_of_a_thin_box_deep_down():
    """With magnitudes by intervals, they exceeded it: 1e-4 of the range on such a box."""
    graph = deep_net(5, 50, 6)
    box = Box(np.full(5, 0.3) - 1e-3, np.full(5, 0.3) + 1e-3)
    solution = solve(graph, box, ENDS)
    spread = -(solution.seen[0] + solution.seen[1])
    assert solution.status == "exact"
    assert np.all(solution.tolerance <= 1.0001e-6 * spread)
    assert np.all(solution.seen - solution.lower <= 1.0001e-6 * spread)


def test_leaves_do_not_change_the_answer(monkeypatch):
    graph = deep_net(3, 12, 2)
    box = Box(-np.ones(3), np.ones(3))
    with_leaves = solve(graph, box, ENDS)
    monkeypatch.setattr(kernel_search, "LEAF_UNITS", 0)
    without = solve(graph, box, ENDS, tol=1e-3, time_limit=20.0)
    assert with_leaves.status == "exact"
    assert with_leaves.boxes < without.boxes
    assert np.all(without.lower <= with_leaves.seen)
    assert np.all(with_leaves.lower <= without.seen + 1e-12)


def test_one_thread_finds_the_same(monkeypatch):
    graph = deep_net(4, 16, 2)
    box = Box(-np.ones(4), np.ones(4))
    two = solve(graph, box, ENDS)
    monkeypatch.setattr(kernel_search, "threads", lambda: 1)
    single = solve(graph, box, ENDS)
    assert np.all(np.abs(single.lower - two.lower) <= single.tolerance + two.tolerance)


def test_fixed_inputs_are_folded_into_constants():
    graph = deep_net(5, 16, 2)
    lo, hi = -np.ones(5), np.ones(5)
    lo[1:], hi[1:] = 0.25, 0.25
    solution = solve(graph, Box(lo, hi), ENDS)
    x = np.full((20_001, 5), 0.25)
    x[:, 0] = np.linspace(-1, 1, len(x))
    y = graph.run(x)[:, 0]
    assert solution.lower[0] <= y.min()
    assert -solution.lower[1] >= y.max()
    assert solution.at[:, 1:].tolist() == [[0.25] * 4] * 2
    np.testing.assert_allclose(
        [solution.lower[0], -solution.lower[1]], [y.min(), y.max()], atol=1e-3
    )


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_known_units_do_not_change_bounds_of_others(depth):
    """Each unit gets the same bounds, whichever units are bounded together with it."""
    tape = compile_layers(deep_net(3, 29, depth), np.ones((1, 1)), np.zeros(1), np.full(3, np.nan))
    assert tape is not None
    kernel, rng = CompiledProgram(tape, np.ones(3)), np.random.default_rng(1)
    lo, hi = np.full(3, 0.4), np.full(3, 0.6)
    *_, status, lo_z, hi_z = kernel.bound(lo, hi, np.zeros(tape.states, np.int8))
    assert 0.2 < (status != 0).mean() < 0.95
    for share in np.linspace(0.0, 1.0, 30):
        statuses = np.where(rng.random(tape.states) < share, status, 0).astype(np.int8)
        *_, again, lower, upper = kernel.bound(lo, hi, statuses)
        assert (again == status).all()
        unknown = statuses == 0
        np.testing.assert_allclose(lower[unknown], lo_z[unknown], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(upper[unknown], hi_z[unknown], rtol=1e-12, atol=1e-12)
