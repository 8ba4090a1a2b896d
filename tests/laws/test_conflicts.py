"""Conflict-driven search agrees with enumeration and input splits, and learns true clauses."""

import itertools

import numpy as np
import pytest

from cases import cases
from outrange.core import Box
from outrange.core.formula import Atom
from outrange.graph import Builder, Slot
from outrange.graph.measure import measure
from outrange.search.common.clause_groups import ClauseGroup
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.common.incumbent import Incumbent
from outrange.search.common.problem import Problem
from outrange.search.common.solution import Stop
from outrange.search.decide import decide
from outrange.search.methods.clause_learning.one_layer import one_layer
from outrange.search.methods.clause_learning.search import ConflictSearch


LEAST = np.nextafter(0.0, 1.0)


def network(inner, bias, direct, weights, height, slope=0.0):
    """Return `direct @ x + weights @ curve(inner @ x + bias) + height`, as a graph."""
    b = Builder([Slot("x", (inner.shape[1],))])
    (x,) = b.input_values()
    h = b.dense(x, inner.T, bias)
    h = b.curve("relu", h) if slope == 0 else b.curve("leaky_relu", h, negative_slope=slope)
    return b.finish([b.add(b.dense(x, direct.T), b.dense(h, weights.T, height))], ["y"])


def run_search(graph, box, rows, goal=LEAST):
    """Run the search of `rows of the outputs <= 0` to its end; return it and its conjunction."""
    clause = tuple(Atom.of({graph.size + k: 1.0}, 0.0) for k in range(rows))
    problem = Problem(measure(graph, [clause]), np.eye(1), np.zeros(1), DomainBoxes.of(box))
    incumbent = Incumbent(np.eye(1), 0.0, None, None)
    incumbent.target = np.array([LEAST])
    incumbent.goal = np.array([goal])
    net = one_layer(problem)
    search = ConflictSearch(net, incumbent, box.lo < box.hi, box.lo)
    return search, search.run(), net, clause


def verdict(search, stop):
    if stop is Stop.GOAL:
        return "sat"
    return "unsat" if search.finished else "unknown"


@pytest.mark.parametrize("seed", range(cases(12, 240)))
def test_agrees_with_input_splits(seed):
    rng = np.random.default_rng(seed)
    d, units, rows = rng.integers(1, 5), rng.integers(1, 9), rng.integers(1, 4)
    whole = seed % 2 == 0
    draw = (
        (lambda *s: rng.integers(-2, 3, size=s).astype(float))
        if whole
        else lambda *s: rng.normal(size=s)
    )
    parts = draw(units, d), draw(units), draw(rows, d), draw(rows, units), draw(rows)
    slope = 0.0 if seed % 3 else 0.25
    graph = network(*parts, slope=slope)
    box = Box(-np.ones(d), np.ones(d))
    search, stop, net, clause = run_search(graph, box, rows)
    group = ClauseGroup([clause], np.array([False]), DomainBoxes.of(box))
    other = decide(graph, [group], lambda at: True, time_limit=10)
    mine = verdict(search, stop)
    # A least value of exactly 0 is beyond both.
    if "unknown" not in (mine, other.status.value) and other.status.value != "rounding":
        assert mine == other.status.value
    if mine == "sat":
        at = search.incumbent.best_at[0]
        assert np.all(graph.run(at[None])[0] <= 1e-9)
    _true_clauses(search, net, rng)


def _true_clauses(search, net, rng):
    """Check at points that every clause holds wherever the conjunction does."""
    x = rng.uniform(net.box.lo, net.box.hi, (2000, net.box.size))
    z = x @ net.inner.T + net.bias
    rows = x @ net.direct.T + np.maximum(z, 0) @ net.weights.T + net.height
    z = z[(rows <= 0).all(axis=1)]
    for clause in search._clauses._clauses:
        assert np.all(np.any([phase * z[:, unit] >= 0 for unit, phase in clause], axis=0))


