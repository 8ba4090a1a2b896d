"""Loops in continuous time that cannot be followed, are interrupted, or contradict a proof."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from cases import cases
from counted import pass_time
from outrange import closed_loop, x
from outrange.core import ContradictionError
from outrange.reach.continuous import ask, attack
from outrange.reach.continuous.attack import seen
from outrange.reach.continuous.claims import claimed
from outrange.reach.continuous.contradictions import check_claim, check_seen
from outrange.reach.continuous.hulls import pipe_of
from outrange.reach.flow import decide_by_splits
from outrange.reach.specification import Trajectory


def none(x):
    """No control."""
    return [0.0 * x[0]]


def decay(x, u):
    return [-x[0] + u[0]]


def inverse(x, u):
    return [-1.0 / x[0] + u[0]]


def test_a_division_by_zero_is_told_with_time_state_and_remedy(monkeypatch):
    monkeypatch.setattr(ask, "TURNS", (1,))
    found = closed_loop(
        none, inverse, ([0.3], [0.31]), steps=cases(1, 5), dt=0.1, spec=(x[0] <= 4).always()
    )
    assert found.status == "UNKNOWN" and not found and 0 < found.safe_until < 0.045
    (said, *_) = found.helps
    assert "t = 0" in said and "x1 in [" in said and "smaller set" in said
    assert not np.isfinite(found.pipe.final.hi).any() and not np.isfinite(found.looseness)


@pytest.mark.parametrize("after", [0, 5])
def test_what_is_proved_survives_an_interrupt(monkeypatch, after):
    told = []

    def interrupt(self, segment):
        told.append(segment)
        if len(told) > after:
            raise KeyboardInterrupt

    monkeypatch.setattr(ask.FlowSearch, "report", interrupt)
    found = closed_loop(none, decay, ([1.0], [2.0]), steps=5, dt=0.1, spec=(x[0] <= 4).always())
    assert found.status == "UNKNOWN" and found.reason == "interrupted" and found.covered == 0
    assert (found.safe_until > 0) == (after > 0)
    assert not np.isfinite(found.pipe.final.hi).any()


def test_a_simulation_outside_the_pipe_ends_the_answer():
    system = None

    class Kept(Exception):
        pass

    def keep(one, *_):
        nonlocal system
        system = one
        raise Kept

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ask.FlowSearch, "__init__", lambda self, one, *_: keep(one))
        with pytest.raises(Kept):
            closed_loop(none, decay, ([1.0], [2.0]), steps=4, dt=0.1)
    runs = seen(system, None, 0)
    cover = decide_by_splits(
        system.plant, system.controller, system.boxes(), system.dt, system.horizon, None
    )
    pipe = pipe_of(system, cover, runs)
    check_seen(system, pipe, runs)
    with pytest.raises(ContradictionError, match="bug"):
        check_seen(system, replace(pipe, hi=pipe.hi - 0.01), runs)
    names = Trajectory(1, 0, system.states, system.controls)
    for limit, fine in ((2.1, True), (1.99, False)):
        claim = claimed((x[0] <= limit).always(), names, system.end)
        if fine:
            check_claim(system, claim, seen(system, claim, 0))
            continue
        with pytest.raises(ContradictionError, match="specification was proved"):
            check_claim(system, claim, seen(system, claim, 0))


@pytest.mark.slow
def test_a_controller_that_is_not_described_everywhere_is_told_with_time_and_state(monkeypatch):
    monkeypatch.setattr(ask, "TURNS", (1,))
    given = [0.3], [0.31]
    say = {"steps": 12, "dt": 0.1, "observe": lambda x: [np.sqrt(x[0] - 0.1)]}
    found = closed_loop(none, decay, given, spec=(x[0] <= 1).always(), **say)
    # The argument is 0 when 0.3 exp(-t) is 0.1: at 1.0986.
    assert found.status == "UNKNOWN" and found.safe_until == 1.1
    assert "t = 1.1" in found.helps[0] and "`sqrt`" in found.helps[0]
    assert closed_loop(none, decay, given, **(say | {"steps": 10})).pipe.final.hi[0] < 0.12


def test_boxes_without_bounds_say_until_when_and_why():
    found = closed_loop(none, inverse, ([0.3], [0.31]), steps=5, dt=0.1, time_limit=cases(1, 2))
    assert found.status == "REACHED" and not np.isfinite(found.pipe.final.hi).any()
    assert "bounded until t = 0" in found.sentence and found.helps
    assert found.helps[0][:40] in str(found)


def test_without_simulations_what_leaves_nothing_open_is_proved(monkeypatch):
    monkeypatch.setattr(ask, "SIMULATED", 0.0)
    say = {"steps": 3, "dt": 0.1, "time_limit": 30}
    found = closed_loop(none, decay, ([1.0], [2.0]), spec=(x[0] <= 2.1).always(), **say)
    assert found.status == "HOLDS" and not found.warnings
    found = closed_loop(none, decay, ([1.0], [2.0]), spec=(x[0] <= 1.9).eventually(), **say)
    assert found.status == "UNKNOWN" and found.reason == "time" and not found.warnings


def test_states_that_no_trajectory_begins_in_are_not_simulated(monkeypatch):
    monkeypatch.setattr(ask, "TURNS", (4,))
    found = closed_loop(
        none, decay, ([1.0], [2.0]), steps=2, dt=0.1, where=x[0] >= 3, spec=(x[0] <= 1.5).always()
    )
    assert found.status == "UNKNOWN" and found.nearest is None
    assert "where=" in found.warnings[0] and "simulated" not in found.sentence


def test_the_enclosures_of_several_trajectories_share_the_time(monkeypatch):
    left = []

    def slow(*given, **_):
        left.append(given[5])
        pass_time(0.1)
        return SimpleNamespace(complete=False, interrupted=False)

    monkeypatch.setattr(attack, "flow_pipe", slow)
    monkeypatch.setattr(ask, "TURNS", ())
    say = {"steps": 2, "dt": 0.1, "time_limit": 20, "spec": (x[0] <= 1.5).always()}
    assert closed_loop(none, decay, ([1.0], [2.0]), **say).status == "UNKNOWN"
    assert len(left) == attack.TRIED and left[0] <= 10 and left[-1] < left[0] - 0.2
