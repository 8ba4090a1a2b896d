"""Searches through a bottleneck, whose rear ops neuron splits do not support."""

import numpy as np
import pytest

from cases import cases
from outrange.core import Atom
from outrange.domains import bounds
from outrange.graph import Builder, Slot
from outrange.graph.measure import measure
from outrange.search.common.clause_groups import ClauseGroup
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.common.incumbent import Incumbent
from outrange.search.common.problem import Problem
from outrange.search.common.solution import Stop
from outrange.search.decide import decide
from outrange.search.methods.bottleneck.search import BottleneckSearch, find_bottleneck
from outrange.search.select_search import select_search


INPUTS = 20


def _net(seed):
    """Build ReLU layers to an angle and a length, then the angle modulo a turn and a product."""
    rng = np.random.default_rng(seed)
    b = Builder([Slot("x", (INPUTS,))])
    (x,) = b.input_values()
    h = b.curve("relu", b.dense(x, rng.normal(size=(INPUTS, 16)) / 4.0, rng.normal(size=16) / 4.0))
    h = b.curve("relu", b.dense(h, rng.normal(size=(16, 16)) / 4.0))
    angle = b.dense(h, rng.normal(size=(16, 1)) / 4.0)
    b.source = "length"
    length = b.dense(h, rng.normal(size=(16, 1)) / 4.0, [1.0])
    b.source = ""
    turn = b.subtract(angle, b.multiply(b.curve("floor", angle), np.float64(1.0)))
    wave = b.curve("sin", b.multiply(turn, np.float64(2 * np.pi)))
    idle = b.curve("relu", b.dense(h, rng.normal(size=(16, 200))))
    return b.finish([b.multiply(wave, length), idle], ["y", "z"])


def _floor_of(graph):
    """Return a lower bound of all values: a wave is at least -1, the length is one output."""
    length = next(node for node in graph.nodes if node.source == "length")
    ends = bounds(graph, -np.full(INPUTS, 0.3), np.full(INPUTS, 0.3))
    return -float(np.abs([ends[graph.nodes.index(length) + 1]]).max()) - 0.05


def _group(offset):
    """Return the clause `y <= offset` over a box of all inputs."""
    box = DomainBoxes(-np.full((1, INPUTS), 0.3), np.full((1, INPUTS), 0.3), np.zeros(INPUTS, bool))
    return ClauseGroup([(Atom.of({INPUTS: 1.0}, -offset),)], np.zeros(1, bool), box)


def _search(graph, offset):
    group = _group(offset)
    values = measure(graph, group.clauses)
    problem = Problem(values, np.eye(1), np.zeros(1), group.roots)
    bottleneck = find_bottleneck(problem.of_outputs(problem.small))
    assert bottleneck is not None
    incumbent = Incumbent(np.eye(1), 0.0, 60.0, None)
    incumbent.target = np.array([0.0])
    incumbent.start(np.array([np.inf]), np.zeros((1, INPUTS)), np.array([-np.inf]))
    return values, bottleneck, BottleneckSearch(problem, bottleneck, incumbent, select_search)


def test_the_bottleneck_is_two_numbers():
    values, bottleneck, _ = _search(_net(0), 0.0)
    assert bottleneck.front.value_size(bottleneck.front.output) == 2
    x = np.random.default_rng(0).uniform(-0.3, 0.3, (50, INPUTS))
    y = bottleneck.rest.run(bottleneck.front.run(x[:, bottleneck.inputs]))
    np.testing.assert_allclose(y, values.run(x), atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(cases(1, 3)))
def test_a_bound_below_all_values_is_proved_and_an_attained_one_is_not(seed):
    graph = _net(seed)
    _, _, search = _search(graph, _floor_of(graph))
    with np.errstate(all="ignore"):
        assert search.run() is Stop.FINISHED
    assert search.lower()[0] >= 0.0
    x = np.random.default_rng(1).uniform(-0.3, 0.3, (20000, INPUTS))
    _, _, search = _search(graph, float(graph.run(x)[:, 0].min()) + 1e-3)
    with np.errstate(all="ignore"):
        search.run(cases(0.5, 1.5))
    assert search.lower()[0] == -np.inf


@pytest.mark.parametrize("seed", range(2))
def test_decisions_go_through_the_bottleneck(seed):
    graph = _net(seed)
    solution = decide(graph, [_group(_floor_of(graph))], lambda x: True, time_limit=60)
    assert solution.status.name == "UNSAT"
    x = np.random.default_rng(1).uniform(-0.3, 0.3, (20000, INPUTS))
    attained = float(graph.run(x)[:, 0].min()) + 1e-3
    solution = decide(graph, [_group(attained)], lambda x: True, time_limit=60)
    assert solution.status.name == "SAT"


def test_entries_that_nothing_reads_are_dropped():
    graph = _net(0)
    group = _group(0.0)
    values = measure(graph, group.clauses)
    small = Problem(values, np.eye(1), np.zeros(1), group.roots).small
    assert small.size == INPUTS and 2 * small.entries <= values.entries
    x = np.random.default_rng(0).uniform(-1, 1, (50, INPUTS))
    np.testing.assert_allclose(small.run(x), values.run(x), atol=1e-12)
