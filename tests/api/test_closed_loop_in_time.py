"""Tests of `outrange.closed_loop` with `dt=`: plants in continuous time, as users write them."""

import math
from dataclasses import replace
from fractions import Fraction

import keras
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import outrange
from outrange import ControlLoop, avoid, closed_loop, linear_plant, u, within, x
from outrange.cli.run import run


def none(x):
    """Return no control."""
    return [0.0 * x[0]]


def decay(x, u):
    return [-x[0] + u[0]]


def turning(x, u):
    return [x[1], -x[0] + u[0]]


def test_a_decay_is_what_its_formula_says():
    answer = closed_loop(
        ControlLoop(none, decay, ([1.0], [2.0]), dt=0.1),
        steps=10,
        spec=(x[0] <= 0.73576).at(1) & (x[0] >= 0.36787).at(1) & (x[0] <= 1.8097).always(0.1),
    )
    assert answer.status == "HOLDS" and answer.covered == 1.0 and answer.safe_until == 1.0
    assert answer.looseness < 1.0001 and 0 < answer.margin < 1e-5
    final, e = answer.pipe.final, math.exp(-1)
    assert final.lo[0] <= e and 2 * e <= final.hi[0] and final.hi[0] - final.lo[0] < 1.001 * e
    # Instants, and an interval between two of them.
    assert answer.pipe.start.tolist()[:3] == [0.0, 0.0, 0.1]
    assert answer.pipe.stop.tolist()[:3] == [0.0, 0.1, 0.1]
    assert answer.pipe.at(0.05).hi[0] >= 2 * math.exp(-0.05)
    assert answer.pipe.at(0.1).hi[0] < 2 * math.exp(-0.1) + 1e-6


@pytest.mark.parametrize("limit", [1.1045, 1.1046])
def test_an_oscillator_between_instants(limit):
    # The largest x is the radius 1.10453..., when the angle is atan(0.1 / 1.1): 0.0907.
    answer = closed_loop(
        ControlLoop(none, turning, ([1.0, 0.0], [1.1, 0.1]), dt=0.2),
        steps=3,
        spec=(x[0] <= limit).always(),
    )
    radius = math.hypot(1.1, 0.1)
    assert (answer.status == "VIOLATED") == (radius > limit) and bool(answer) == (radius <= limit)
    if answer.counterexample is not None:
        example = answer.counterexample
        assert example.x.tolist() == [1.1, 0.1] and example.times[example.step] == example.time
        t = example.times
        assert (example.lo[:, 0] <= 1.1 * np.cos(t) + 0.1 * np.sin(t) + 1e-15).all()
        assert (example.hi[:, 0] >= 1.1 * np.cos(t) + 0.1 * np.sin(t) - 1e-15).all()
        assert example.lo[example.step, 0] > limit and example.reproduced is None


@pytest.mark.parametrize("plant", [linear_plant([[0, 1], [0, 0]], [0, 1]), ["x2", "u1"]])
def test_a_double_integrator_under_a_constant_push(plant):
    answer = closed_loop(
        ControlLoop(lambda x: [0.0 * x[0] - 1.0], plant, ([0.0, 1.0], [0.0, 1.0]), dt=0.5),
        steps=4,
        spec=(x[0] <= 0.5000001).always()
        & (abs(x[0]) <= 1e-9).at(2)
        & (abs(u[0] + 1) <= 1e-9).always(),
    )
    assert answer.status == "HOLDS"
    for t in (0.5, 1.0, 1.5):
        box = answer.pipe.at(t)
        assert box.lo[0] <= t - t * t / 2 <= box.hi[0] and box.hi[0] - box.lo[0] < 1e-12
    assert np.allclose(answer.pipe.control_lo, -1) and np.allclose(answer.pipe.control_hi, -1)


def small_controller():
    """Return a network fitted to a linear law, with fixed weights."""
    rng = np.random.default_rng(0)
    weights, bias = rng.normal(size=(2, 16)), rng.normal(size=16)
    seen = rng.uniform(-1.5, 1.5, (2000, 2))
    wanted = np.clip(seen @ [-1.0, -0.5], -1, 1)
    last = np.linalg.lstsq(np.maximum(seen @ weights + bias, 0), wanted, rcond=None)[0]
    layers = [keras.layers.Dense(16, "relu"), keras.layers.Dense(1, use_bias=False)]
    model = keras.Sequential([keras.Input((2,)), *layers])
    model.set_weights([weights, bias, last[:, None]])
    return model


def pendulum(x, u):
    return [x[1], 2 * np.sin(x[0]) + 8 * u[0]]


START = [0.8, 0.0], [1.0, 0.2]


@pytest.mark.slow
def test_a_pendulum_and_a_network():
    model = small_controller()
    answer = closed_loop(
        ControlLoop(model, pendulum, START, dt=0.05, names=["angle", "speed"]),
        steps=20,
        spec=(x["angle"] <= 1.02).always() & (x["angle"] <= 0.63).during(0.5, 1),
    )
    assert answer.status == "HOLDS" and answer.looseness < 1.2 and answer.dt == 0.05
    assert 0 < answer.margin <= answer.nearest
    assert "HOLDS" in str(answer) and "time" in str(answer) and answer.records()[1]["stop"] == 0.05


