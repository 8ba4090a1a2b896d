"""The texts of findings: they name the right cause, and each statement occurs once."""

import numpy as np
import pytest

import outrange
from cases import cases
from outrange.answers.diagnosis import Finding, Level
from outrange.diagnosis import RULES
from outrange.diagnosis.changes import AS_IS, Change
from outrange.diagnosis.run_rules import merge_notes, resolve_references
from outrange.diagnosis.trials import Trials
from outrange.diagnosis.wording import describe_copies, format_steps, of_constant
from outrange.program import Rehearsal


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
    answer = outrange.diagnose(model, x, x[:, :1, 0], train=0)
    (lost,) = [f for f in answer if f.code == "OR005"]
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
    answer = outrange.diagnose(model, x, x, train=0)
    (infinite,) = [f for f in answer if f.code == "OR016" and f.level.name == "PROVED"]
    assert words in infinite.fix


def test_notes_are_said_once():
    same = [finding("OR020", f"lstm_{i}", "2 units are idle.", note=True) for i in (1, 2, 2)]
    other = finding("OR020", "dense", "3 units are idle.", note=True)
    again = [finding("OR003", "cell", "dead.", note=True)] * 5
    notes = merge_notes([*same, other, *again])
    assert [note.layer for note in notes] == ["lstm_1", "dense", "cell"]
    assert "lstm_2" in notes[0].message
    assert "(5 calls.)" in notes[2].message


def test_what_points_at_others_carries_the_fix_of_the_surest():
    cause = finding("OR013", "hidden", "equal.", 'kernel_initializer="glorot_uniform"   # it is',
                    Level.PROVED)  # fmt: skip
    symptom = finding("OR021", "", "nothing moves.", "see the other findings, or look around")
    _, resolved = resolve_references([cause, symptom])
    assert resolved.layer == "hidden"
    assert resolved.fix == 'kernel_initializer="glorot_uniform"   # see OR013'
    for others in ([], [finding("OR014", "a", "large.", cause.fix, Level.SUSPECTED)]):
        assert resolve_references([*others, symptom])[-1].fix == "look around"


def test_a_loss_of_ones_own_that_is_no_number_gets_advice_about_its_logarithms():
    """Its only finding pointed at other findings."""
    x = np.linspace(-1, 1, 16)[:, None].astype("float32")
    model = keras.Sequential([keras.Input((1,)), layers.Dense(4, "tanh"), layers.Dense(1, "relu")])

    def logarithmic(y, p):
        return -keras.ops.mean(keras.ops.log(p - 1.0) + 0 * y)

    model.compile("adam", logarithmic)
    (infinite,) = outrange.diagnose(model, x, x, train=0)
    assert infinite.code == "OR016"
    assert "of the loss away from 0" in infinite.fix


def test_steps_and_shares_are_said_as_people_say_them():
    assert [format_steps(count) for count in (1, 12, 1200)] == ["1 step", "12 steps", "1,200 steps"]
    assert of_constant(0.974) == "97 % of the best constant prediction's loss"
    assert of_constant(1.2, "hinge") == "120 % of the best constant prediction's hinge"
    assert of_constant(1234.0) == "1,200 times the best constant prediction's loss"
    assert of_constant(np.inf) == "no finite loss"
    assert describe_copies(200, (0.9, 0.05), "without dropout") == (
        "After 200 steps, trained copies of the model reach 90 % of the best constant prediction's "
        "loss; without dropout, they reach 5 %."
    )
    assert "; anew, they reach 4 times the best constant prediction's loss." in describe_copies(
        200, (90.0, 4.0), "anew"
    )


def dropout_model(rate):
    """A classifier whose outputs are dropped."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(128, 4)).astype("float32")
    y = np.eye(2)[(x[:, 0] > 0).astype(int)]
    keras.utils.set_random_seed(0)
    last = [layers.Dense(2, "softmax"), layers.Dropout(rate)]
    model = keras.Sequential([keras.Input((4,)), layers.Dense(16, "tanh"), *last])
    model.compile(keras.optimizers.Adam(0.02), "categorical_crossentropy")
    return model, x, y


def dropped_ones(rate):
    """Return its findings, by this rule alone if few cases are run."""
    return outrange.diagnose(*dropout_model(rate), ignore=cases(set(RULES) - {"OR027"}, set()))


@pytest.mark.slow
def test_a_loss_that_is_no_number_after_one_step_is_no_percentage():
    """It was said to keep 9900 % of the best constant's loss in 1 steps."""
    (strong,) = [f for f in dropped_ones(0.9) if f.code == "OR027"]
    assert strong.level is Level.MEASURED
    assert "model is NaN or infinite; without dropout, they reach" in strong.message
    assert "1 steps" not in strong.message
    assert "9900" not in strong.message


class Given(Trials):
    """Trials of so many steps that leave so much, and so much with any change."""

    def __init__(self, steps, left, changed):
        self.count, self.left, self.changed = steps, left, changed

    def run(self, change=AS_IS, seed=0):
        return Rehearsal((1.0,) * self.count, {}, {})

    def ratio(self, one, change=AS_IS):
        return self.left if change == AS_IS else self.changed


def test_a_few_steps_are_no_evidence_of_what_a_change_gains():
    change = Change(without="noise")
    assert Given(11, 0.9, 0.1).gain(change) is None
    assert Given(12, 0.9, 0.1).gain(change) == (0.9, 0.1)
    # A loss that is no number says so in one step; what is worse than a constant mends nothing.
    assert Given(1, np.inf, 0.1).gain(change) == (np.inf, 0.1)
    assert Given(1, np.inf, 30.0).gain(change) is None
