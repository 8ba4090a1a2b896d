"""What findings say: the cause at hand and not another, and everything once."""

import numpy as np
import pytest

import outrange
from outrange.answers.diagnosis import Finding, Level
from outrange.diagnosis.run_rules import pointing, said_once


keras = pytest.importorskip("keras")
layers = keras.layers if keras else None


def finding(code, layer, message, fix="", level=Level.MEASURED, note=False):
    return Finding(code, "title", level, layer, message, fix, note=note)


def test_zero_kernels_are_not_blamed_on_an_argmax():
    x = np.random.default_rng(0).normal(size=(20, 4, 2)).astype("float32")
    zeros = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}
    model = keras.Sequential(
        [keras.Input((4, 2)), layers.LSTM(3, name="lstm", **zeros), layers.Dense(1)]
    )
    model.compile("adam", "mse")
    found = outrange.diagnose(model, x, x[:, :1, 0], steps=0)
    (lost,) = [f for f in found if f.code == "OR005"]
    assert "argmax" not in lost.fix
    assert "initializer" in lost.fix
    assert "a gradient of exactly 0" in lost.message


@pytest.mark.parametrize(
    ("function", "words"), [("exp", "exponentials"), ("log", "away from 0: ops.log(x + 1e-6)")]
)
def test_what_is_infinite_is_blamed_on_what_the_model_computes(function, words):
    x = np.linspace(0.0, 1000.0, 16)[:, None].astype("float32")
    model = keras.Sequential(
        [keras.Input((1,)), layers.Lambda(getattr(keras.ops, function)), layers.Dense(1)]
    )
    model.compile("adam", "mse")
    found = outrange.diagnose(model, x, x, steps=0)
    (infinite,) = [f for f in found if f.code == "OR016" and f.level.name == "PROVED"]
    assert words in infinite.fix


def test_notes_are_said_once():
    same = [finding("OR020", f"lstm_{i}", "2 units are idle.", note=True) for i in (1, 2, 2)]
    other = finding("OR020", "dense", "3 units are idle.", note=True)
    again = [finding("OR003", "cell", "dead.", note=True)] * 5
    notes = said_once([*same, other, *again])
    assert [note.layer for note in notes] == ["lstm_1", "dense", "cell"]
    assert "lstm_2" in notes[0].message
    assert "(5 calls.)" in notes[2].message


def test_what_points_at_others_carries_the_fix_of_the_surest():
    cause = finding("OR013", "hidden", "equal.", 'kernel_initializer="glorot_uniform"   # it is',
                    Level.PROVED)  # fmt: skip
    symptom = finding("OR021", "", "nothing moves.", "see the other findings for the cause")
    _, told = pointing([cause, symptom])
    assert told.layer == "hidden"
    assert told.fix == 'kernel_initializer="glorot_uniform"   # see OR013'
    assert pointing([symptom]) == [symptom]