def test_trajectories_of_another_integrator_stay_inside():
    model, at = small_controller(), np.linspace(0, 0.05, 6)
    answer = closed_loop(ControlLoop(model, pendulum, START, dt=0.05), steps=10)
    assert answer.status == "REACHED" and answer.looseness < 1.2
    for begin in ([0.8, 0.0], [1.0, 0.2], [0.83, 0.17], [0.97, 0.02]):
        state = np.array(begin)
        for k in range(10):
            push = np.asarray(model(state[None]), float).ravel()
            run = solve_ivp(
                lambda t, y, push=push: pendulum(y, push), (0, 0.05), state, "DOP853", at,
                rtol=1e-12, atol=1e-12,
            )  # fmt: skip
            for t, y in zip(at, run.y.T, strict=True):
                box = answer.pipe.at(k * 0.05 + t)
                assert (box.lo - 1e-6 <= y).all() and (y <= box.hi + 1e-6).all()
            state = run.y[:, -1]


@pytest.mark.slow
def test_what_is_broken_comes_with_an_enclosed_trajectory():
    model = small_controller()
    answer = closed_loop(
        ControlLoop(model, pendulum, START, dt=0.05), steps=20, spec=(x[1] >= -0.6).always()
    )
    example = answer.counterexample
    assert (
        answer.status == "VIOLATED"
        and example.reproduced
        and example.model.shape == example.lo.shape
    )
    assert example.hi[example.step, 1] < -0.6 and (example.hi - example.lo <= 1e-6).all()
    assert "t = " in repr(example) and "broken at t = " in answer.sentence
    assert all(START[0] <= example.x) and all(example.x <= START[1])


def test_a_set_that_is_unsafe_at_once():
    answer = closed_loop(
        ControlLoop(none, decay, ([1.0], [2.0]), dt=0.1), steps=2, spec=(x[0] <= 1.5).always()
    )
    assert answer.status == "VIOLATED" and answer.counterexample.time == 0
    assert "breaks the specification before any step" in answer.sentence


@pytest.mark.slow
def test_eventually_avoid_and_either():
    for spec, status in [
        ((x[0] <= 0.3).eventually(), "HOLDS"),
        ((x[0] <= 0.3).eventually(0, 1), "VIOLATED"),
        ((x[0] >= 3).eventually() | (x[0] <= 0.5).at(2), "HOLDS"),
        (~(x[0] >= 0.5).always(), "HOLDS"),
        (avoid([3.0], [4.0]), "HOLDS"),
        (within([0.2], [0.3]).at(1.85), "UNKNOWN"),
    ]:
        lo, hi = ([1.0], [2.0])
        wanted = status if status != "UNKNOWN" else "VIOLATED"
        loop = ControlLoop(none, decay, (lo, hi), dt=0.1)
        answer = closed_loop(loop, steps=20, spec=spec, time_limit=20)
        assert answer.status == wanted, spec


@pytest.mark.slow
def test_disturbances_and_parameters():
    def disturbed_decay(x, u, w):
        return [-x[0] + u[0] + w[0]]

    def shifted_decay(x, u, p):
        return [-x[0] + u[0] + p[0]]

    for plant, name in ((disturbed_decay, "w"), (shifted_decay, "p")):
        answer = closed_loop(
            ControlLoop(none, plant, ([0.0], [0.0]), dt=0.1, unknown={name: (-0.1, 0.1)}),
            steps=10,
            spec=(abs(x[0]) <= 0.09).always(),
        )
        assert answer.status == "HOLDS" and answer.pipe.final.hi[0] >= 0.1 * (1 - math.exp(-1))
        broken = closed_loop(
            ControlLoop(none, plant, ([0.0], [0.0]), dt=0.1, unknown={name: (-0.1, 0.1)}),
            steps=10,
            spec=(abs(x[0]) <= 0.063).always(),
        )
        assert broken.status == "VIOLATED"
        run = broken.counterexample
        worst = run.disturbance if name == "w" else run.parameters
        assert abs(worst.ravel()[0]) == 0.1

    def grown(t, x, p):
        return [p[0] * t]

    with pytest.raises(outrange.InputError, match="x, u"):
        closed_loop(
            ControlLoop(none, grown, ([0.0], [0.0]), dt=0.5, unknown={"p": (1, 2)}), steps=2
        )

    def rising(t, x, u, p):
        return [p[0] * t + u[0]]

    answer = closed_loop(
        ControlLoop(none, rising, ([0.0], [0.0]), dt=0.5, unknown={"p": (1, 2)}), steps=2
    )
    assert answer.status == "REACHED"
    assert np.allclose([answer.pipe.final.lo[0], answer.pipe.final.hi[0]], [0.5, 1.0], atol=1e-9)


