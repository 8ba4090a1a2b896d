"""Loops in continuous time that cannot be followed, are interrupted, or contradict a proof."""

from dataclasses import replace

import numpy as np
import pytest

from outrange import closed_loop, x
from outrange.core import ContradictionError
from outrange.reach.continuous import ask
from outrange.reach.continuous.attack import seen
from outrange.reach.continuous.contradictions import check_seen
from outrange.reach.continuous.hulls import pipe_of
from outrange.reach.flow import decide_by_splits


def none(x):
    """No control."""
    return [0.0 * x[0]]


def decay(x, u):
    return [-x[0] + u[0]]


def inverse(x, u):
    return [-1.0 / x[0] + u[0]]


def test_a_division_by_zero_is_told_with_time_state_and_remedy(monkeypatch):
    monkeypatch.setattr(ask, "TURNS", (1,))
    found = closed_loop(none, inverse, ([0.3], [0.31]), steps=5, dt=0.1, spec=(x[0] <= 4).always())
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
