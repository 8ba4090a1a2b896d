"""`minimize` and `maximize` under conditions, against an independent mixed-integer program."""

from itertools import count, pairwise
from types import SimpleNamespace

import highspy
import numpy as np
import pytest

import outrange
from cases import cases
from independent_milp import Program
from outrange import InputError, L1Ball, L2Ball, Mixed, Polytope, Union, x, y
from outrange.answers import Warrant
from outrange.core import Box, check_deadline, seconds_left
from outrange.core.formula import TRUE
from outrange.domains import bounds
from outrange.graph import Builder, Slot
from outrange.questions.expressions import resolve
from outrange.questions.inputs.sets import regions
from outrange.questions.optimize import optimize
from questions.nets import Net


def random_net(seed, sizes=(3, 8, 8, 2)):
    """Return `(layers of independent_milp, the same as a graph)`."""
    rng = np.random.default_rng(seed)
    layers, b = [], Builder([Slot("x", (sizes[0],))])
    (value,) = b.input_values()
    for k, (n, m) in enumerate(pairwise(sizes)):
        weight, bias = rng.normal(size=(n, m)), rng.normal(size=m)
        layers.append(("dense", weight, bias))
        value = b.dense(value, weight, bias)
        if k < len(sizes) - 2:
            layers.append(("pieces", [0.0], [0.0, 1.0], 0.0))
            value = b.curve("relu", value)
    return layers, b.finish([value], ["y"])


class Milp:
    """The least value of a form over box, rows and integers, by HiGHS."""

    def __init__(self, layers, lo, hi):
        self.program = Program(layers, lo, hi)
        d = len(lo)
        self.columns = [*range(d), *self.program.outputs]

    def row(self, coefficients, most):
        """`coefficients @ [x, y] <= most`."""
        self.program.row(-np.inf, most, self.columns, coefficients)

    def whole(self, i):
        self.program.solver.changeColIntegrality(i, highspy.HighsVarType.kInteger)
        self.program.binaries += 1

    def least(self, coefficients):
        solver = self.program.solver
        for name in ("mip_feasibility_tolerance", "primal_feasibility_tolerance"):
            solver.setOptionValue(name, 1e-9)
        solver.setOptionValue("mip_rel_gap", 0.0)
        for column, c in zip(self.columns, coefficients, strict=True):
            solver.changeColCost(column, float(c))
        solver.run()
        if solver.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
            return None
        assert solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
        return solver.getInfo().objective_function_value


def agrees(answer, value):
    """Check that the bracket holds the solver's value, to its own tolerance."""
    room = 1e-6 * (1.0 + abs(value))
    assert answer.status == "exact"
    assert answer.lo - room <= value <= answer.hi + room
    assert answer.gap <= 1e-4 * (1.0 + abs(value))


@pytest.mark.parametrize("seed", range(cases(1, 8)))
def test_conditions_on_inputs_and_outputs(seed):
    layers, graph = random_net(seed)
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(2, 5)).round(2)
    inner = np.concatenate([np.zeros(3), graph.run(np.zeros((1, 3)))[0]])
    limits = rows @ inner + rng.uniform(0.0, 0.5, 2)  # the middle of the box is admissible
    cost = rng.normal(size=5).round(2)
    milp = Milp(layers, -np.ones(3), np.ones(3))
    for row, limit in zip(rows, limits, strict=True):
        milp.row(row, limit)

    def form(c):
        return x @ c[:3] + y @ c[3:]

    where = (form(rows[0]) <= float(limits[0])) & (form(rows[1]) <= float(limits[1]))
    value = milp.least(cost)
    least = outrange.minimize(graph, form(cost), (-1, 1), where=where)
    agrees(least, value)
    most = outrange.maximize(graph, form(-cost), (-1, 1), where=where)
    assert most.lo == pytest.approx(-least.hi) and most.sense == "max"
    point = np.concatenate([least.at, graph.run(least.at[None])[0]])
    assert (rows @ point <= limits + 1e-12).all()
    assert cost @ point == pytest.approx(least.hi, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(cases(1, 4)))
