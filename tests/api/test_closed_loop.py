"""Tests of `outrange.closed_loop`: all notations of a plant agree; wrong calls say why."""

import math

import keras
import numpy as np
import pytest

import outrange
from cases import cases
from outrange import InputError, UnsupportedError, avoid, linear_plant, u, within, x


BOX = [0.5, -0.2], [0.9, 0.1]


def gain(x):
    return [-0.4 * x[0] - 0.8 * np.tanh(x[1])]


def spring(x, u):
    return [x[0] + 0.1 * x[1], x[1] + 0.1 * (u[0] - np.sin(x[0]) * x[1])]


def _ends(plant, controller=gain, **more):
    answer = outrange.closed_loop(outrange.ControlLoop(controller, plant, BOX, **more), steps=3)
    return np.concatenate([answer.pipe.lo.ravel(), answer.pipe.hi.ravel()])


@pytest.fixture(scope="module")
def expected_ends():
    return _ends(spring)


@pytest.fixture(scope="module")
def model():
    net = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(6, "relu"), keras.layers.Dense(1)]
    )
    rng = np.random.default_rng(0)
    net.set_weights([0.5 * rng.normal(size=w.shape) for w in net.get_weights()])
    return net


def _in_keras(x, u):
    ops = keras.ops
    return ops.stack([x[0] + 0.1 * x[1], x[1] + 0.1 * (u[0] - ops.sin(x[0]) * x[1])])


def _in_jax(x, u):
    import jax.numpy as jnp

    return jnp.array([x[0] + 0.1 * x[1], x[1] + 0.1 * (u[0] - jnp.sin(x[0]) * x[1])])


def _in_arrays(x, u):
    return x + 0.1 * np.array([x[1], u[0] - np.sin(x[0]) * x[1]])


@pytest.mark.parametrize("plant", [_in_keras, _in_jax, _in_arrays], ids=["keras", "jax", "arrays"])
def test_frameworks_say_the_same(plant, expected_ends):
    assert _ends(plant) == pytest.approx(expected_ends, abs=1e-4)


@pytest.mark.backends
def test_torch_says_the_same(expected_ends):
    torch = pytest.importorskip("torch")

    def plant(x, u):
        slope = torch.stack([x[1], u[0] - torch.sin(x[0]) * x[1]])
        return x + 0.1 * slope

    assert _ends(plant) == pytest.approx(expected_ends, abs=1e-4)


def test_formulas_say_the_same(expected_ends):
    plain = ["x1 + 0.1*x2", "x2 + 0.1*(u1 - sin(x1)*x2)"]
    named = ["at + 0.1*v", "v + 0.1*(push - sin(at)*v)"]
    assert _ends(plain) == pytest.approx(expected_ends, abs=1e-4)
    ends = _ends(named, names=(["at", "v"], ["push"]))
    assert ends == pytest.approx(expected_ends, abs=1e-4)


def test_a_model_is_a_plant_too():
    net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    weight = np.array([[1.0, 0.0], [0.125, 1.0], [0.0, 0.25]])
    net.set_weights([weight, np.zeros(2)])
    ends = _ends(net)
    same = _ends(linear_plant([[1, 0.125], [0, 1]], [0, 0.25]))
    assert ends == pytest.approx(same, abs=1e-4)


def test_an_observation_and_an_actuator(model):
    answer = outrange.closed_loop(
        outrange.ControlLoop(
            model,
            spring,
            BOX,
            observe=lambda x: [x[1], 2 * x[0]],
            actuate=lambda y: np.clip(y, -0.1, 0.1),
        ),
        steps=3,
        spec=(abs(u[0]) <= 0.1).always(),
        tol=0.1,
    )
    assert answer.status == "HOLDS"
    assert answer.pipe.control_lo.min() >= -0.1 - 1e-9


