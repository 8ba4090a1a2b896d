"""Tests of loops that a reader of `docs/closed_loops.md` alone might ask about."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from cases import cases
from outrange import ControlLoop, InputError, UnsupportedError, closed_loop, u, within, x


def net(inputs, outputs, act="tanh", seed=0, width=8):
    model = keras.Sequential([
        keras.Input((inputs,)), keras.layers.Dense(width, act), keras.layers.Dense(outputs),
    ])  # fmt: skip
    rng = np.random.default_rng(seed)
    model.set_weights([
        0.5 * rng.normal(size=w.shape) / np.sqrt(len(w)) for w in model.get_weights()
    ])  # fmt: skip
    return model


def pull(x):
    return [-2.0 * x[0]]


def push(x, u):
    return [u[0]]


@pytest.mark.parametrize("more", [{}, {"dt": 0.1}], ids=["steps", "time"])
def test_a_learned_plant(more):
    answer = closed_loop(
        ControlLoop(net(2, 1, "relu"), net(3, 2), ([0.5, -0.2], [0.6, -0.1]), **more),
        steps=8,
        spec=within(-2, 2).always(),
    )
    assert answer.status == "HOLDS" and answer.looseness < 1.2


@pytest.mark.parametrize("time", [False, True], ids=["steps", "time"])
def test_a_reference_that_varies(time):
    """The reference jumps at 0.7, so the seventh period is the first to react."""

    def observe(t, x):
        return [x[0] - np.where((t if time else 0.1 * t) >= 0.65, 1.0, 0.0)]

    plant = push if time else lambda x, u: x + 0.1 * u
    loop = ControlLoop(pull, plant, ([0.0], [0.0]), dt=0.1 if time else None, observe=observe)
    before = (abs(u[0]) <= 1e-9).always(0, 0.6 if time else 6)
    answer = closed_loop(loop, 9, before & (abs(u[0] - 2) <= 1e-9).at(0.7 if time else 7))
    assert answer.status == "HOLDS"


@pytest.mark.parametrize("time", [False, True], ids=["steps", "time"])
def test_a_controller_that_remembers(time):
    """An integral of the error removes the offset of a constant load."""

    def loaded_plant(x, u):
        slope = u[0] - 0.3
        return [slope if time else x[0] + 0.1 * slope]

    answer = closed_loop(
        ControlLoop(
            lambda z: [-2 * z[0] - z[1]],
            loaded_plant,
            ([0.5, 0.0], [0.6, 0.0]),
            dt=0.1 if time else None,
            memory=lambda x, y: [x[1] + 0.1 * x[0]],
            names=["level", "integral"],
        ),
        steps=30,
        spec=within([-0.2, -0.5], [0.2, 0.5]).at(3 if time else 30),
    )
    assert answer.status == "HOLDS"
    level, integral = 0.5, 0.0
    for _ in range(30):
        control = -2 * level - integral
        integral += 0.1 * level
        level += 0.1 * (control - 0.3)
    assert answer.pipe.final.lo[0] <= level + 1e-9 and level - 1e-9 <= answer.pipe.final.hi[0]
    assert answer.pipe.final.lo[1] <= integral + 1e-9 and integral - 1e-9 <= answer.pipe.final.hi[1]


def test_a_recurrent_network():
    answer = closed_loop(
        ControlLoop(
            net(3, 2),
            lambda x, u: [x[0] + 0.1 * x[1], x[1] + 0.1 * (u[0] - x[0])],
            ([0.5, -0.2, 0.0], [0.6, -0.1, 0.0]),
            actuate=lambda y: y[:1],
            memory=lambda y: y[1:],
        ),
        steps=10,
        spec=within(-1, 1).always(),
    )
    assert answer.status == "HOLDS"


@pytest.mark.slow
def test_a_switched_controller_in_time():
    at, steps = cases((0.35, 5), (0.5, 10))
    answer = closed_loop(
        ControlLoop(
            {"phase": {0: net(2, 1, "relu", 1), 1: net(2, 1, "relu", 2)}},
            lambda x, u: [x[1], -x[0] - x[1] + u[0]],
            ([at, -0.2, 0], [at + 0.1, -0.1, 0]),
            dt=0.1,
            observe=lambda x: x[:2],
            names=["at", "speed", "phase"],
            memory=lambda x, y: [np.where(x[0] < 0.3, 1.0, x[2])],
        ),
        steps=steps,
        spec=(abs(x["at"]) <= 1).always(),
    )
    assert answer.status == "HOLDS"
    assert answer.pipe.final.hi[2] == pytest.approx(1.0)


@pytest.mark.parametrize("more", [{}, {"dt": 0.1}], ids=["steps", "time"])
def test_a_plant_with_a_table(more):
    drag = [0, 1, 2, 4], [0, 0.2, 1.0, 5.0]

    def car(x, u):
        slope = u[0] - np.interp(x[0], *drag)
        return [slope if more else x[0] + 0.1 * slope]

    answer = closed_loop(
        ControlLoop(lambda z: [1.0 + 0 * z[0]], car, ([0.0], [0.5]), **more),
        steps=12,
        spec=(x[0] <= 2).always(),
        tol=0.5,
    )
    assert answer.status == "HOLDS"


def test_tables_of_numpy():
    def car(x, u):
        gear = np.choose(np.digitize(x[0], [1.0, 2.0]), [3.0, 2.0, 1.2])
        return [x[0] + 0.1 * gear * u[0], np.piecewise(x[1], [x[1] > 0], [lambda v: 0.5 * v, 0.0])]

    answer = closed_loop(
        ControlLoop(lambda z: [0 * z[0] + 1], car, ([0.9, -1], [0.95, 1])), steps=2
    )
    assert answer.pipe.at(1).hi == pytest.approx([1.25, 0.5])
    assert answer.pipe.at(2).hi == pytest.approx([1.45, 0.25])


@pytest.mark.parametrize("more", [{}, {"dt": 0.1}], ids=["steps", "time"])
def test_a_control_that_comes_late(more):
    plant = push if more else lambda x, u: x + 0.1 * u
    loop = ControlLoop(pull, plant, ([0.5], [0.6]), delay=2, **more)
    answer = closed_loop(loop, steps=5, spec=abs(x) <= 0.7)
    assert answer.status == "HOLDS" and answer.pipe.states == ("x1",)
    late = answer.pipe.control_lo[:, 0], answer.pipe.control_hi[:, 0]
    assert late[0][:3] == pytest.approx([0, 0, -1.2]) and late[1][:3] == pytest.approx([0, 0, -1.0])
    loop = ControlLoop(pull, plant, ([0.5], [0.5]), delay=(1, [3.0]), **more)
    early = closed_loop(loop, steps=2)
    assert early.pipe.at(0.1 if more else 1).lo[0] == pytest.approx(0.8)


def test_a_late_control_that_breaks_it_is_run():
    answer = closed_loop(
        ControlLoop(net(1, 1, seed=3), lambda x, u: x + 0.1 * u + 0.2, ([0.5], [0.6]), delay=2),
        steps=6,
        spec=(x[0] <= 1).always(),
    )
    run = answer.counterexample
    assert answer.status == "VIOLATED" and run.reproduced and run.lo.shape[1] == 1


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ({"delay": -1}, InputError, "the number of steps"),
        ({"delay": 0.5}, InputError, "the number of steps"),
        ({"delay": (1, [0.0, 1.0])}, InputError, "one for each of 1"),
        ({"memory": lambda x, y: [1, 2, 3]}, InputError, "the last states"),
        ({"observe": lambda a, b, c: a}, InputError, "`t`, `x`"),
        ({"plant": lambda x, u: [np.array([1.0, 2.0])[x[0]]]}, InputError, "np.choose"),
        (
            {"plant": lambda x, u: [np.interp(x[0], [0, 0], [0, 1])]},
            UnsupportedError,
            "increasing",
        ),
    ],
)
def test_wrong_calls_are_answered_by_a_sentence(more, error, words):
    loop = ControlLoop(pull, push, ([0.5], [0.6]))
    with pytest.raises(error, match=words):
        closed_loop(replace(loop, **more), steps=2)
