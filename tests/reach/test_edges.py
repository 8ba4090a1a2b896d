"""Limits on the edge of the initial set: proved where nothing crosses them, and only there."""

import numpy as np
import pytest

from cases import cases
from outrange import ControlLoop, closed_loop, x


def hold(state):
    return [-0.5 * state[0]]


@pytest.mark.parametrize("limit", [(x[0] <= 1), (x[0] >= -1) & (x[0] <= 1), (x[0] + x[1] <= 2)])
def test_a_limit_that_the_initial_set_touches_holds(limit):
    answer = closed_loop(
        ControlLoop(hold, lambda s, u: [-s[0] + u[0], -s[1]], ([-1.0, 0.0], [1.0, 1.0]), dt=0.1),
        steps=5,
        spec=limit.always(),
    )
    assert answer.status == "HOLDS"
    assert answer.margin == 0


def test_the_beginning_alone_is_exact():
    answer = closed_loop(
        ControlLoop(hold, lambda s, u: [1 + 0 * s[0]], ([0.0], [0.1]), dt=0.1),
        steps=3,
        spec=(x[0] <= 0.1).at(0),
    )
    assert answer.status == "HOLDS"


@pytest.mark.parametrize("seed", range(cases(6, 100)))
def test_a_crossed_limit_is_not_proved(seed):
    """Let the state rise somewhere on the face of the limit, by much or by very little."""
    rng = np.random.default_rng(seed)
    slope, top = rng.uniform(-2, 2, 2), float(rng.uniform(0.5, 2))
    bump = 10.0 ** rng.uniform(-9, 0)
    # On the face x[0] = top the rate is at most `bump`, which its corner attains.
    lo, hi = np.array([top - 1, -1.0]), np.array([top, 1.0])
    corner = np.sign(slope[1])

    def plant(s, u):
        return [slope[0] * (s[0] - top) + slope[1] * (s[1] - corner) + bump, 0 * s[1]]

    answer = closed_loop(
        ControlLoop(hold, plant, (lo, hi), dt=0.05),
        steps=2,
        spec=(x[0] <= top).always(),
        time_limit=2,
    )
    assert answer.status != "HOLDS"


@pytest.mark.parametrize("seed", range(cases(6, 100)))
def test_a_form_that_falls_on_its_face_holds(seed):
    rng = np.random.default_rng(seed)
    slope, top = rng.uniform(-2, 2, 2), float(rng.uniform(0.5, 2))
    bump = 10.0 ** rng.uniform(-3, 0)
    lo, hi = np.array([top - 1, -1.0]), np.array([top, 1.0])
    corner = np.sign(slope[1])

    def plant(s, u):
        falls = slope[0] * (s[0] - top) + slope[1] * (s[1] - corner) - bump
        return [falls - 0.1 * (s[0] - top) ** 2, 0 * s[1]]

    answer = closed_loop(
        ControlLoop(hold, plant, (lo, hi), dt=0.05),
        steps=2,
        spec=(x[0] <= top).always(),
        time_limit=20,
    )
    assert answer.status == "HOLDS"


@pytest.mark.slow
def test_a_plant_that_is_not_defined_inside_the_initial_set_ends_without_a_limit():
    """End the search although cuts always leave a piece at the end of the root's domain."""
    answer = closed_loop(
        ControlLoop(hold, lambda s, u: [np.sqrt(s[0])], ([-1.0], [1.0]), dt=0.1), steps=1
    )
    assert "not bounded everywhere" in str(answer)
    assert not np.isfinite(answer.pipe.hi).all()