def test_a_broken_loop_is_run_with_the_model(model):
    answer = outrange.closed_loop(
        outrange.ControlLoop(model, spring, BOX), steps=4, spec=x[0] <= 0.85
    )
    run = answer.counterexample
    assert answer.status == "VIOLATED" and run.step == 0 and run.reproduced
    assert run.model.shape == (5, 2) and np.allclose(run.model, run.states, atol=1e-4)
    assert "breaks the specification before any step" in answer.sentence


def test_answers_print_draw_and_come_back_from_files(tmp_path, model):
    pytest.importorskip("matplotlib").use("Agg")
    spec = (x["at"] <= 2).always() & within([None, -3], [None, 3]).eventually()
    answer = outrange.closed_loop(
        outrange.ControlLoop(model, spring, BOX, names=["at", "speed"]), steps=4, spec=spec
    )
    assert answer.status == "HOLDS" and bool(answer) and "at" in str(answer)
    answer.save(tmp_path / "loop.json")
    again = outrange.answers.read(tmp_path / "loop.json")
    assert np.array_equal(again.pipe.lo, answer.pipe.lo) and again.claim == answer.claim
    assert answer.as_dict()["pipe"]["states"] == ["at", "speed"]
    assert len(answer.records()) == 5 and answer.to_frame().shape[0] == 5
    answer.csv(tmp_path / "loop.csv")
    assert (tmp_path / "loop.csv").read_text().startswith("step,at_lo")
    assert "HOLDS" in answer.html()
    axes = answer.plot(x="at", y="speed")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("at", "speed")
    assert len(answer.plot_times()) == 2 and answer.plot(y="speed").get_ylabel() == "speed"
    low, high = answer.pipe.range([1, -1])
    runs = answer.trajectories[..., 0] - answer.trajectories[..., 1]
    assert (low <= runs + 1e-9).all() and (runs <= high + 1e-9).all()
    assert answer.pipe.final.lo.tolist() == answer.pipe.at(4).lo.tolist()


def test_a_picture_shows_what_breaks(model):
    pytest.importorskip("matplotlib").use("Agg")
    answer = outrange.closed_loop(
        outrange.ControlLoop(model, spring, BOX), steps=4, spec=avoid([0.5, None], [0.7, None])
    )
    labels = answer.plot().get_legend_handles_labels()[1]
    assert {"counterexample", "avoid"} <= set(labels)


def test_controllers_of_modes():
    """One controller acts left of 0, another right of 0: the mode is a state."""
    answer = outrange.closed_loop(
        outrange.ControlLoop(
            {1: {0: lambda x: [0.0 * x[0] - 1.0], 1: lambda x: [0.0 * x[0] + 1.0]}},
            lambda x, u: [x[0] + u[0], 1 - x[1]],
            ([0.0, 0.0], [0.5, 0.0]),
        ),
        steps=4,
        spec=within([0, None], [0.5, None]).at(4),
    )
    assert answer.status == "HOLDS"
    assert answer.pipe.lo[1, 0] == pytest.approx(-1.0) and answer.pipe.hi[2, 0] == pytest.approx(
        0.5
    )


def test_a_time_limit_says_how_far_it_came():
    def wild(x, u):
        return [np.sin(5 * x[0] * x[1]) + u[0], np.cos(4 * x[0]) * x[1]]

    answer = outrange.closed_loop(
        outrange.ControlLoop(gain, wild, ([-1, -1], [1, 1])),
        steps=25,
        spec=(x[0] <= 1.9).always(),
        time_limit=cases(0.5, 1.5),
    )
    if answer.status == "UNKNOWN":
        assert answer.reason == "time" and "Step" in answer.sentence
    assert answer.cost.seconds < 12


