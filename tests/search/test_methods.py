"""Special-purpose methods: one list, and valid answers whichever of them is left out."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest

from architecture.source import PACKAGE
from outrange.api.decorators import counted_work
from outrange.core import Atom, Box, Distance, Region
from outrange.core.formula import TRUE
from outrange.domains.float32 import plan_of_rows
from outrange.graph import Builder, Slot
from outrange.questions.float32.splits import float32_ends
from outrange.questions.optimize.range_of_set import range_over
from outrange.search.common import portfolio, task
from outrange.search.common.clause_groups import ClauseGroup
from outrange.search.common.domain_boxes import DomainBoxes
from outrange.search.common.method import Role, leave_out
from outrange.search.decide import decide
from outrange.search.methods.table import METHODS
from outrange.search.select_search import select_search
from outrange.search.solve import solve
from search.test_bottleneck import INPUTS, _floor_of, _group, _net
from search.test_cone_of_influence import windows
from search.test_differential import apart
from search.test_jump_attack import planted_net
from search.test_pool_clauses import intervals
from search.test_second_order import energy_and_next
from search.test_semidefinite import _mlp
from search.test_shared_boxes import decoder
from small_graphs import dense_net


BUDGET = 1.5
"""Units of counted work for each question."""


@dataclass(frozen=True)
class Case:
    """A question that suits a method.

    Args:
        ask: Asks the question, checks the answer, and returns the methods that were used.
        label: Part of the method's description in an answer; empty if it has none.
    """

    ask: Callable[[], tuple[str, ...]]
    label: str = ""


def _check_range(graph, box, solution, rows, points):
    """Check bounds at points, and that the attained values are attained in the box."""
    values = graph.run(points) @ rows.T
    slack = 1e-9 * (1.0 + np.abs(values).max(axis=0))
    assert (solution.lower <= values.min(axis=0) + slack).all()
    assert (solution.lower <= solution.seen).all()
    assert ((box.lo <= solution.at) & (solution.at <= box.hi)).all()
    attained = (graph.run(solution.at) * rows).sum(axis=1)
    np.testing.assert_allclose(attained, solution.seen, rtol=1e-9, atol=1e-9)


def _range(graph, box):
    outputs = graph.value_size(graph.output)
    rows = np.concatenate([np.eye(outputs), -np.eye(outputs)])
    solution = solve(graph, box, rows, tol=1e-3, time_limit=BUDGET)
    points = box.sample(np.random.default_rng(1), 2000)
    _check_range(graph, box, solution, rows, points)
    return solution.methods


def _decision(graph, groups, expected):
    witnesses = []
    solution = decide(graph, groups, lambda x: not witnesses.append(x), time_limit=BUDGET)
    assert solution.status in (expected, "time", "rounding")
    for x in witnesses:
        values = np.concatenate([x, graph.run(x[None])[0]])
        assert any(
            all(sum(c * values[i] for i, c in part.terms) + part.offset <= 1e-9 for part in clause)
            for group in groups
            for clause in group.clauses
        )
    return solution.methods


def _wider_net(rng, act):
    b = Builder([Slot("x", (3,))])
    (x,) = b.input_values()
    for n, m in ((3, 24), (24, 16)):
        x = b.curve(act, b.dense(x, rng.standard_normal((n, m)) / np.sqrt(n)))
    return b.finish([b.dense(x, rng.standard_normal((16, 1)) / 4.0)], ["y"])


def _difference():
    return _range(apart(_wider_net, "relu", 1, 0.01), Box(-np.ones(3), np.ones(3)))


def _wide_boxes():
    return _range(*_mlp(6, (41, 20, 2), reach=2.0))


def _energies():
    return _range(energy_and_next(np.random.default_rng(6))[0], Box(-np.ones(4), np.ones(4)))


def _windows():
    return _range(windows(0), Box(-np.ones(8), np.ones(8)))


def _passes():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task, "WIDE_ENTRIES", 1)
        return _range(*_mlp(3, (14, 10, 2), reach=0.5))


def _shared():
    return _range(decoder("relu", 1500), Box(-np.ones(2), np.ones(2)))


def _two_conditions():
    """Decide that three variables cannot satisfy all eight clauses of three literals."""
    signs = np.array([[a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)], float)
    signs = np.concatenate([signs, np.zeros((8, 10))], axis=1)
    inner = np.vstack([-signs, 2 * np.eye(13)])
    bias = np.concatenate([1.0 - (signs < 0).sum(axis=1), -np.ones(13)])
    weights = np.zeros((2, len(inner)))
    weights[0, :8], weights[1, 8:] = 1.0, -1.0
    b = Builder([Slot("x", (13,))])
    (x,) = b.input_values()
    direct = np.vstack([np.zeros(13), np.ones(13)])
    h = b.dense(b.curve("relu", b.dense(x, inner.T, bias)), weights.T)
    graph = b.finish([b.add(b.dense(x, direct.T), h)], ["y"])
    clause = tuple(_at_most(13 + k, 0.0) for k in range(2))
    return _decision(graph, [_one_box(clause, np.zeros(13), np.ones(13))], "unsat")


def _at_most(index, most):
    return Atom.of({index: 1.0}, -most)


def _one_box(clause, lo, hi):
    roots = DomainBoxes(lo[None], hi[None], np.zeros(lo.size, bool))
    return ClauseGroup([clause], np.zeros(1, bool), roots)


def _bottleneck():
    graph = _net(0)
    x = np.random.default_rng(1).uniform(-0.3, 0.3, (20000, INPUTS))
    least = 0.4 * float(graph.run(x)[:, 0].min()) + 0.6 * _floor_of(graph)
    return _decision(graph, [_group(least)], "unsat")


def _intervals():
    rng = np.random.default_rng(2)
    graph = dense_net(rng, "relu")
    return _decision(graph, intervals(rng, graph, 3.0), "unsat")


def _signs():
    graph, _ = planted_net("sign", 0)
    lo, hi = -np.ones(graph.size), np.ones(graph.size)
    return _decision(graph, [_one_box((_at_most(graph.size, 0.5),), lo, hi)], "sat")


def _ball():
    graph = dense_net(np.random.default_rng(3), "relu")
    box = Box(-0.5 * np.ones(3), 0.5 * np.ones(3))
    ball = Distance(np.arange(3), np.zeros(3), 0.5, 2)
    region = Region(box, np.zeros(3, bool), TRUE, (ball,))
    solution = range_over(graph, [region], tol=1e-2, time_limit=BUDGET)
    points = np.random.default_rng(1).normal(size=(2000, 3))
    points *= (
        0.5 * np.random.default_rng(2).random((2000, 1)) / np.linalg.norm(points, axis=1)[:, None]
    )
    rows = np.concatenate([np.eye(2), -np.eye(2)])
    values = graph.run(points) @ rows.T
    assert (solution.lower <= values.min(axis=0) + 1e-9).all()
    at = solution.at[~np.isnan(solution.at).any(axis=1)]
    assert (np.linalg.norm(at, axis=1) <= 0.5 + 1e-9).all()
    return solution.methods


def _float32():
    graph = dense_net(np.random.default_rng(3), "relu")
    lo, hi = -np.ones(3), np.ones(3)
    real = solve(graph, Box(lo, hi), np.concatenate([np.eye(2), -np.eye(2)]), tol=1e-6)
    ends = real.lower[:2], -real.lower[2:]
    plan = plan_of_rows(graph, np.eye(2))
    bounds = float32_ends(plan, (lo[None], hi[None]), ends, np.full(2, 1e-7), BUDGET)
    x = np.random.default_rng(1).uniform(lo, hi, (500, 3)).astype(np.float32)
    single = _run_single(graph, x)
    assert (bounds.lo <= single.min(axis=0)).all() and (single.max(axis=0) <= bounds.hi).all()
    return ()


def _run_single(graph, x):
    values = [x]
    for node in graph.nodes:
        parts = tuple(values[i].astype(np.float64) for i in node.inputs)
        values.append(node.op.run(parts).astype(np.float32))
    return values[graph.output]


CASES = {
    "norm balls": Case(_ball, "ball by duality"),
    "cone of influence reduction": Case(_windows, "cone of influence"),
    "incomplete verification": Case(_passes, "back-substitution in cones"),
    "bottleneck": Case(_bottleneck, "bottleneck"),
    "shared boxes": Case(_shared, "shared boxes"),
    "differential verification": Case(_difference, "ReluDiff"),
    "conflict-driven clause learning": Case(_two_conditions, "clause learning"),
    "jump attack": Case(_signs, "smoothed jumps"),
    "semidefinite relaxations": Case(_wide_boxes, "semidefinite"),
    "second-order forms": Case(_energies),
    "pooled clauses": Case(_intervals),
    "float32 parts": Case(_float32),
}


def test_the_list_has_every_folder_and_the_table_every_method():
    folders = {path.parent.name for path in PACKAGE.glob("search/methods/*/method.py")}
    assert folders == {path.parent.name for path in PACKAGE.glob("search/methods/*/__init__.py")}
    homes = [method.begin.__module__.split(".")[-2] for method in METHODS]
    assert sorted(homes) == sorted(folders)
    for method in METHODS:
        assert f"\n{method.name} " in str(inspect.getdoc(select_search)), method.name
    for first, second in combinations(METHODS, 2):
        assert first.name != second.name


def test_every_record_is_complete():
    for method in METHODS:
        assert all((method.name, method.reference, method.evidence)), method.name
        assert (method.join is not None) == (method.role is Role.BESIDE)
    assert set(CASES) == {method.name for method in METHODS}


@pytest.fixture(autouse=True)
def short_turns(monkeypatch):
    """Let every search have a turn within the budget."""
    monkeypatch.setattr(portfolio, "FIRST_TURN", 0.01)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name.replace(" ", "-"))
def test_answers_are_valid_with_and_without_a_method(method):
    case = CASES[method.name]
    with counted_work():
        used = case.ask()
    with counted_work(), leave_out(method):
        assert not method.is_enabled and method.hook is None and not method.suits(None)
        left = case.ask()
    assert method.is_enabled
    if case.label:
        assert any(case.label in label for label in used)
        assert not any(case.label in label for label in left)


@pytest.mark.parametrize("name", CASES)
def test_answers_are_valid_without_any_method(name):
    with counted_work(), leave_out(*METHODS):
        assert not any(method.is_enabled for method in METHODS)
        CASES[name].ask()