def test_polytopes_and_whole_numbers(seed):
    layers, graph = random_net(seed + 50)
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(2, 3)).round(2)
    b = a @ np.full(3, 1.5) + 0.5
    milp = Milp(layers, np.zeros(3), np.full(3, 3.0))
    for row, limit in zip(a, b, strict=True):
        milp.row([*row, 0, 0], limit)
    agrees(outrange.minimize(graph, y[0], Polytope(a, b, (0, 3))), milp.least([0, 0, 0, 1, 0]))
    for i in (0, 2):
        milp.whole(i)
    mixed = Mixed(Polytope(a, b, (0, 3)), integers=[0, 2])
    answer = outrange.minimize(graph, y[0], mixed)
    agrees(answer, milp.least([0, 0, 0, 1, 0]))
    assert (answer.at[[0, 2]] == np.rint(answer.at[[0, 2]])).all()


@pytest.mark.parametrize("engine_breaker", [False, True])
def test_balls_beside_dense_samples(engine_breaker):
    _, graph = random_net(3, (2, 6, 2))
    inputs_set = L2Ball(np.zeros(2), 1.0) if engine_breaker else L1Ball(np.zeros(2), 1.0)
    answer = outrange.minimize(graph, y[0], inputs_set, tol=1e-3)
    grid = np.linspace(-1, 1, 801)
    points = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    inside = np.linalg.norm(points, 2 if engine_breaker else 1, axis=1) <= 1
    values = graph.run(points[inside])[:, 0]
    assert answer.lo <= values.min() <= answer.hi + 0.02 * np.ptp(values)


def test_ranges_over_sets():
    _, graph = random_net(7)
    union = outrange.output_range(graph, Union((0, 1), (-1, -0.5)))
    parts = [outrange.output_range(graph, part) for part in ((0, 1), (-1, -0.5))]
    np.testing.assert_allclose(union.lo, np.minimum(*(part.lo for part in parts)), rtol=1e-5)
    np.testing.assert_allclose(union.hi, np.maximum(*(part.hi for part in parts)), rtol=1e-5)
    whole = outrange.output_range(graph, Mixed((0, 3), integers=[0, 1, 2]))
    points = np.stack(np.meshgrid(*[np.arange(4.0)] * 3), axis=-1).reshape(-1, 3)
    values = graph.run(points)
    np.testing.assert_allclose(whole.seen_lo, values.min(axis=0), rtol=1e-9)
    np.testing.assert_allclose(whole.seen_hi, values.max(axis=0), rtol=1e-9)
    hot = outrange.output_range(graph, Mixed((0, 1), one_hot=[[0, 1, 2]]))
    np.testing.assert_allclose(hot.seen_lo, graph.run(np.eye(3)).min(axis=0), rtol=1e-9)


@pytest.mark.parametrize(
    ("objective", "least", "most"),
    [
        (y[0] / 3, 0.0, 1 / 3),
        (y.mean(), 0.0, 2.0),
        ((y[0] + 2 * x[0]) / 7 + 1, 1.0, 10 / 7),
        (y.sum() / 5 - x[0] / 3, 0.0, 13 / 15),
        (lambda x, y: y.mean() / 3, 0.0, 2 / 3),
    ],
)
def test_quotients_and_means_are_not_multiplied(objective, least, most):
    """The outputs are `x`, `2 x` and `3 x`, for `x` between 0 and 1."""
    b = Builder([Slot("x", (1,))])
    (value,) = b.input_values()
    graph = b.finish([b.curve("relu", b.dense(value, [[1.0, 2.0, 3.0]], np.zeros(3)))], ["y"])
    assert outrange.minimize(graph, objective, (0, 1)).value == pytest.approx(least, abs=1e-9)
    assert outrange.maximize(graph, objective, (0, 1)).value == pytest.approx(most, rel=1e-9)


