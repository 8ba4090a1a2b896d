"""Tests that messages about arguments state what was received and what was expected."""

from inspect import signature

import keras
import numpy as np
import pandas as pd
import pytest

import outrange
from outrange import InputError, x, y
from outrange.api.arguments import load_network
from outrange.frontends.network import Network
from outrange.graph import Builder, Slot
from outrange.live.follow import FORMER
from questions.nets import dense_net


PLAIN = dense_net((4, 3, 3), ("relu", None))
NAMES = ["speed", "load", "heat", "night"]
NAMELESS = Network(PLAIN.graph, None, "net", "keras")
NET = NAMELESS.with_feature_names(NAMES)
BOX = {"speed": (0, 30), "load": (0, 500), "heat": (-10, 40), "night": (0, 1)}
PAIRS = list(BOX.values())


def picture():
    builder = Builder([Slot("image", (4, 4, 1))])
    (pixels,) = builder.input_values()
    flat = builder.reshape(pixels, (16,))
    return Network(builder.finish([flat], ["y"]), None, "picture", "keras")


def frame(*names):
    pandas = pytest.importorskip("pandas")
    rows = np.arange(2.0 * len(names)).reshape(2, -1)
    return pandas.DataFrame(rows, columns=list(names))


class OldModel:
    """Model that looks as if the package `tf_keras` defined it."""

    __module__ = "tf_keras.src.engine.sequential"


ZEROS = np.zeros((4, 4))

MESSAGES = {
    "pairs": (lambda: outrange.output_range(NET, PAIRS), "tuple(np.transpose(pairs))"),
    "tuple of pairs": (
        lambda: outrange.output_range(NAMELESS, ((0, 1), (2, 3))),
        "tuple(np.transpose(pairs))",
    ),
    "a former argument": (
        lambda: outrange.output_range(NET, BOX, certificate="a.proof", check=False),
        "Certificates are always checked",
    ),
    "no box": (lambda: outrange.output_range(NET, None), "An input set is needed: pass `box`"),
    "a name": (
        lambda: outrange.output_range(NET, {**BOX, "sped": 0} | {"speed": 1}),
        "remove names that are not inputs: `sped`",
    ),
    "a typo": (
        lambda: outrange.output_range(
            NET, {"sped": (0, 30), "load": (0, 500), "heat": (-10, 40), "night": 0}
        ),
        "Did you mean `speed`?",
    ),
    "an input of monotone": (
        lambda: outrange.monotone(NET, BOX, inputs=["lod"]),
        "Did you mean `load`?",
    ),
    "targets in a table": (
        lambda: outrange.output_range(NAMELESS, frame(*NAMES, "price")),
        "frame.drop(columns=['price'])",
    ),
    "targets in a table, of a named model": (
        lambda: outrange.output_range(NET, frame(*NAMES, "price")),
        "remove names that are not inputs: `price`",
    ),
    "a picture": (lambda: outrange.output_range(picture(), ZEROS), "array[..., None]"),
    "a ball": (
        lambda: outrange.output_range(picture(), outrange.ball(ZEROS, 0.1)),
        "array[..., None]",
    ),
    "a point": (lambda: outrange.robustness(NET, [0.1, 0.2]), "The point must have the shape (4,)"),
    "a point of a picture": (lambda: outrange.robustness(picture(), ZEROS), "array[..., None]"),
    "a label that is no class": (
        lambda: outrange.robust_accuracy(NET, np.zeros((4, 4)), [0, 2, 3, -1], 0.1),
        "integers from 0 to 2. Received: 3 in row 2, and 1 more.",
    ),
    "a label that is no integer": (
        lambda: outrange.robust_accuracy(NET, np.zeros((2, 4)), [0, 0.5], 0.1),
        "integers from 0 to 2. Received: 0.5 in row 1.",
    ),
    "too few labels": (
        lambda: outrange.robust_accuracy(NET, np.zeros((2, 4)), [0], 0.1),
        "one class number per row, of shape (2,)",
    ),
    "a union that should fix a column": (
        lambda: outrange.Mixed(outrange.data_box(frame(*NAMES)), ["load"]) | {"load": 1},
        "To fix a column, write `set & (x['load'] == value)`",
    ),
    "a union with a set after a column": (
        lambda: {"load": 1} | outrange.Mixed(outrange.data_box(frame(*NAMES)), ["load"]),
        "without `speed`",
    ),
    "a union of a table without categories": (
        lambda: outrange.data_box(frame(*NAMES)) | {"load": 1},
        "To fix a column, write `set & (x['load'] == value)`",
    ),
    "many points": (
        lambda: outrange.robustness(NET, np.zeros((3, 4))),
        "Select one of several rows: `x[0]`",
    ),
    "swapped": (lambda: outrange.verify(NET, BOX, y[0] <= 1), "Swap the two"),
    "swapped text": (lambda: outrange.verify(NET, (0, 1), "y[0] <= 1"), "Swap the two"),
    "a form": (lambda: outrange.minimize(NET, "y[0] <= 1", BOX), "must be one expression"),
    "a model of Keras 2": (lambda: outrange.load(OldModel()), "`model.save('model.h5')`"),
    "a diagnosis of a model of Keras 2": (
        lambda: outrange.diagnose(OldModel(), ZEROS, ZEROS),
        "`model.save('model.h5')`",
    ),
    "where of a range": (
        lambda: outrange.output_range(NET, BOX, where="x[0] <= 1"),
        "pass `set & (x[0] <= 1)` as `box`",
    ),
    "where": (
        lambda: outrange.verify(NET, y[0] <= 1, BOX, where="speed > 2"),
        'Write `x["speed"]` for an input or column of this name',
    ),
}


