"""By default a curved network is closed to 1e-4; given tolerances and straight nets are exact."""

from __future__ import annotations

import numpy as np
import pytest

from outrange.core import Box
from outrange.questions.gradients.gradients import gradient_range
from outrange.search.common import incumbent, tolerance
from outrange.search.common.incumbent import Incumbent
from outrange.search.common.solution import Status
from outrange.search.common.tolerance import ENOUGH, TOL, Convergence, Tolerance, is_curved
from outrange.search.solve import solve

from ..small_graphs import dense_net, gate_net, residual_net


@pytest.fixture
def impatient(monkeypatch):
    """Allow no seconds, and check every step: only sub-problems count."""
    monkeypatch.setattr(tolerance, "GRACE", 0.0)
    monkeypatch.setattr(incumbent, "REPORTS", 0.0)


class _Network:
    """A graph in place of a model; there is no model to run."""

    predict, name, layers = None, "net", ()

    def __init__(self, graph):
        self.graph = self.written = graph


def test_only_curved_networks_are_content_with_less():
    assert Tolerance.of(None, curved=True) == Tolerance(TOL, ENOUGH)
    assert Tolerance.of(None, curved=False) == Tolerance(TOL, TOL)
    assert Tolerance.of(1e-9, curved=True) == Tolerance(1e-9, 1e-9)


def test_effort_ends_after_as_much_again():
    convergence = Convergence(Tolerance(TOL, ENOUGH))
    convergence.record(1.0, 1.0, 10)
    assert not convergence.suffices(1e9, 10**9)  # 1e-4 is not reached yet
    convergence.record(ENOUGH, 5.0, 1000)
    assert not convergence.suffices(5.0 + tolerance.GRACE, 10**9)  # within the grace period
    assert not convergence.suffices(1e9, 1999)
    assert convergence.suffices(1e9, 2000)
    assert convergence.reached == {0.1: 5.0, 0.01: 5.0, 0.001: 5.0, 0.0001: 5.0}
    exact = Convergence(Tolerance(TOL, TOL))
    exact.record(1e-5, 1.0, 1)
    assert not exact.suffices(1e9, 10**9)


def test_kinks_are_not_curved_products_are():
    rng = np.random.default_rng(0)
    assert not is_curved(dense_net(rng, "relu")) and is_curved(dense_net(rng, "tanh"))
    assert not is_curved(residual_net(rng, "leaky_relu")) and is_curved(gate_net(rng, "relu"))


@pytest.mark.slow
def test_slopes_of_a_curved_network_end_sooner_and_say_so(impatient):
    graph = dense_net(np.random.default_rng(1), "tanh")
    box = (np.array([-0.5, 0, 0]), np.array([0.5, 0, 0]))  # each tolerance costs one box
    free = gradient_range(_Network(graph), box)
    requested = gradient_range(_Network(graph), box, tol=1e-5)
    assert free.is_exact and free.tol == ENOUGH
    assert (free.relative_gap <= 2 * ENOUGH).all()
    assert requested.is_exact and requested.tol == 1e-5
    assert free.cost.boxes < requested.cost.boxes
    assert (free.lo <= requested.seen_lo).all() and (free.hi >= requested.seen_hi).all()


@pytest.mark.parametrize("act", ["relu", "hard_sigmoid"])
def test_straight_networks_are_closed_to_the_finest(impatient, act):
    graph = dense_net(np.random.default_rng(2), act)
    rows = np.vstack([np.eye(2), -np.eye(2)])
    solution = solve(graph, Box(-np.ones(3), np.ones(3)), rows, engine="array")
    assert solution.status is Status.EXACT and solution.tol == TOL
    assert (solution.seen - solution.lower <= 1.001 * solution.tolerance).all()


def test_an_answer_that_reached_enough_when_time_ran_out_is_exact_to_it():
    """Bounds are 5e-5 apart at the end of the time, relative to a range of 1."""
    rows = np.array([[1.0], [-1.0]])
    for tol, status in ((Tolerance(TOL, ENOUGH), ENOUGH), (1e-6, None)):
        state = Incumbent(rows, tol, None, None)
        state.start(np.array([0.0, -1.0]), np.zeros((2, 1)), np.array([1.0, 0.0]))
        assert state.closed_to(np.array([-5e-5, -1.0])) == status
    assert state.closed_to(np.array([-5e-7, -1.0])) == 1e-6
    assert state.closed_to(np.array([-5e-4, -1.0])) is None


def decision(known, best):
    state = Incumbent(np.eye(2), 0.0, None, None)
    state.target = np.zeros(2)
    state.start(np.array(best), np.zeros((2, 1)), np.array(best))
    state.prove(np.array(known))
    return state


def test_the_violating_fraction_is_that_of_possible_values_below_the_target():
    assert decision([-1.0, 1.0], [3.0, 9.0]).violating_fraction == 0.25
    assert decision([-1.0, -3.0], [3.0, 1.0]).violating_fraction == 0.75
    assert decision([-1e-9, 1.0], [3.0, 9.0]).violating_fraction == incumbent.LEAST_FRACTION
    assert decision([-np.inf, 1.0], [3.0, 9.0]).violating_fraction == 1.0
    assert decision([-2.0, 1.0], [-2.0, 9.0]).violating_fraction == 1.0


def test_the_violating_fraction_of_a_range_is_1():
    assert Incumbent(np.eye(2), 0.0, None, None).violating_fraction == 1.0
