"""Loops in continuous time that are undefined, are interrupted, or contradict a proof."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from cases import cases
from counted import pass_time
from outrange import ControlLoop, Union, closed_loop, x
from outrange.core import ContradictionError
from outrange.reach.continuous import attack, flow_search
from outrange.reach.continuous.attack import simulate_worst
from outrange.reach.continuous.claims import read_claim
from outrange.reach.continuous.contradictions import check_claim, check_seen
from outrange.reach.continuous.hulls import answer_pipe
from outrange.reach.flow import decide_by_splits
from outrange.reach.specification import Trajectory


def none(x):
    """Return no control."""
    return [0.0 * x[0]]


def decay(x, u):
    return [-x[0] + u[0]]


def inverse(x, u):
    return [-1.0 / x[0] + u[0]]


@pytest.mark.slow
def test_a_division_by_zero_is_reported_with_time_state_and_remedy(monkeypatch):
    monkeypatch.setattr(flow_search, "TURNS", (1,))
    answer = closed_loop(
        ControlLoop(none, inverse, ([0.3], [0.31]), dt=0.1),
        steps=cases(1, 5),
        spec=(x[0] <= 4).always(),
    )
    assert answer.status == "UNKNOWN" and not answer and 0 < answer.safe_until < 0.045
    (remedy, *_) = answer.helps
    assert "t = 0" in remedy and "x1 in [" in remedy and "smaller set" in remedy
    assert not np.isfinite(answer.pipe.final.hi).any() and not np.isfinite(answer.looseness)


@pytest.mark.parametrize("after", [0, 5])
def test_what_is_proved_survives_an_interrupt(monkeypatch, after):
    reported = []

    def interrupt(self, segment):
        reported.append(segment)
        if len(reported) > after:
            raise KeyboardInterrupt

    monkeypatch.setattr(flow_search.FlowSearch, "report", interrupt)
    answer = closed_loop(
        ControlLoop(none, decay, ([1.0], [2.0]), dt=0.1), steps=5, spec=(x[0] <= 4).always()
    )
    assert answer.status == "UNKNOWN" and answer.reason == "interrupted" and answer.covered == 0
    assert (answer.safe_until > 0) == (after > 0)
    assert not np.isfinite(answer.pipe.final.hi).any()


def test_a_simulation_outside_the_pipe_ends_the_answer():
    system = None

    class Captured(Exception):
        pass

    def capture(loop, *_):
        nonlocal system
        system = loop
        raise Captured

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow_search.FlowSearch, "__init__", lambda self, loop, *_: capture(loop))
        with pytest.raises(Captured):
            closed_loop(ControlLoop(none, decay, ([1.0], [2.0]), dt=0.1), steps=4)
    runs = simulate_worst(system, None, 0)
    cover = decide_by_splits(
        system.plant, system.controller, system.boxes(), system.dt, system.horizon, None
    )
    pipe = answer_pipe(system, cover, runs)
    check_seen(system, pipe, runs)
    with pytest.raises(ContradictionError, match="bug"):
        check_seen(system, replace(pipe, hi=pipe.hi - 0.01), runs)
    names = Trajectory(1, 0, system.states, system.controls)
    for limit, fine in ((2.1, True), (1.99, False)):
        claim = read_claim((x[0] <= limit).always(), names, system.end)
        if fine:
            check_claim(system, claim, simulate_worst(system, claim, 0))
            continue
        with pytest.raises(ContradictionError, match="the proved specification"):
            check_claim(system, claim, simulate_worst(system, claim, 0))


@pytest.mark.slow
def test_an_undefined_controller_is_reported_with_time_and_state(monkeypatch):
    monkeypatch.setattr(flow_search, "TURNS", (1,))
    loop = ControlLoop(
        none, decay, ([0.3], [0.31]), dt=0.1, observe=lambda x: [np.sqrt(x[0] - 0.1)]
    )
    answer = closed_loop(loop, steps=12, spec=(x[0] <= 1).always())
    # The argument is 0 when 0.3 exp(-t) is 0.1, at 1.0986.
    assert answer.status == "UNKNOWN" and answer.safe_until == 1.1
    assert "t = 1.1" in answer.helps[0] and "`sqrt`" in answer.helps[0]
    assert closed_loop(loop, steps=10).pipe.final.hi[0] < 0.12


@pytest.mark.slow
def test_boxes_without_bounds_report_until_when_and_why():
    answer = closed_loop(
        ControlLoop(none, inverse, ([0.3], [0.31]), dt=0.1), steps=5, time_limit=cases(1, 2)
    )
    assert answer.status == "REACHED" and not np.isfinite(answer.pipe.final.hi).any()
    assert "bounded only until t = 0" in answer.sentence and answer.helps
    assert answer.helps[0][:40] in str(answer)


def test_a_claim_without_choices_is_proved_without_simulations(monkeypatch):
    monkeypatch.setattr(flow_search, "SIMULATED", 0.0)
    loop = ControlLoop(none, decay, ([1.0], [2.0]), dt=0.1)
    answer = closed_loop(loop, steps=3, spec=(x[0] <= 2.1).always(), time_limit=30)
    assert answer.status == "HOLDS" and not answer.warnings
    answer = closed_loop(loop, steps=3, spec=(x[0] <= 1.9).eventually(), time_limit=30)
    assert answer.status == "UNKNOWN" and answer.reason == "time" and not answer.warnings


def test_states_that_no_trajectory_begins_in_are_not_simulated(monkeypatch):
    monkeypatch.setattr(flow_search, "TURNS", (4,))
    answer = closed_loop(
        ControlLoop(none, decay, Union(([1.0], [2.0])) & (x[0] >= 3), dt=0.1),
        steps=2,
        spec=(x[0] <= 1.5).always(),
    )
    assert answer.status == "UNKNOWN" and answer.nearest is None
    assert (
        "conditions on the initial states" in answer.warnings[0]
        and "simulated" not in answer.sentence
    )


def test_the_enclosures_of_several_trajectories_share_the_time(monkeypatch):
    left = []

    def slow(*arguments, **_):
        left.append(arguments[5])
        pass_time(0.1)
        return SimpleNamespace(complete=False, interrupted=False)

    monkeypatch.setattr(attack, "flow_pipe", slow)
    monkeypatch.setattr(flow_search, "TURNS", ())
    loop = ControlLoop(none, decay, ([1.0], [2.0]), dt=0.1)
    answer = closed_loop(loop, steps=2, spec=(x[0] <= 1.5).always(), time_limit=20)
    assert answer.status == "UNKNOWN"
    assert len(left) == attack.TRIED and left[0] <= 10 and left[-1] < left[0] - 0.2