@pytest.mark.parametrize(("ask", "told"), MESSAGES.values(), ids=MESSAGES)
def test_a_message_says_what_was_meant(ask, told):
    with pytest.raises(InputError) as raised:
        ask()
    assert told in str(raised.value) and "Received: " in str(raised.value)
    assert "`lo` and `hi`" not in str(raised.value) or "ball" not in str(raised.value)


def test_conditions_and_forms_may_be_written_out():
    """Conditions and forms as text work wherever `verify` accepts a property."""
    where, text = x["speed"] >= 3, "x['speed'] >= 3"
    for ask in (outrange.verify, outrange.counterexamples, outrange.bad_inputs):
        one, two = (ask(NET, y[0] <= -1e6, BOX, where=cut) for cut in (where, text))
        assert one.records() == two.records()
    for ask in (outrange.minimize, outrange.maximize):
        one = ask(NET, y[0] - 2 * y[1] + x["load"], BOX, where=(y[0] >= -1e3) & where)
        two = ask(NET, "y[0] - 2 * y[1] + x['load']", BOX, where=f"y[0] >= -1e3 and {text}")
        assert (one.lo, one.hi) == (two.lo, two.hi)


def test_a_network_is_told_in_a_line():
    assert repr(NET) == (
        "Network('net', inputs: speed (), load (), heat (), night (); outputs: y (3,); 0 layers)"
    )
    assert len(repr(load_network(picture()))) < 200
    many = Network(dense_net((20, 1), (None,)).graph, None, "m", "keras")
    assert ", and 14 more" in repr(many.with_feature_names([f"column{i}" for i in range(20)]))


@pytest.mark.parametrize(
    ("ask", "wrong"),
    [
        (lambda **o: outrange.output_range("a.keras", (0, 1), **o), {"tol": -1}),
        (lambda **o: outrange.output_range("a.keras", (0, 1), **o), {"arithmetic": "half"}),
        (lambda **o: outrange.output_range("a.keras", (0, 1), **o), {"effort": "exact"}),
        (lambda **o: outrange.output_range("a.keras", (0, 1), **o), {"bounds": 1}),
        (lambda **o: outrange.verify("a.keras", y[0] <= 1, (0, 1), **o), {"seed": -1}),
        (lambda **o: outrange.monotone("a.keras", (0, 1), **o), {"time_limit": 0}),
        (lambda **o: outrange.robustness("a.keras", [0.0], **o), {"tol": None}),
        (lambda **o: outrange.lipschitz("a.keras", (0, 1), **o), {"budget": -1}),
    ],
)
def test_wrong_arguments_are_refused_before_the_model_is_read(ask, wrong, monkeypatch):
    def load(*_):
        pytest.fail("The model was read before its arguments were checked.")

    monkeypatch.setattr("outrange.frontends.load.load", load)
    with pytest.raises(InputError, match=next(iter(wrong))):
        ask(**wrong)


@pytest.mark.parametrize("ask", [outrange.output_range, outrange.summary, outrange.reach_set])
def test_the_error_of_a_function_outside_its_domain_names_the_layer(ask):
    root = keras.layers.Dense(1, activation=keras.ops.sqrt, name="root")
    root_model = keras.Sequential([keras.Input((1,)), root])
    root_model.layers[0].set_weights([-np.ones((1, 1)), np.zeros(1)])
    with pytest.raises(outrange.InputError, match="`sqrt` in layer `root` is supported only on"):
        ask(root_model, (0, 1))


@pytest.mark.parametrize("former", FORMER)
def test_every_former_argument_names_its_replacement(former):
    *owner, name = former.split()
    function = owner[0] if owner else "repair" if name == "keep" else "verify"
    ask = getattr(outrange, function)
    assert name not in signature(ask).parameters
    with pytest.raises(InputError) as caught:
        ask(**{name: 1})
    sentence = FORMER[former].format(call=f"{function}(...)")
    assert str(caught.value) == f"{sentence} Received: an argument {name!r}."


def test_near_names_of_the_module_are_suggested():
    with pytest.raises(AttributeError, match=r"'outputrange'\. Did you mean `output_range`\?"):
        _ = outrange.outputrange
    with pytest.raises(AttributeError, match=r"'nothing_like_it'$"):
        _ = outrange.nothing_like_it


def test_bounds_are_the_argument_box():
    with pytest.raises(TypeError, match="The input set is the argument `box`"):
        outrange.output_range(NAMELESS, bounds=(0, 1))


def two_inputs():
    builder = Builder([Slot("z", (1,)), Slot("label", (2,))])
    z, label = builder.input_values()
    weight = builder.dense(label, np.array([[1.0], [2.0]]))
    return Network(builder.finish([builder.add(z, weight)], ["y"]), None, "net", "keras")


def test_a_list_as_long_as_an_input_may_be_meant_as_a_point():
    with pytest.raises(InputError, match=r"`np.array\(\[1, 0\]\)` fixes the input"):
        outrange.output_range(two_inputs(), {"z": (-1, 1), "label": [1, 0]})


def test_one_hot_groups_may_be_named_as_answers_name_entries():
    box = {"z": (-1, 1), "label": (0, 1)}
    categories = outrange.Mixed(box, one_hot=[["label[0]", "label[1]"]])
    bounds = outrange.output_range(two_inputs(), categories)
    assert (bounds.lo[0], bounds.hi[0]) == (0.0, 3.0)


def test_files_and_short_tables_are_answered_with_what_to_do():
    with pytest.raises(InputError, match=r"pandas\.read_csv"):
        outrange.output_range(NAMELESS, "table.csv")
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    with pytest.raises(InputError, match=r"column of text needs `pd.get_dummies\(frame\)`"):
        outrange.output_range(NAMELESS, frame)