def test_unions_and_tables():
    answer = closed_loop(
        ControlLoop(
            none, decay, outrange.Union(([1.0], [1.1]), ([1.9], [2.0])), dt=0.1, names=["level"]
        ),
        steps=3,
        spec=(x["level"] >= 0.7).always(),
    )
    assert answer.status == "HOLDS"
    final, fall = answer.pipe.final, math.exp(-0.3)
    assert np.isclose([final.lo[0], final.hi[0]], [fall, 2 * fall]).all()
    table = answer.to_frame()
    assert list(table.index.names) == ["start", "stop"] and len(table) == 7
    assert answer.as_dict()["dt"] == 0.1


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ({"dt": 0}, "InputError", "positive finite"),
        ({"dt": -0.1}, "InputError", "positive finite"),
        ({"dt": float("nan")}, "InputError", "positive finite"),
        ({"dt": float("inf")}, "InputError", "positive finite"),
        ({"dt": "fast"}, "InputError", "positive finite"),
        ({"dt": 0.1, "spec": (x[0] <= 1).at(1)}, "InputError", "= 0.3"),
        ({"dt": 0.1, "spec": (x[0] <= 1).during(0.1, 0.31)}, "InputError", "= 0.3"),
        ({"dt": 0.1, "spec": (x[0] <= 1).always(0, math.inf)}, "InputError", "= 0.3"),
        ({"dt": 0.1, "steps": 0}, "InputError", "an integer from 1"),
        ({"dt": 0.1, "plant": lambda x, u: [x[0]]}, "InputError", "return 2 numbers"),
        ({"dt": 0.1, "plant": lambda x, u, c: [x[1], c[0]], "unknown": {"c": [0, 1]}},
         "UnsupportedError", "choice"),
        ({"dt": 0.1, "controller": {0: {0: none}}}, "UnsupportedError", "mode"),
    ],
)  # fmt: skip
def test_wrong_calls_say_why(more, error, words):
    arguments = {
        "controller": none, "plant": turning, "initial": ([0, 0], [1, 1]), "steps": 3,
    } | more  # fmt: skip
    steps, spec = arguments.pop("steps"), arguments.pop("spec", None)
    with pytest.raises(getattr(outrange, error), match=words):
        closed_loop(ControlLoop(**arguments), steps, spec)


def test_periods_are_the_decimals_that_were_written():
    loop = ControlLoop(none, decay, ([1.0], [1.0]), dt=0.1)
    assert closed_loop(loop, steps=3, spec=(x[0] <= 0.75).at(0.3)).status == "HOLDS"
    third = closed_loop(replace(loop, dt=Fraction(1, 3)), steps=3)
    assert third.pipe.stop[-1] == 1.0


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ((u[0] <= 0.9).always(), "VIOLATED"),
        ((u[0] <= 0.9).at(0.5), "VIOLATED"),
        ((u[0] <= 0.9).during(0.4, 0.5), "VIOLATED"),
        ((u[0] <= 0.9).during(0.4, 0.499), "HOLDS"),
        ((u[0] >= 0.9).at(0.5), "HOLDS"),
        ((u[0] <= 0.9).at(0.45), "HOLDS"),
        ((u[0] >= 1.9).eventually(), "VIOLATED"),
        ((abs(u[0] - 1.8) <= 0.01).at(1), "HOLDS"),
        ((u[0] + x[0] <= 0.55).at(0.2), "VIOLATED"),
    ],
)
def test_an_instant_has_the_control_that_it_begins(spec, status):
    # After k periods x is k / 10, and u is 2 k / 10 for the period that begins.
    answer = closed_loop(
        ControlLoop(
            lambda x: [2.0 * x[0]], lambda x, u: [1.0 + 0.0 * u[0]], ([0.0], [0.0]), dt=0.1
        ),
        steps=10,
        spec=spec,
    )
    assert answer.status == status


def test_on_the_command_line(tmp_path, capsys):
    path = tmp_path / "net.keras"
    small_controller().save(path)
    base = [
        "loop", str(path), "--next", "x2", "--next", "2*sin(x1) + 8*u1", "--dt", "0.05",
        "--lo", "0.8,0", "--hi", "1,0.2", "--steps", "10",
    ]  # fmt: skip
    assert run([*base, "--spec", "during 0.25 0.5: x[0] <= 1", "--csv", str(tmp_path / "a")]) == 0
    assert capsys.readouterr().out.startswith("holds\n")
    assert (tmp_path / "a").read_text().startswith("start,stop,x1_lo")
    base[base.index("0.05")] = "never"
    assert run([*base, "--spec", "always: x[0] <= 1"]) != 0


def test_modes_work_in_continuous_time():
    """Modes are supported in continuous time, although the docstring once denied it."""
    answer = outrange.closed_loop(
        outrange.ControlLoop(
            {"phase": {0: lambda x: [-1.0 + 0 * x[0]], 1: lambda x: [1.0 + 0 * x[0]]}},
            lambda x, u: [u[0]],
            ([0.5, 0], [0.6, 0]),
            dt=0.25,
            memory=lambda x, y: [np.where(x[0] > 0.2, x[1], 1.0)],
            names=["height", "phase"],
        ),
        steps=4,
        spec=(x[0] >= -0.5).always(),
    )
    assert answer.status == "HOLDS"
    assert "modes or choices" not in " ".join(outrange.closed_loop.__doc__.split())
