"""Tests passes over whole sets, for graphs too wide for splits, against the search that splits."""

import numpy as np
import pytest

from cases import cases
from outrange.core import Box
from outrange.core.formula import negate
from outrange.domains import bounds, crown
from outrange.graph import Builder, Slot, convolve
from outrange.questions.expressions import resolve, y
from outrange.questions.inputs.neighborhood import Neighborhood
from outrange.questions.robust.robustness import robustness
from outrange.search.common import task
from outrange.search.common.incumbent import Incumbent
from outrange.search.common.problem import with_rows
from outrange.search.common.solution import Stop
from outrange.search.methods.incomplete import search as wide_search
from outrange.search.methods.incomplete.search import METHODS, WideSearch
from outrange.search.solve import solve


@pytest.fixture
def graph():
    """Build a convolution, a maximum of windows and two dense layers, on 6 x 6 pixels."""
    rng = np.random.default_rng(5)
    b = Builder([Slot("x", (6, 6, 1))])
    (x,) = b.input_values()
    kernel = rng.normal(size=(3, 3, 1, 2))
    h = convolve(b, x, kernel, strides=[1, 1], padding=[(0, 0), (0, 0)], groups=1,
                 dilation=[1, 1], channels_first=False)  # fmt: skip
    places = np.arange(h.size).reshape(4, 4, 2)
    windows = np.stack([places[i::2, j::2].ravel() for i in (0, 1) for j in (0, 1)], axis=1)
    h = b.largest(b.curve("relu", h), windows, (1, 8))
    h = b.curve("relu", b.dense(h, rng.normal(size=(8, 6)), rng.normal(size=6)))
    return b.finish([b.dense(h, rng.normal(size=(6, 3)))], ["y"])


@pytest.fixture
def wide(monkeypatch):
    """Let every graph count as wide."""
    monkeypatch.setattr(task, "WIDE_ENTRIES", 1)


def _box(radius):
    middle = np.random.default_rng(6).uniform(size=36)
    return Box(middle - radius, middle + radius)


@pytest.mark.parametrize("radius", [0.0, 1e-6, 0.01, 0.3])
def test_bounds_hold_and_are_near(graph, radius, monkeypatch):
    rows = np.concatenate([np.eye(3), -np.eye(3)])
    expected = solve(graph, _box(radius), rows, tol=1e-6, time_limit=cases(0.5, 20.0))
    monkeypatch.setattr(task, "WIDE_ENTRIES", 1)
    solution = solve(graph, _box(radius), rows, tol=1e-6, time_limit=cases(0.4, 1.0))
    assert solution.methods == METHODS
    assert (solution.lower <= expected.seen + 1e-9).all()
    # If no unit changes its phase, linear bounds are exact.
    if radius <= 1e-6:
        assert solution.status == ("exact" if radius else "rounding")
        np.testing.assert_allclose(solution.lower, expected.lower, atol=1e-9)
    assert (solution.seen >= expected.lower - 1e-9).all()


def test_a_forward_pass_is_enough_for_a_small_box(graph, wide, monkeypatch):
    monkeypatch.setattr(wide_search, "CrownPass", None)
    assert solve(graph, _box(1e-6), np.eye(3), tol=1e-6, time_limit=10).status == "exact"


def test_a_graph_that_only_hands_its_input_on(wide):
    b = Builder([Slot("x", (3,))])
    (x,) = b.input_values()
    search = WideSearch(
        b.finish([x], ["y"]), Box(-np.ones(3), np.ones(3)), Incumbent(np.eye(3), 0.0, None, None)
    )
    assert search.advance() and search.advance()
    np.testing.assert_array_equal(search.lower(), -1.0)


@pytest.mark.parametrize("radius, whole", [(1e-6, True), (0.3, False)])
def test_a_forward_pass_is_made_where_forms_settle_units(graph, wide, monkeypatch, radius, whole):
    calls = []

    def forward(part, *arguments):
        calls.append(part.entries)
        return actual(part, *arguments)

    actual = wide_search.forward
    monkeypatch.setattr(wide_search, "forward", forward)
    solve(graph, _box(radius), np.eye(3), tol=1e-6, time_limit=0.2)
    assert calls and (max(calls) >= wide_search.fold(graph).entries) == whole


def test_a_deeper_pass_continues_a_truncated_one(graph, wide, monkeypatch):
    calls = []

    class CrownPass(wide_search.CrownPass):
        def run(self):
            before = {v: (lo.copy(), hi.copy()) for v, (lo, hi) in self.known.items()}
            calls.append((before, self.settled))
            return super().run()

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(wide_search, "CrownPass", CrownPass)
    monkeypatch.setattr(wide_search, "ascend_slopes", interrupt)
    monkeypatch.setattr(crown, "_WIDE", 1)
    monkeypatch.setattr(wide_search, "EFFORTS", (2.0**8, 2.0**20, 2.0**22))
    solution = solve(graph, _box(0.3), np.eye(3), tol=1e-6, time_limit=60.0)
    assert solution.status == "interrupted"
    assert len(calls) == 2, "nothing is left for a third"
    (first, none), (second, settled) = calls
    assert not none and 0 < len(settled) < len(graph.nodes)
    assert all((second[v][0] >= first[v][0]).all() for v in first)


def test_slopes_ascend_after_the_passes(graph, wide):
    solution = solve(graph, _box(0.3), np.eye(3), tol=1e-6, time_limit=cases(0.5, 1.0))
    once = bounds(graph, _box(0.3).lo[None], _box(0.3).hi[None], "linear")[graph.output][0][0]
    assert (solution.lower >= once - 1e-9).all() and (solution.lower > once + 1e-6).any()


def test_a_decision_by_a_descent_or_a_pass(graph, wide):
    search = WideSearch(
        with_rows(graph, np.eye(3)[:1], np.zeros(1)),
        _box(0.3),
        Incumbent(np.eye(1), 0.0, 5.0, None),
    )
    search.incumbent.target = search.incumbent.goal = np.array([np.inf])
    assert search.run() is Stop.GOAL


def test_an_interrupt_keeps_proved_bounds(graph, wide, monkeypatch):
    calls = []

    def interrupt_second(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return descend(*arguments)

    descend = wide_search.attack_from
    monkeypatch.setattr(wide_search, "attack_from", interrupt_second)
    solution = solve(graph, _box(0.3), np.eye(3))
    assert solution.status == "interrupted" and np.isfinite(solution.lower).all()


@pytest.mark.slow
def test_a_radius_of_a_wide_network(graph, wide):
    class Net:
        name, predict, layers, written = "net", None, (), graph
        terms, model, products = None, None, {}

    Net.graph = graph
    middle = np.random.default_rng(6).uniform(size=(6, 6, 1))
    label = int(np.argmax(graph.run(middle.reshape(1, -1))))
    unsafe = negate(resolve(y.argmax() == label, graph.inputs, graph.outputs))
    around = Neighborhood.of(graph.inputs, middle, "inf", (0, 1))
    answer = robustness(
        Net, unsafe, around, text="the label stays", time_limit=cases(2.0, 10.0), tol=0.2
    )
    assert 0 < answer.lo <= answer.hi < 1
    far = around.region(answer.lo).box
    x = far.uniform(np.random.default_rng(0), 5000)
    assert (graph.run(x).argmax(axis=1) == label).all()
