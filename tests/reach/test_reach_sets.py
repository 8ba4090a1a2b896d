"""Exact reach sets of loops: they contain every trajectory, step by step, and nothing else."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import outrange
from cases import cases, some
from outrange import ControlLoop, closed_loop, linear_plant, loop_reach_sets, x
from outrange.core import InputError, OutrangeError, UnsupportedError
from outrange.search.reach_sets.regions import LinearRegions
from reach.loops import draw_kinked_plant, every_loop, linear


LOOPS = [
    loop
    for _, loop in zip(
        range(16), every_loop(16, (linear, draw_kinked_plant), ("relu",)), strict=True
    )
]
"""Random piecewise-linear loops."""


def saturated_plant(x):
    return [np.clip(-0.5 * x[0] - x[1], -1, 1)]


DOUBLE = linear_plant([[1, 1], [0, 1]], [0.5, 1])


def exact_run(state, steps):
    """Run the loop of `saturated_plant` and `DOUBLE` in rationals."""
    a, b = map(Fraction, state)
    run = [(a, b)]
    for _ in range(steps):
        u = max(Fraction(-1), min(Fraction(1), -a / 2 - b))
        a, b = a + b + u / 2, b + u
        run.append((a, b))
    return run


def test_every_trajectory_is_in_the_sets():
    steps, rng = 8, np.random.default_rng(0)
    reached = loop_reach_sets(ControlLoop(saturated_plant, DOUBLE, ([1, -1], [3, 1])), steps=steps)
    assert reached.exact_until == steps and len(reached) == steps + 1
    for start in rng.uniform([1, -1], [3, 1], (12, 2)):
        for k, (a, b) in enumerate(exact_run(start, steps)):
            state = np.array([float(a), float(b)])
            assert reached.at(k).contains(state) is not False
            # The map of the piece that contains the start gives its image, up to the error.
            off = [
                max(abs(Fraction(float(v)) - w) for v, w in zip(star.apply(start[None])[0], (a, b),
                                                                 strict=True))
                for star in reached.at(k).pieces if (star.a @ start <= star.b + 1e-12).all()
            ]  # fmt: skip
            assert min(off) <= Fraction(float(reached.at(k).error.max() * (1 + 1e-9)))


def test_an_equilibrium_where_all_pieces_meet_is_reached():
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=(5, 2)), 0.3 * rng.normal(size=5)
    reached = loop_reach_sets(
        ControlLoop(lambda x: [second @ np.maximum(first @ x, 0)], DOUBLE, ([-1, -1], [1, 0.7])),
        steps=3,
    )
    for k in range(4):
        assert len(reached.at(k)) > 2 * k
        assert reached.at(k).contains([0.0, 0.0]) is True


def test_unreached_states_are_not_in_the_sets():
    reached = loop_reach_sets(ControlLoop(saturated_plant, DOUBLE, ([1, -1], [3, 1])), steps=5)
    last = reached.at(5)
    grid = np.stack(np.meshgrid(np.linspace(-3, 3, 25), np.linspace(-2, 2, 17)), -1).reshape(-1, 2)
    contained = last.contains(grid)
    starts = np.stack(np.meshgrid(np.linspace(1, 3, 101), np.linspace(-1, 1, 101)), -1)
    a, b = starts[..., 0].ravel(), starts[..., 1].ravel()
    for _ in range(5):
        u = np.clip(-0.5 * a - b, -1, 1)
        a, b = a + b + 0.5 * u, b + u
    near = np.min(np.abs(grid[:, None, 0] - a[None]) + np.abs(grid[:, None, 1] - b[None]), axis=1)
    # Starts are 1/50 apart, and five steps move neighbors apart by less than 20 times as much.
    assert not (np.equal(contained, True) & (near > 0.4)).any()
    assert not (np.equal(contained, False) & (near < 1e-9)).any()
    assert np.equal(contained, False).any()


@pytest.mark.parametrize("number", some(range(len(LOOPS)), 6))
def test_random_loops(number):
    controller, plant, lo, hi, steps = LOOPS[number]
    steps = min(steps, 5)
    reached = loop_reach_sets(
        ControlLoop(controller, plant, (lo, hi)), steps=steps, time_limit=5, most_pieces=2000
    )
    states = reached.trajectories
    for k in range(steps + 1):
        states_after = reached.at(k)
        assert (states_after.lo <= states[:, k].min(axis=0) + 1e-9).all()
        assert (states_after.hi >= states[:, k].max(axis=0) - 1e-9).all()
        assert not np.equal(
            states_after.contains(np.clip(states[:4, k], states_after.lo, states_after.hi)), False
        ).any()


def test_the_hulls_are_the_pipe():
    reached = loop_reach_sets(ControlLoop(saturated_plant, DOUBLE, ([1, -1], [3, 1])), steps=6)
    pipe = closed_loop(
        ControlLoop(saturated_plant, DOUBLE, ([1, -1], [3, 1])), steps=6, tol=1e-7
    ).pipe
    assert (reached.lo >= pipe.lo - 1e-9).all() and (reached.hi <= pipe.hi + 1e-9).all()
    assert (reached.lo <= pipe.seen_lo + 1e-9).all() and (reached.hi >= pipe.seen_hi - 1e-9).all()


@pytest.mark.slow
def test_long_loops_lose_no_digits():
    """Propagate rounding like the state, so that it shrinks with a stable loop."""
    reached = loop_reach_sets(
        ControlLoop(saturated_plant, DOUBLE, ([1, -0.5], [2, 0.5])), steps=cases(30, 60)
    )
    assert reached.status == "exact"
    assert max(union.error.max() for union in reached.sets) < 1e-12


def test_pieces_end_it_with_covers():
    reached = loop_reach_sets(
        ControlLoop(saturated_plant, DOUBLE, ([1, -1], [3, 1])), steps=6, most_pieces=2
    )
    assert reached.status == "pieces" and 0 <= reached.exact_until < 6
    assert all(union.is_exact for union in reached.sets[: reached.exact_until + 1])
    assert all(len(union) <= 2 for union in reached.sets)
    whole = loop_reach_sets(ControlLoop(saturated_plant, DOUBLE, ([1, -1], [3, 1])), steps=6)
    assert (reached.lo <= whole.lo + 1e-12).all() and (reached.hi >= whole.hi - 1e-12).all()
    for k in range(7):
        assert not np.equal(reached.at(k).contains(reached.trajectories[:, k]), False).any()
    assert f"exact up to step {reached.exact_until}" in str(reached)


@pytest.mark.slow
def test_time_ends_it_with_covers():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(40, 4)), rng.normal(size=(1, 40)) / 40
    plant = linear_plant(np.eye(4) + 0.1 * rng.normal(size=(4, 4)), rng.normal(size=4))
    reached = loop_reach_sets(
        ControlLoop(
            lambda x: second @ np.maximum(first @ x, 0.0), plant, (-1, 1), names=list("abcd")
        ),
        steps=4,
        time_limit=0.5,
        most_pieces=100_000,
    )
    assert reached.status == "time" and reached.exact_until < 4
    assert reached.cost.seconds < 10
    for k in range(5):
        assert (reached.at(k).lo <= reached.trajectories[:, k].min(axis=0) + 1e-9).all()
        assert (reached.at(k).hi >= reached.trajectories[:, k].max(axis=0) - 1e-9).all()


def many_pieces(**options):
    """Return the reach sets of a loop with thousands of pieces in its second step."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(20, 3)), rng.normal(size=(1, 20)) / 20
    shift = rng.normal(size=20)

    def plant(x, u):
        return [x[0] + 0.1 * x[1], x[1] + 0.1 * x[2], 0.9 * x[2] + 0.1 * u[0]]

    return loop_reach_sets(
        ControlLoop(
            lambda x: second @ np.maximum(first @ x + shift, 0.0), plant, ([-1] * 3, [1] * 3)
        ),
        **options,
    )