@pytest.mark.parametrize("seed", range(cases(12, 80)))
def test_never_refutes_a_planted_point(seed):
    """The search continues past the points it finds, and must not exclude the planted one."""
    rng = np.random.default_rng(seed)
    d, units, rows = rng.integers(2, 6), rng.integers(6, 15), rng.integers(2, 6)
    inner, bias = rng.normal(size=(units, d)), rng.normal(size=units)
    direct, weights = rng.normal(size=(rows, d)), rng.normal(size=(rows, units))
    at = rng.uniform(-1, 1, d)
    values = direct @ at + weights @ np.maximum(inner @ at + bias, 0)
    margin = 10.0 ** rng.uniform(-6, -1)
    graph = network(inner, bias, direct, weights, -values - margin)
    search, _, net, _ = run_search(graph, Box(-np.ones(d), np.ones(d)), rows, goal=-np.inf)
    assert not search.finished
    z = net.inner @ at + net.bias
    for clause in search._clauses._clauses:
        assert any(phase * z[unit] >= 0 for unit, phase in clause)


def formula(rng, variables, clauses, width):
    """Return a random formula: `(clauses, variables)` of 1, -1 and 0."""
    signs = np.zeros((clauses, variables))
    for row in signs:
        at = rng.choice(variables, width, replace=False)
        row[at] = rng.choice([-1.0, 1.0], width)
    return signs


def formula_network(signs):
    """Build two outputs that are both at most 0 exactly at satisfying assignments of a formula."""
    variables = signs.shape[1]
    # A clause is violated where all its literals are false: `1 - sum of literals > 0`.
    inner = np.vstack([-signs, 2 * np.eye(variables)])
    bias = np.concatenate([1.0 - (signs < 0).sum(axis=1), -np.ones(variables)])
    weights = np.zeros((2, len(inner)))
    weights[0, : len(signs)] = 1.0
    weights[1, len(signs) :] = -1.0
    direct = np.vstack([np.zeros(variables), np.ones(variables)])
    graph = network(inner, bias, direct, weights, np.zeros(2))
    return graph, Box(np.zeros(variables), np.ones(variables))


@pytest.mark.parametrize("seed", range(cases(12, 80)))
def test_decides_formulas(seed):
    rng = np.random.default_rng(seed)
    variables = int(rng.integers(3, 13))
    signs = formula(rng, variables, int(variables * rng.uniform(3, 6)), 3)
    graph, box = formula_network(signs)
    search, stop, *_ = run_search(graph, box, 2)
    assignments = np.array(list(itertools.product([0, 1], repeat=variables)))
    literals = np.where(signs > 0, assignments[:, None], 1 - assignments[:, None])
    true = ((literals == 1) & (signs != 0)).any(axis=2).all(axis=1)
    assert verdict(search, stop) == ("sat" if true.any() else "unsat")
    for clause in search._clauses._clauses:
        phases = np.where(assignments[true] == 1, 1, -1)
        z = np.where(signs != 0, 1, 0)  # Only phases of variables are checked by enumeration.
        if all(unit >= len(z) for unit, _ in clause):
            assert np.all(np.any([phases[:, u - len(z)] == p for u, p in clause], axis=0))


def test_the_portfolio_takes_it_where_units_are_held():
    """An unsatisfiable formula as a network: pigeons that do not fit their holes."""
    pigeons, holes = 5, 4
    variables = pigeons * holes
    rows = []
    for p in range(pigeons):
        row = np.zeros(variables)
        row[p * holes : (p + 1) * holes] = 1.0
        rows.append(row)
    for hole in range(holes):
        for first, second in itertools.combinations(range(pigeons), 2):
            row = np.zeros(variables)
            row[[first * holes + hole, second * holes + hole]] = -1.0
            rows.append(row)
    graph, box = formula_network(np.array(rows))
    clause = tuple(Atom.of({variables + k: 1.0}, 0.0) for k in range(2))
    group = ClauseGroup([clause], np.array([False]), DomainBoxes.of(box))
    solution = decide(graph, [group], lambda at: True, time_limit=60)
    assert solution.status.value == "unsat"
    assert any("clause learning" in method for method in solution.methods)
