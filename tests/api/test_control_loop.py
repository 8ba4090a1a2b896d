"""The record `ControlLoop`: early errors, its `repr`, and calls without it."""

from dataclasses import FrozenInstanceError, fields, replace
from fractions import Fraction
from inspect import signature

import numpy as np
import pytest

import outrange
from outrange import ControlLoop, InputError, closed_loop, linear_plant, loop_reach_sets, x
from outrange.answers.tables.provenance import provenance_cells
from outrange.core import ArgumentError, UnsupportedError


START = [0.5], [1.0]


def steer(x):
    return [-x[0]]


def decay(x, u):
    return [0.9 * x[0] + 0.1 * u[0]]


LOOP = ControlLoop(steer, decay, START)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"controller": decay}, "must come before the plant: `ControlLoop"),
        ({"controller": {0: steer}}, "from the name or index of a state"),
        ({"controller": {0: {0: steer}, 1: {0: steer}}}, "from the name or index of a state"),
        ({"controller": {0: {"idle": steer}}}, "must have numbers as keys"),
        ({"controller": {0: {}}}, "must have numbers as keys"),
        ({"dt": -0.1}, "positive finite"),
        ({"observe": 3}, "`observe` must be a function or None. Received: observe=3"),
        ({"actuate": [1]}, "`actuate` must be a function"),
        ({"memory": "x"}, "`memory` must be a function"),
        ({"delay": 0.5}, "the number of steps"),
        ({"delay": True}, "the number of steps"),
        ({"unknown": {"p": (2, 1)}}, '`unknown["p"]` must be a pair'),
        ({"unknown": {"w": [0, 1]}}, '`unknown["w"]` must be a pair'),
        ({"unknown": {"c": []}}, "list of finite numbers"),
        ({"unknown": {"d": (0, 1)}}, "may have the keys"),
        ({"unknown": (0, 1)}, "must be a dict"),
        ({"names": "angle"}, "`names` must be a list"),
        ({"names": "ab"}, "`names` must be a list"),
        ({"names": ["a", "a"]}, "`names` must be distinct nonempty names"),
        ({"names": (["a"], [""])}, "`names` must be distinct nonempty names"),
        ({"names": (["a"], "u")}, "`names` must be a list"),
        ({"states": ["angle"]}, "Pass the names of the states as `names="),
        ({"varying": False}, 'a constant as `unknown={"p": (lo, hi)}`'),
    ],
)
def test_fields_are_checked_before_models_are_read(changes, message):
    with pytest.raises(InputError) as error:
        replace(ControlLoop("missing.keras", decay, START), **changes)
    assert message in str(error.value)


def test_choices_need_discrete_time():
    with pytest.raises(UnsupportedError, match=r'unknown\["c"\] with dt=0\.1'):
        replace(LOOP, unknown={"c": [0, 1]}, dt=0.1)


def test_a_loop_is_frozen():
    with pytest.raises(FrozenInstanceError):
        LOOP.dt = 0.1


def test_the_repr_shows_the_fields_that_are_set():
    assert repr(LOOP) == "ControlLoop(steer, decay, ([0.5], [1.0]))"
    whole = outrange.Union((np.zeros(40), np.ones(40)))
    loop = ControlLoop(
        "net.keras", linear_plant(np.eye(40), np.ones(40)), whole & (x[0] <= 1),
        dt=Fraction(1, 3), observe=steer, unknown={"p": (1, 2)}, delay=(1, 2.0),
    )  # fmt: skip
    text = repr(loop)
    assert text.startswith("ControlLoop('net.keras', LinearPlant(...), ") and len(text) < 250
    assert text.endswith("observe=steer, unknown={'p': (1, 2)}, delay=(1, 2.0))")


