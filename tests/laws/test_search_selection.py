"""Every question selects the same search for the same graph and box."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from cases import combine
from outrange.core import Box
from outrange.core.formula import TRUE
from outrange.graph import Builder, Slot
from outrange.questions.expressions import resolve, resolve_linear, y
from outrange.questions.inputs.sets import regions
from outrange.questions.optimize.optimize import least
from outrange.questions.output_range import output_range
from outrange.questions.verify import verify
from outrange.questions.violations.bad_inputs import bad_inputs
from outrange.search import select_search as selecting
from outrange.search.common import task
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.common.incumbent import Incumbent
from outrange.search.common.portfolio import Portfolio
from outrange.search.common.problem import Problem
from outrange.search.common.task import FEW_INPUTS, Kind, SearchTask
from outrange.search.methods.table import INCOMPLETE
from outrange.search.select_search import choose_usual, select_search
from outrange.search.selection import HARD_INPUTS, HARD_UNITS, SOME_INPUTS, choose_kind
from questions.nets import Net
from small_graphs import NETS, PIECEWISE


CURVES = [*PIECEWISE[:4], "tanh", "sigmoid", "gelu"]


def _wide_mlp(inputs, curve, seed):
    rng = np.random.default_rng(seed)
    b = Builder([Slot("x", (inputs,))])
    (x,) = b.input_values()
    for n, m in ((inputs, 6), (6, 4)):
        x = b.curve(curve, b.dense(x, rng.normal(size=(n, m)) / np.sqrt(n), rng.normal(size=m)))
    return b.finish([b.dense(x, rng.normal(size=(4, 2)))], ["y"])


def usual(problem):
    """Choose the usual search of a problem: a kind of splits, or the method in their place."""
    return choose_usual(
        SearchTask(problem, Incumbent(problem.rows, 1e-3, None, None), select_search)
    )


def _small(make, curve):
    return make(np.random.default_rng(3), curve)


GRAPHS = [
    pytest.param(partial(_small, make, curve), id=f"{make.__name__}-{curve}")
    for curve, make in combine(CURVES, NETS, rounds=2)
] + [
    pytest.param(partial(_wide_mlp, inputs, curve, 5), id=f"mlp{inputs}-{curve}")
    for inputs in (FEW_INPUTS, FEW_INPUTS + 1, SOME_INPUTS, SOME_INPUTS + 1)
    for curve in ("relu", "tanh")
]


class _Log:
    """A record of the search that every question selected."""

    def __init__(self, monkeypatch):
        self.kinds, self.kernels = [], []
        choose, compile_problem = selecting.choose_usual, selecting.compile_problem

        def logged_choice(task):
            self.kinds.append(choose(task))
            return self.kinds[-1]

        def logged_compilation(problem):
            program = compile_problem(problem)
            self.kernels.append(program is not None)
            return program

        monkeypatch.setattr(selecting, "choose_usual", logged_choice)
        monkeypatch.setattr(selecting, "compile_problem", logged_compilation)
        from outrange.search.preimage import clause_bounds

        monkeypatch.setattr(clause_bounds, "compile_problem", logged_compilation)


@pytest.mark.parametrize("make", GRAPHS)
def test_every_question_takes_the_same_search(make, monkeypatch):
    graph = make()
    box = (-0.1, 0.1)
    log = _Log(monkeypatch)
    net = Net(graph)
    everywhere = regions(graph.inputs, box)
    output = y[graph.outputs[0].name]
    unsafe = resolve((output <= 0.0).any(), graph.inputs, graph.outputs)
    output_range(net, box, time_limit=0.05)
    verify(net, unsafe, everywhere, text="", time_limit=0.05)
    objective = resolve_linear(output.sum(), graph.inputs, graph.outputs)
    least(net, objective, everywhere, TRUE, time_limit=0.05)
    assert len(set(log.kinds)) == 1, log.kinds
    kind, kernels = log.kinds[0], set(log.kernels)
    bad_inputs(net, unsafe, everywhere, text="", time_limit=0.05)
    assert set(log.kinds) == {kind}, "a pre-image chose anew"
    if kind in (Kind.INPUT_SPLIT, Kind.PORTFOLIO):
        assert len(kernels) == 1 and set(log.kernels) == kernels
    else:
        assert not kernels, "layers were compiled for a search that was not taken"


@pytest.mark.parametrize(
    ("inputs", "kind"),
    [
        (1, Kind.INPUT_SPLIT),
        (FEW_INPUTS, Kind.INPUT_SPLIT),
        (FEW_INPUTS + 1, Kind.PORTFOLIO),
        (SOME_INPUTS, Kind.PORTFOLIO),
        (SOME_INPUTS + 1, Kind.NEURON_SPLIT),
    ],
)
def test_the_table_of_the_docstring(inputs, kind):
    graph = _wide_mlp(inputs, "relu", 1)
    domain = DomainBoxes.of(Box(-np.ones(inputs), np.ones(inputs)))
    rows = np.eye(2)
    assert choose_kind(Problem(graph, rows, np.zeros(2), domain)) is kind
    assert choose_kind(Problem(graph, rows, np.zeros(2), domain), "array") is Kind.INPUT_SPLIT
    two = DomainBoxes(np.tile(domain.lo, (2, 1)), np.tile(domain.hi, (2, 1)), domain.whole)
    assert choose_kind(Problem(graph, rows, np.zeros(2), two)) is Kind.CASES
    integers = replace(domain, whole=np.arange(inputs) < 1)
    assert choose_kind(Problem(graph, rows, np.zeros(2), integers)) is Kind.CASES
    fixed = DomainBoxes(
        domain.lo, np.where(np.arange(inputs) < 2, domain.hi, domain.lo), domain.whole
    )
    assert choose_kind(Problem(graph, rows, np.zeros(2), fixed)) is Kind.INPUT_SPLIT


def test_a_wide_graph_is_not_split(monkeypatch):
    inputs = FEW_INPUTS + 1
    graph = _wide_mlp(inputs, "relu", 1)
    domain = DomainBoxes.of(Box(-np.ones(inputs), np.ones(inputs)))
    monkeypatch.setattr(task, "WIDE_ENTRIES", 1)
    assert usual(Problem(graph, np.eye(2), np.zeros(2), domain)) is INCOMPLETE


@pytest.mark.parametrize(
    ("act", "kind"), [("relu", Kind.INPUT_SPLIT), ("tanh", Kind.INPUT_SPLIT), ("sign", INCOMPLETE)]
)
def test_a_wide_graph_of_few_inputs_is_split_where_forms_bound_it(monkeypatch, act, kind):
    graph = _wide_mlp(3, act, 1)
    domain = DomainBoxes.of(Box(-np.ones(3), np.ones(3)))
    monkeypatch.setattr(task, "WIDE_ENTRIES", 1)
    assert usual(Problem(graph, np.eye(2), np.zeros(2), domain)) is kind


@pytest.mark.parametrize("units, joined", [(HARD_UNITS - 1, False), (HARD_UNITS, True)])
def test_neuron_splits_join_boxes_where_there_are_many_units(units, joined):
    rng = np.random.default_rng(0)
    b = Builder([Slot("x", (HARD_INPUTS,))])
    (x,) = b.input_values()
    x = b.curve("relu", b.dense(x, rng.normal(size=(HARD_INPUTS, units)), np.zeros(units)))
    graph = b.finish([b.dense(x, rng.normal(size=(units, 2)))], ["y"])
    domain = DomainBoxes.of(Box(-np.ones(HARD_INPUTS), np.ones(HARD_INPUTS)))
    problem = Problem(graph, np.eye(2), np.zeros(2), domain)
    search = select_search(problem, Incumbent(np.eye(2), 1e-3, None, None))
    assert isinstance(search, Portfolio) is joined