@pytest.mark.slow
def test_steps_after_the_time_cost_little():
    reached = many_pieces(steps=12, time_limit=cases(0.5, 1.0), most_pieces=100_000)
    assert reached.status == "time" and reached.exact_until < 12
    # A few hulls are propagated; thousands of cells would take seconds a step.
    assert all(len(union) <= 64 for union in reached.sets[reached.exact_until + 1 :])
    assert_covers(reached)


@pytest.mark.slow
def test_an_interrupt_ends_cuts_at_once(monkeypatch):
    advance, calls = LinearRegions.advance, []

    def advance_or_interrupt(self, start, until):
        calls.append(until)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return advance(self, start, until)

    monkeypatch.setattr(LinearRegions, "advance", advance_or_interrupt)
    reached = many_pieces(steps=4)
    assert (reached.status, reached.exact_until) == ("interrupted", 1)
    assert len(reached.at(1)) > 64 and all(1 < len(union) <= 64 for union in reached.sets[2:])
    assert_covers(reached)


def assert_covers(reached):
    """Assert that runs are in the sets, and near the map of the piece in which they start."""
    runs = reached.trajectories
    for k, union in enumerate(reached.sets):
        assert not np.equal(union.contains(runs[:, k]), False).any()
        for start, state in zip(runs[:, 0], runs[:, k], strict=True):
            for star in union.pieces:
                if (star.a @ start < star.b - 1e-12).all():
                    assert (np.abs(star.apply(start[None])[0] - state) <= star.error + 1e-9).all()


