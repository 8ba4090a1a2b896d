"""Tests of `steps=None`: claims for all time that hold, and claims that do not."""

from dataclasses import replace

import numpy as np
import pytest

from outrange import ControlLoop, InputError, closed_loop, u, within, x
from outrange.api.loops.forever import forever, lasting_conditions
from outrange.core import Clock
from outrange.questions.expressions import as_temporal


def damped_oscillator(x):
    return [-1.0 * x[0] - 1.5 * np.tanh(x[1])]


def cart(x, u):
    return [x[0] + 0.1 * x[1], x[1] + 0.1 * u[0]]


def spring(x, u):
    return [x[1], u[0]]


START = [0.5, -0.1], [0.6, 0.1]


@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, {"dt": 0.1}], ids=["steps", "time"])
def test_a_loop_that_settles_is_safe_for_ever(more):
    answer = closed_loop(
        ControlLoop(damped_oscillator, spring if more else cart, START, **more),
        steps=None,
        spec=(abs(x[0]) <= 1.2).always() & within(-0.5, 0.5).eventually(),
    )
    assert answer.status == "HOLDS" and "for all time" in answer.sentence
    invariant = answer.invariant
    assert invariant is not None and invariant.period > 0
    # Far beyond what was bounded, trajectories still are where it says.
    points = np.random.default_rng(0).uniform(*START, (50, 2)).T
    h = 1.0 if not more else 0.1
    for k in range(600):
        if k * h >= invariant.start:
            assert (invariant.lo - 1e-9 <= points.T).all() and (
                invariant.hi + 1e-9 >= points.T
            ).all()
        control = damped_oscillator(points)
        parts = 20 if more else 1
        for _ in range(parts):
            points = points + 0.1 / parts * np.array([points[1], control[0]])
    assert answer.as_dict()["invariant"]["start"] == invariant.start


def test_without_a_specification_there_is_the_set():
    answer = closed_loop(
        ControlLoop(lambda x: [-0.5 * x[0]], lambda x, u: [x[0] + u[0]], ([1], [2])), steps=None
    )
    assert answer.status == "REACHED" and answer.invariant is not None
    assert "forever" in answer.sentence


@pytest.mark.slow
def test_what_grows_is_not_safe_for_ever():
    answer = closed_loop(
        ControlLoop(lambda x: [0 * x[0]], lambda x, u: [1.1 * x[0]], ([0.5], [1])),
        steps=None,
        spec=(x[0] >= 0.4).always(),
        time_limit=30,
    )
    assert answer.status == "UNKNOWN" and answer.invariant is None
    assert "never leaves" in answer.sentence and answer.safe_until >= 16


@pytest.mark.slow
def test_a_set_on_the_edge_is_no_invariant():
    """A point that moves by the last bit at every step does not return, within rounding."""
    step = np.nextafter(1.0, 2.0)
    answer = closed_loop(
        ControlLoop(lambda x: [0 * x[0]], lambda x, u: [step * x[0]], ([1.0], [1.0])),
        steps=None,
        spec=(x[0] <= 2).always(),
        time_limit=20,
    )
    assert answer.status == "UNKNOWN"


def test_what_is_proved_of_some_steps_alone_is_not_for_ever():
    """However the search for a set ends: without a set there is no claim for all time."""
    loop, spec = ControlLoop(damped_oscillator, cart, START), (abs(x[0]) <= 1.2).always()
    few = closed_loop(loop, steps=16, spec=spec, tol=1.0)
    assert few.status == "HOLDS"

    def ask(loop, steps, spec, tol, seconds):
        if spec is None:
            raise InputError("No set comes back.")
        return replace(few, reason="interrupted")

    answer = forever(ask, loop, spec, None, Clock(None))
    assert answer.status == "UNKNOWN" and answer.invariant is None and answer.safe_until == 16


def test_what_breaks_late_is_found():
    answer = closed_loop(
        ControlLoop(lambda x: [0 * x[0]], lambda x, u: [1.05 * x[0]], ([0.5], [1])),
        steps=None,
        spec=(x[0] <= 5).always(),
        time_limit=30,
    )
    assert answer.status == "VIOLATED" and answer.counterexample.step == 33


def test_what_is_asked_of_all_time():
    a, b = x[0] <= 1, u[0] >= 0
    conditions = [
        repr(condition)
        for condition in lasting_conditions(as_temporal(a.always() & b.eventually() & a.at(3)))
    ]
    assert conditions == [repr(a.always())]
    conditions = [
        repr(condition) for condition in lasting_conditions(~(a.eventually() | b.during(1, 2)))
    ]
    assert conditions == [repr((~a).always())]
    with pytest.raises(InputError, match="must not join"):
        lasting_conditions(a.always() | b.always())


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"plant": lambda t, x, u: [x[0] + t]}, "time-invariant loop"),
        ({"observe": lambda t, x: [x[0] - t]}, "time-invariant loop"),
        ({"delay": 1}, "For a proof for all time, store"),
    ],
)
def test_wrong_calls_are_answered_by_a_sentence(more, words):
    loop = ControlLoop(lambda x: [0 * x[0]], lambda x, u: [0.5 * x[0] + u[0]], ([0.5], [1]))
    with pytest.raises(InputError, match=words):
        closed_loop(replace(loop, **more), steps=None)
