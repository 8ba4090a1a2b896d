"""Every option of a loop is part of the proof or refused: none is silently ignored."""

import itertools

import numpy as np
import pytest

import outrange
from outrange import ControlLoop, InputError, closed_loop, linear_plant, u, x


def idle(x):
    return [-0.5 * x[0]]


PLANT = linear_plant([[1.0]], [0.5])
START = ([0.0], [1.0])
BELOW = (x[0] <= 2).always()


@pytest.mark.parametrize(
    ("plant", "unknown"),
    [
        (PLANT, {"w": (-5, 5)}),
        (PLANT, {"p": (-5, 5)}),
        (PLANT, {"c": [-5, 5]}),
        (linear_plant([[1.0]], [0.5], E=[1.0]), {}),
        (linear_plant([[1.0]], [0.5], E=[[1.0, 2.0]]), {"w": (-5, 5)}),
        (["x1 + u1"], {"w": (-5, 5)}),
        (["x1 + u1"], {"c": [-5, 5]}),
        (["x1 + w1"], {}),
    ],
)
def test_arguments_that_the_plant_does_not_take_are_refused(plant, unknown):
    with pytest.raises(InputError, match=r"the argument `[wpc]`|per disturbance"):
        closed_loop(ControlLoop(idle, plant, START, unknown=unknown), steps=2, spec=BELOW)


def test_a_list_is_no_pair():
    """Refuse `[-1, 1]`, which as a vector would be two constant disturbances."""
    with pytest.raises(InputError, match="pair"):
        closed_loop(
            ControlLoop(
                lambda x: [x[0]],
                lambda x, u, w: x + w,
                ([0.0, 0.0], [1.0, 1.0]),
                unknown={"w": [-1, 1]},
            ),
            steps=1,
        )


@pytest.mark.parametrize("name", ["t", "x", "u", "p"])
def test_a_state_may_be_called_like_an_argument(name):
    answer = closed_loop(
        ControlLoop(lambda s: [0.0 * s[0]], [f"2*{name}"], START, names=([name], ["push"])),
        steps=3,
        spec=(x[0] <= 8).at(3) & (x[0] < 8).at(2),
        time_limit=20,
    )
    assert answer.status == "HOLDS"
    assert abs(answer.pipe.hi[3, 0] - 8) < 1e-9


def test_two_names_that_are_one_are_refused():
    with pytest.raises(InputError, match="u1"):
        closed_loop(ControlLoop(idle, ["u1 + 1"], START, names=["u1"]), steps=1)


@pytest.mark.parametrize("values", [[-0.665, 0.352], [0.1, 0.2, 0.7], [3.0], [-1, 0, 1]])
def test_a_choice_is_the_given_number(values):
    plant = lambda x, u, c: [c[0] + 0.0 * x[0]]  # noqa: E731
    for k, value in enumerate(sorted(values)):
        never = closed_loop(
            ControlLoop(idle, plant, START, unknown={"c": values}),
            steps=1,
            spec=(x[0] != value).at(1),
            time_limit=20,
        )
        assert never.status == "VIOLATED", value
        assert never.counterexample.choice[0, 0] == k


def test_simulated_values_are_choices():
    """Keep points of a relaxation between two choices out of the trajectories."""
    answer = closed_loop(
        ControlLoop(
            idle, lambda x, u, c: [np.abs(c[0]) + 0.1 * x[0]], START, unknown={"c": [-1, 1]}
        ),
        steps=2,
        tol=0.1,
        time_limit=20,
    )
    assert (answer.pipe.seen_lo[1:, 0] >= 1 - 1e-12).all()


def test_a_mode_without_a_controller_is_refused():
    modes = {0: lambda s: [s[0] + 1], 1: lambda s: [s[0] + 1]}
    with pytest.raises(InputError, match="at step 2"):
        closed_loop(
            ControlLoop({1: modes}, lambda x, u: [u[0], x[1] + 1], ([0.0, 0], [1.0, 0])),
            steps=4,
            spec=(x[0] <= 10).always(),
        )


def test_a_plant_that_draws_random_numbers_is_refused():
    counter = itertools.count()
    with pytest.raises(InputError, match="disturbance"):
        closed_loop(
            ControlLoop(idle, lambda x, u: x + 0.1 * next(counter), START), steps=2, spec=BELOW
        )


def test_an_initial_set_without_states_is_remarked():
    answer = closed_loop(
        ControlLoop(idle, PLANT, outrange.Union(START) & (x[0] >= 5)),
        steps=2,
        spec=(x[0] <= -1).always(),
        time_limit=5,
    )
    assert any("initial state" in warning for warning in answer.warnings)


def test_a_function_as_controller_takes_what_observe_returns():
    answer = closed_loop(
        ControlLoop(
            lambda s: [-s[0] - s[1] - s[2]],
            lambda x, u: [x[0] + 0.1 * u[0]],
            START,
            observe=lambda x: [x[0], 2 * x[0], 0.5],
        ),
        steps=2,
        spec=(x[0] <= 1).always() & (u[0] <= 1).always(),
        time_limit=20,
    )
    assert answer.status == "HOLDS"


def test_a_pipe_that_a_trajectory_leaves_is_never_returned(monkeypatch):
    from outrange.reach import loop_search

    plain = loop_search.bound_pipe

    def wrong(*arguments):
        bounds = plain(*arguments)
        bounds.hi[1:] = bounds.lo[1:] + 1e-3
        return bounds

    monkeypatch.setattr(loop_search, "bound_pipe", wrong)
    with pytest.raises(outrange.ContradictionError, match="after step"):
        closed_loop(ControlLoop(idle, PLANT, START), steps=2, time_limit=20)