def test_disturbances_are_inputs_too():
    def windy(x, u, w):
        return DOUBLE(x, u + w)

    reached = loop_reach_sets(
        ControlLoop(saturated_plant, windy, ([1, -0.1], [2, 0.1]), unknown={"w": (-0.1, 0.1)}),
        steps=3,
    )
    calm = loop_reach_sets(ControlLoop(saturated_plant, DOUBLE, ([1, -0.1], [2, 0.1])), steps=3)
    assert reached.exact_until == 3
    assert (reached.lo[1:] < calm.lo[1:] - 0.01).all() and (
        reached.hi[1:] > calm.hi[1:] + 0.01
    ).all()
    with pytest.raises(InputError, match="at most 8 varying inputs"):
        loop_reach_sets(
            ControlLoop(saturated_plant, windy, ([1, -0.1], [2, 0.1]), unknown={"w": (-0.1, 0.1)}),
            steps=9,
        )


def test_delayed_controls_are_not_shown():
    reached = loop_reach_sets(
        ControlLoop(
            saturated_plant, DOUBLE, ([1, -0.1], [2, 0.1]), delay=1, names=["place", "speed"]
        ),
        steps=3,
    )
    assert reached.states == ("place", "speed") and reached.at(3).lo.shape == (2,)
    # The first control arrives after a step: until then the loop drifts.
    assert np.allclose(reached.lo[1], [0.9, -0.1]) and np.allclose(reached.hi[1], [2.1, 0.1])


def test_conditions_cut_the_initial_set():
    reached = loop_reach_sets(
        ControlLoop(
            saturated_plant, DOUBLE, outrange.Union(([1, -1], [3, 1])) & (x[0] + x[1] <= 2)
        ),
        steps=2,
    )
    for star in reached.at(2).pieces:
        assert (star.corners.sum(axis=1) <= 2 + 1e-12).all()


def test_loops_that_bend_are_refused():
    for plant in (
        lambda x, u: [x[0] + 0.1 * np.sin(x[1]), x[1] + u[0]],
        lambda x, u: [x[0] * x[1], x[1] + u[0]],
        lambda x, u: [np.where(x[0] > 0, x[1], 0.0), u[0]],
    ):
        with pytest.raises(UnsupportedError, match=r"closed_loop.* bounds the states by boxes"):
            loop_reach_sets(ControlLoop(saturated_plant, plant, ([1, -1], [3, 1])), steps=2)


@pytest.mark.parametrize(("options", "message"), [
    ({"steps": 0}, "`steps` must be the number"),
    ({"steps": 2, "most_pieces": 0}, "`most_pieces` must be"),
    ({"steps": 2, "time_limit": -1}, "`time_limit` must be"),
])  # fmt: skip
def test_questions_that_do_not_fit(options, message):
    with pytest.raises(InputError, match=message):
        loop_reach_sets(ControlLoop(saturated_plant, DOUBLE, ([1, -1], [3, 1])), **options)


@pytest.mark.parametrize(("fields", "message"), [
    ({"initial": outrange.Union((0, 1)) & (outrange.x[5] <= 1)}, "Received"),
    ({"dt": 0.1}, "in discrete time.* Received: a loop with `dt`"),
    ({"unknown": {"c": [0, 1]}}, r"Received: a loop with `unknown\['c'\]`"),
    ({"controller": {0: {0: saturated_plant}}}, "Received: a loop with `several controllers`"),
])  # fmt: skip
def test_loops_that_do_not_fit(fields, message):
    loop = ControlLoop(saturated_plant, DOUBLE, ([1, -1], [3, 1]))
    with pytest.raises(OutrangeError, match=message):
        loop_reach_sets(replace(loop, **fields), steps=2)


def test_missing_steps_are_refused():
    reached = loop_reach_sets(ControlLoop(saturated_plant, DOUBLE, ([1, -1], [3, 1])), steps=1)
    for step in (2, -1, 0.5, True):
        with pytest.raises(InputError, match="from 0 to 1"):
            reached.at(step)
    with pytest.raises(InputError, match="one of x1, x2"):
        reached.plot(x="nothing")