def test_no_admissible_input():
    _, graph = random_net(1)
    answer = outrange.minimize(graph, y[0], (0, 1), where=x[0] + x[1] >= 3)
    assert answer.status == "infeasible" and answer.at is None and answer.lo == np.inf
    assert "no input" in repr(answer)
    with pytest.raises(InputError, match="empty"):
        outrange.output_range(graph, Union((0, 1)) & (x[0] + x[1] >= 3))


def test_without_conditions_it_is_an_end_of_the_range():
    _, graph = random_net(2)
    whole = outrange.output_range(graph, (0, 1))
    least = outrange.minimize(graph, y[0], (0, 1))
    assert least.lo == pytest.approx(whole.lo[0], rel=1e-5)
    assert least.warrant == Warrant.FLOAT64_ROUNDED
    assert least.as_dict()["status"] == "exact" and "<table" in least._repr_html_()


def chain(graph, limit):
    condition = resolve(y[0] <= 0, graph.inputs, graph.outputs)
    return optimize._Chain(
        Net(graph), condition, regions(graph.inputs, (-1, 1)), TRUE, None, limit, 0
    )


@pytest.mark.parametrize(
    ("limit", "looked_at"),
    [(None, optimize.SAMPLES), (0.5, optimize.TOGETHER), (3.5, 4 * optimize.TOGETHER),
     (1e9, optimize.SAMPLES)],
)  # fmt: skip
def test_samples_of_an_objective_look_at_the_clock(monkeypatch, limit, looked_at):
    """Every reading of this clock takes a second."""
    monkeypatch.setattr(optimize, "read_clock", count().__next__)
    rows = []

    def run(x):
        rows.append(len(x))
        return x[:, :1]

    values = chain(random_net(0)[1], limit)._sample_objective(
        SimpleNamespace(run=run), np.ones((512, 3))
    )
    assert len(values) == sum(rows) == looked_at


def test_first_bounds_of_an_objective_end_with_the_time(monkeypatch):
    condition = []

    def watch_clock(graph, lo, hi, domain):
        condition.append((domain, seconds_left()))
        check_deadline()
        return bounds(graph, lo, hi, domain)

    monkeypatch.setattr(optimize, "bounds", watch_clock)
    _, graph = random_net(3)
    answer = outrange.minimize(graph, y[0], (0, 1), where=y[1] >= -9, time_limit=30)
    assert answer.status == "exact"
    ((domain, left),) = condition
    assert domain == "linear" and 0 < left <= 30
    condition.clear()
    late = chain(graph, 0.0)
    low, high = late._first_bounds(late.network.graph, Box(np.zeros(3), np.ones(3)))
    assert [domain for domain, _ in condition] == ["linear", "intervals"]
    seen = graph.run(np.random.default_rng(0).uniform(size=(500, 3)))[:, 0]
    assert (
        condition[0][1] < 0
        and condition[1][1] == np.inf
        and low <= seen.min()
        and seen.max() <= high
    )


def test_an_open_bracket_is_an_answer():
    _, graph = random_net(4, (6, 40, 40, 2))
    answer = outrange.minimize(graph, y[0], (-3, 3), where=y[1] >= 0, time_limit=0.3, tol=1e-12)
    assert answer.status in ("time", "exact")
    assert answer.lo <= answer.hi


@pytest.mark.parametrize(
    ("objective", "options", "message"),
    [
        (lambda x, y: y[0] <= 1, {}, "one expression"),
        (y, {}, "scalar|one"),
        (y[0], {"tol": -1}, "`tol`"),
        (y[0], {"time_limit": 0}, "`time_limit`"),
        (y[0], {"seed": 0.5}, "`seed`"),
        (y[0], {"where": True}, "condition"),
        (y[5], {}, r"y\[5\]|index"),
    ],
)
def test_mistakes(objective, options, message):
    _, graph = random_net(0)
    with pytest.raises(InputError, match=message):
        outrange.minimize(graph, objective, (0, 1), **options)
