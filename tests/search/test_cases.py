"""Tests branch and bound over integers and unions against enumeration."""

import numpy as np
import pytest

from outrange.graph import Builder, Slot
from outrange.search import cases as module
from outrange.search.cases import CaseSearch
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.common.incumbent import Incumbent
from outrange.search.common.problem import Problem
from outrange.search.neuron_split.search import NeuronSplitSearch


def net(rng, inputs, width=10):
    b = Builder([Slot("x", (inputs,))])
    (x,) = b.input_values()
    for n in (inputs, width):
        weight = rng.normal(size=(n, width)) * np.sqrt(2 / n)
        x = b.curve("relu", b.dense(x, weight, rng.normal(size=width)))
    return b.finish([b.dense(x, rng.normal(size=(width, 2)))], ["y"])


def begin(case, incumbent):
    return NeuronSplitSearch(case.of_outputs(case.small), case.domain.hull, incumbent)


def search_cases(graph, domain, hull=False):
    rows = np.concatenate([np.eye(2), -np.eye(2)])
    problem = Problem(graph, rows, np.zeros(4), domain)
    search = CaseSearch(problem, Incumbent(rows, 1e-6, None, None), begin, hull=hull)
    search.run()
    return search, rows


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_integers_are_enumerated_by_branching(seed):
    rng = np.random.default_rng(seed)
    graph = net(rng, 3)
    whole = np.ones(3, bool)
    search, rows = search_cases(
        graph, DomainBoxes(np.full((1, 3), -2.0), np.full((1, 3), 3.0), whole)
    )
    grid = np.stack(np.meshgrid(*[np.arange(-2.0, 4.0)] * 3, indexing="ij"), -1).reshape(-1, 3)
    least = (graph.run(grid) @ rows.T).min(axis=0)
    assert search.incumbent.best == pytest.approx(least)
    assert search.lower() == pytest.approx(least, abs=1e-4)
    assert (search.lower() <= least + 1e-9).all()
    assert (search.incumbent.best_at == np.rint(search.incumbent.best_at)).all()


@pytest.mark.slow
def test_a_union_has_the_least_of_its_boxes():
    rng = np.random.default_rng(7)
    graph = net(rng, 4)
    lo = rng.uniform(-2, 1, (5, 4))
    domain = DomainBoxes(lo, lo + 0.5, np.zeros(4, bool))
    search, rows = search_cases(graph, domain)
    alone = [
        search_cases(graph, domain.with_ends(lo[i : i + 1], lo[i : i + 1] + 0.5)) for i in range(5)
    ]
    least = np.min([single.incumbent.best for single, _ in alone], axis=0)
    assert search.incumbent.best == pytest.approx(least, abs=1e-6)
    assert search.lower() == pytest.approx(least, abs=1e-4)
    samples = (lo[:, None] + 0.5 * rng.random((5, 400, 4))).reshape(-1, 4)
    assert ((graph.run(samples) @ rows.T).min(axis=0) >= search.lower()).all()


def test_the_hull_bounds_all_and_offers_only_points_of_the_union():
    rng = np.random.default_rng(8)
    graph = net(rng, 4)
    lo = np.concatenate([np.zeros((1, 4)), np.full((1, 4), 2.0)])
    domain = DomainBoxes(lo, lo + 0.5, np.zeros(4, bool))
    union, _ = search_cases(graph, domain)
    hull, _ = search_cases(graph, domain, hull=True)
    assert (hull.lower() <= union.incumbent.best + 1e-9).all()
    inside = [((at >= lo) & (at <= lo + 0.5)).all(axis=1).any() for at in hull.incumbent.best_at]
    assert all(inside)


@pytest.mark.slow
def test_few_searches_are_kept(monkeypatch):
    """A discarded search restarts when its case is the worst; the answer is the same."""
    monkeypatch.setattr(module, "MOST_SEARCHES", 1)
    rng = np.random.default_rng(2)
    graph, whole = net(rng, 3), np.array([True, True, False])
    domain = DomainBoxes(np.full((1, 3), -2.0), np.full((1, 3), 2.0), whole)
    search, _ = search_cases(graph, domain)
    assert search.incumbent.closed_to(search.lower()) is not None
    assert sum(case.search is not None for case in search._cases) <= 2