CALLS = {
    "a plant that returns too much": (
        {"plant": lambda x, u: [x[0], x[1], u[0]]}, "The plant must return 2 numbers"),
    "a plant that decides by itself": (
        {"plant": lambda x, u: [x[0] if x[0] > 0 else u[0], x[1]]}, "np.where"),
    "a plant of more states than there are": (
        {"plant": lambda x, u: [x[0], x[2]]}, "It is called with 2 states and 1 control"),
    "an observation of more states than there are": (
        {"observe": lambda x: [x[0], x[5]]}, "It is called with 2 states"),
    "a plant of Python's math": (
        {"plant": lambda x, u: [math.sin(x[0]), x[1]]}, "np.sin"),
    "a plant without the control": (
        {"plant": lambda x: x}, "A plant must be a function of `(x, u)`"),
    "a formula with a name that nothing has": (
        {"plant": ["x1 + y", "x2"]}, "The variables of a formula must be among x1, x2, u1"),
    "a formula that is code": ({"plant": ["x1.real", "x2"]}, "one formula per state"),
    "no period": ({"dt": 0.0}, "a positive finite number"),
    "no steps": ({"steps": 0}, "an integer from 1"),
    "a set without an end": ({"initial": ([0, 0], [1, np.inf])}, "finite `hi`"),
    "a set of another size": (
        {"initial": ([0, 0, 0], [1, 1, 1]), "plant": ["x1", "x2"]}, "shape (3,)"),
    "a disturbance that the plant does not read": (
        {"unknown": {"w": (0, 1)}}, "the plant must have the argument `w`"),
    "a plant that reads what nobody gives": (
        {"plant": lambda x, u, p: x * p[0]},  "argument `p` needs `unknown={'p': ...}`"),
    "a specification beyond the end": (
        {"spec": (x[0] <= 1).at(9)}, "about step 9"),
    "a state that there is not": (
        {"spec": x["height"] <= 1}, "The loop has no state with this name; it has x1, x2"),
    "the output of a model": (
        {"spec": outrange.y[0] <= 1}, "may use its states `x` and its controls `u`"),
    "an observation of another size": (
        {"controller": "model", "observe": lambda x: [x[0]]}, "`observe` must return 2 numbers"),
    "a logarithm of negative numbers": (
        {"plant": lambda x, u: [np.log(x[0] - 1), x[1]]}, "at step 0, where it is not defined"),
    "modes without a state": (
        {"controller": {0: gain, 1: gain}}, "from the name or index of a state"),
    "a linear plant that does not fit": (
        {"plant": linear_plant([[1, 0], [0, 1]], [[1, 0], [0, 1]])}, "column of `B` per control"),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_wrong_calls_are_answered_by_a_sentence(call, model):
    arguments, word = CALLS[call]
    arguments = {"controller": gain, "plant": spring, "initial": BOX, "steps": 4} | arguments
    if arguments["controller"] == "model":
        arguments["controller"] = model
    steps, spec = arguments.pop("steps"), arguments.pop("spec", None)
    with pytest.raises((InputError, UnsupportedError)) as error:
        outrange.closed_loop(outrange.ControlLoop(**arguments), steps, spec)
    assert word in str(error.value)


def test_a_linear_plant_is_checked():
    for bad in (([1, 1],), ([[1, 1]], [1]), ([[1]], [1, 2]), ([[math.nan]], [1])):
        with pytest.raises(InputError):
            linear_plant(*bad, *([[1]] * (len(bad) < 2)))


def test_a_specification_that_says_nothing_is_warned_about():
    empty = avoid([0.6, None], [0.4, None])
    answer = outrange.closed_loop(
        outrange.ControlLoop(gain, spring, BOX), steps=2, spec=empty, tol=0.1
    )
    assert answer.status == "HOLDS" and "says nothing" in str(answer)
    far = outrange.closed_loop(
        outrange.ControlLoop(gain, spring, BOX), steps=2, spec=avoid([50, None], [60, None])
    )
    assert far.status == "HOLDS" and "x1 stays in" in far.warnings[0]
    near = outrange.closed_loop(
        outrange.ControlLoop(gain, spring, BOX), steps=2, spec=avoid([1.2, None], [2, None])
    )
    assert not near.warnings


def test_u_is_no_output_of_a_model(model):
    with pytest.raises(InputError, match="the control of a closed loop"):
        outrange.verify(model, u[0] <= 1, (0, 1))