@pytest.mark.parametrize(
    ("args", "options", "call"),
    [
        (
            (steer, decay, START),
            {"dt": 0.1, "steps": 10, "spec": x[0] <= 1},
            "closed_loop(ControlLoop(controller, plant, initial, dt=0.1), steps=10, spec=...)",
        ),
        (
            (steer,),
            {"plant": decay, "initial": START, "names": ["a"], "observe": steer},
            "closed_loop(ControlLoop(controller, plant, initial, observe=..., names=['a']), "
            "steps=...)",
        ),
        (
            (),
            {"controller": steer, "plant": decay, "initial": START, "steps": None, "seed": 3},
            "closed_loop(ControlLoop(controller, plant, initial), steps=None, seed=3)",
        ),
        ((steer, 3), {}, "closed_loop(ControlLoop(controller, plant, initial), steps=...)"),
        ((LOOP, 3), {"dt": 0.1}, "closed_loop(dataclasses.replace(loop, dt=0.1), steps=3)"),
        ((), {"loop": LOOP, "dt": 0.1, "steps": 3},
         "closed_loop(dataclasses.replace(loop, dt=0.1), steps=3)"),
    ],
)  # fmt: skip
def test_a_former_call_shows_the_new_one(args, options, call):
    for function in (closed_loop, loop_reach_sets):
        with pytest.raises(ArgumentError) as error:
            function(*args, **options)
        assert f"`{call.replace('closed_loop', function.__name__)}`" in str(error.value)
        assert "Received: " in str(error.value)


def test_a_former_field_of_a_call_names_the_current_one():
    for function in (closed_loop, loop_reach_sets):
        with pytest.raises(ArgumentError, match="as `names="):
            function(steer, decay, START, steps=3, states=["angle"])


def test_an_error_names_a_function_without_its_address():
    with pytest.raises(ArgumentError, match="Received: function `<lambda>` as the loop"):
        closed_loop(lambda x: -x, decay, START)


@pytest.mark.parametrize("options", [{}, {"steps": 3}, {"loop": LOOP}, {"loop": LOOP, "most": 3}])
def test_other_wrong_calls_list_the_arguments(options):
    with pytest.raises(ArgumentError, match="`closed_loop` takes loop, steps; and by name"):
        closed_loop(**options)


def test_the_former_reader_of_files_names_the_present_one():
    with pytest.raises(AttributeError, match=r"is now `outrange\.read_loop_file`"):
        outrange.loop_file  # noqa: B018


@pytest.mark.parametrize("function", [closed_loop, loop_reach_sets])
def test_questions_have_at_most_ten_parameters(function):
    assert len(signature(function).parameters) <= 10


def test_an_answer_lists_the_fields_of_the_loop():
    loop = replace(LOOP, delay=1, names=["level"])
    by_name = closed_loop(steps=2, spec=(x[0] <= 1).always(), loop=loop, tol=1.0, budget=2)
    by_place = closed_loop(loop, 2, (x[0] <= 1).always(), tol=1.0, budget=2)
    assert by_name.provenance == by_place.provenance
    arguments = dict(by_name.provenance.arguments)
    assert {field.name for field in fields(ControlLoop)} <= set(arguments)
    assert arguments["plant"] == "function decay" and arguments["initial"] == "([0.5], [1.0])"
    assert (arguments["delay"], arguments["steps"], arguments["tol"]) == ("1", "2", "1.0")
    assert arguments["names"] == "['level']" and "loop" not in arguments
    assert "delay=1, " in provenance_cells(by_name)[0]
    sets = loop_reach_sets(replace(LOOP, delay=1), 2)
    assert dict(sets.provenance.arguments)["delay"] == "1"


@pytest.mark.parametrize("steps", [True, 0, 2.5, "3"])
def test_steps_are_a_positive_integer(steps):
    with pytest.raises(InputError, match="number of steps"):
        closed_loop(LOOP, steps)


def test_a_mode_is_a_name_or_an_index():
    loop = ControlLoop({True: {0: steer, 1: steer}}, lambda x, u: [u[0], x[1]], ([0, 0], [1, 1]))
    with pytest.raises(InputError, match="must be one of the states"):
        closed_loop(loop, 2)


def test_names_are_copied():
    names = ["angle"]
    loop = replace(LOOP, names=names)
    names.append("angle")
    assert loop.names == ["angle"]


@pytest.mark.parametrize("names", [["a", "b"], ("a", "b"), (["a", "b"], ["u"])])
def test_two_states_may_have_any_list_of_names(names):
    loop = ControlLoop(lambda x: [-x[0]], lambda x, u: [x[1], u[0]], ([0, 0], [1, 1]), names=names)
    assert closed_loop(loop, 1).pipe.states == ("a", "b")
