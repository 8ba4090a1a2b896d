"""A finding that another one explains is a note if it is proved, and is dropped otherwise."""

from types import SimpleNamespace

import numpy as np
import pytest

import outrange
from outrange.answers.diagnosis import Finding, Level
from outrange.diagnosis import RULES
from outrange.diagnosis.harm.consequences import EXPLAINS, set_consequences_aside


keras = pytest.importorskip("keras")
L = keras.layers


def finding(code, level=Level.MEASURED, layer="dense", note=False):
    return Finding(code, "title", level, layer, "text", "fix", note=note)


def left(*findings, losses=1):
    case = SimpleNamespace(program=SimpleNamespace(losses=(None,) * losses))
    return [(f.code, f.note) for f in set_consequences_aside(case, findings)]


@pytest.mark.parametrize("cause", sorted(EXPLAINS))
def test_consequences_are_dropped_or_become_notes(cause):
    for code in EXPLAINS[cause]:
        assert {cause, code} <= set(RULES)
        assert code not in EXPLAINS or cause not in EXPLAINS[code]
        assert left(finding(cause), finding(code)) == [(cause, False)]
        proved = finding(code, Level.PROVED)
        assert left(proved, finding(cause)) == [(code, True), (cause, False)]


@pytest.mark.parametrize(
    "cause", [finding("OR003", Level.SUSPECTED), finding("OR003", note=True), finding("OR004")]
)
def test_only_a_certain_cause_explains(cause):
    assert left(cause, finding("OR017"))[1:] == [("OR017", False)]


@pytest.mark.parametrize(
    "losses, layer, count", [(2, "dense", 1), (2, "other", 2), (1, "other", 1)]
)
def test_with_several_losses_both_are_about_the_same_layer(losses, layer, count):
    assert len(left(finding("OR015"), finding("OR017", layer=layer), losses=losses)) == count


def test_lookups_outside_a_table_explain_the_infinite_outputs():
    x = np.arange(40).reshape(20, 2)
    model = keras.Sequential([keras.Input((2,)), L.Embedding(10, 4), L.Flatten(), L.Dense(1)])
    model.compile("adam", "mse")
    answer = outrange.diagnose(model, x, x[:, :1] / 40, train=0)
    assert answer.codes == ("OR037",)


def test_a_dead_layer_needs_no_more_steps():
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(96, 4)).astype("float32")
    dead = L.Dense(8, "relu", bias_initializer=keras.initializers.Constant(-10.0))
    model = keras.Sequential([keras.Input((4,)), dead, L.Dense(1)])
    model.compile("adam", "mse")
    answer = outrange.diagnose(model, x, 5 + x[:, :1], epochs=5)
    assert "OR003" in answer.codes
    assert not {"OR017", "OR030"} & set(answer.codes)
    assert "OR030" in {note.code for note in answer.notes}
