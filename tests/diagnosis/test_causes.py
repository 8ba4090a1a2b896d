"""Causes that only a comparison of trainings shows: each is named, and its healthy twin is not."""

import numpy as np
import pytest

import outrange
from outrange.answers.diagnosis import Level
from outrange.diagnosis import RULES


keras = pytest.importorskip("keras")
L = keras.layers


def program(*, rate=0.01, batch=None, inner=(16,), initializer="glorot_uniform", last="sigmoid",
            loss="binary_crossentropy", optimizer="Adam", rows=192):  # fmt: skip
    """Chances that hang on two of the inputs."""
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 4)).astype("float32")
    y = 1 / (1 + np.exp(-4 * (x[:, :1] - x[:, 1:2])))
    hidden = [L.Dense(units, "tanh", kernel_initializer=initializer) for units in inner]
    model = keras.Sequential([keras.Input((4,)), *hidden, L.Dense(1, last)])
    model.compile(getattr(keras.optimizers, optimizer)(rate), loss)
    return model, x, y.astype("float32")


def findings_of(built, code, **options):
    """The findings of a rule, and no others above a suspicion."""
    answer = outrange.diagnose(*built, **options)
    assert {f.code for f in answer.at_least("measured")} <= {code}, answer
    return [f for f in answer if f.code == code and f.level >= Level.MEASURED]


@pytest.mark.slow
def test_a_rate_far_too_low_is_named_by_one_that_learns():
    """Soft targets: at the rate given the loss stays, though not above that of a constant."""
    (finding,) = findings_of(program(rate=1e-7), "OR017", epochs=30)
    assert finding.level is Level.MEASURED
    assert "too small" in finding.message
    assert not findings_of(program(), "OR017", epochs=30)


@pytest.mark.slow
def test_too_few_epochs_are_named_by_more_of_them():
    (finding,) = findings_of(program(rate=0.005), "OR030", epochs=1, batch_size=64)
    assert finding.level is Level.MEASURED
    assert finding.cost["steps"] == 3
    assert "more epochs" in finding.message
    assert not findings_of(program(), "OR030", epochs=40, batch_size=64)


@pytest.mark.slow
def test_one_batch_of_all_rows_is_named_by_smaller_ones():
    (finding,) = findings_of(program(rate=0.003, rows=384), "OR030", epochs=4, batch_size=384)
    assert "nearly all of your rows" in finding.message
    assert "batch_size=32" in finding.fix


def test_a_rule_that_compares_losses_above_the_least_says_so():
    trials = _trials(program(rate=0.02))
    assert trials.least > 0.2
    assert trials.ratios()[0] < 0.2
    assert "above the least possible" in trials.describe_gain((0.9, 0.1), "with more")


def _trials(built):
    from outrange.diagnosis.context import DiagnosisContext
    from outrange.frontends.keras.training.program import read_program

    model, x, y = built
    return DiagnosisContext(read_program(model, x, y), [x], [y], (x, y)).trials


def test_rows_in_the_order_of_their_classes_are_named_with_unequal_classes_too():
    model, x, y = program()
    labels = (y > 0.35).astype("float32")
    at = np.argsort(labels[:, 0], kind="stable")
    (finding,) = findings_of((model, x[at], labels[at]), "OR028", validation_split=0.3, train=0)
    assert "sorted" in finding.message
    assert not findings_of((model, x, labels), "OR028", validation_split=0.3)


def test_a_start_that_is_alive_by_luck_is_a_note():
    x = np.arange(1.0, 8.0)[:, None]
    model = keras.Sequential([keras.Input((1,)), L.Dense(1, "relu", name="line")])
    model.set_weights([np.array([[1.5]], "float32"), np.zeros(1, "float32")])
    model.compile("sgd", "mse")
    answer = outrange.diagnose(model, x, 2 * x + 1)
    assert "OR034" not in answer.codes
    (note,) = [candidate for candidate in answer.notes if candidate.code == "OR034"]
    assert "50 % of random initializations (exactly)" in note.message


def test_targets_of_one_of_two_outputs_that_depend_on_nothing():
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(160, 3)).astype("float32")
    x = keras.Input((3,))
    h = L.Dense(16, "tanh")(x)
    model = keras.Model(x, [L.Dense(1, name="sum")(h), L.Dense(1, name="noise")(h)])
    model.compile(keras.optimizers.Adam(0.01), ["mse", "mse"])
    y = [rows.sum(axis=1, keepdims=True), rng.normal(size=(160, 1)).astype("float32")]
    (finding,) = findings_of((model, rows, y), "OR025")
    assert "of output `noise`" in finding.message


def test_gradient_descent_that_stands_still_is_named_where_adam_learns():
    """XOR with SGD: no larger rate helps within the planned steps, but Adam does."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    y = np.array([[0], [1], [1], [0]], "float32")

    def gate(optimizer):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((2,)), L.Dense(2, "sigmoid"), L.Dense(1, "sigmoid")])
        model.compile(optimizer, "mse")
        return model, x, y

    plan = {"epochs": 1000, "batch_size": 4}
    (finding,) = findings_of(gate(keras.optimizers.SGD(0.1)), "OR017", **plan)
    assert "keras.optimizers.Adam" in finding.fix
    assert not findings_of(gate(keras.optimizers.Adam(0.01)), "OR017", **plan)


@pytest.mark.slow
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_recurrent_relu_whose_loss_jumps_is_named(activation):
    t = np.arange(158.0)
    waves = 10 * np.sin(t / 7) + 3 * np.sin(t / 3) + 50
    x = np.stack([waves[i : i + 30] for i in range(128)])[..., None].astype("float32")
    keras.utils.set_random_seed(0)
    memory = L.LSTM(16, activation=activation, name="memory")
    model = keras.Sequential([keras.Input((30, 1)), memory, L.Dense(1)])
    model.compile(keras.optimizers.RMSprop(0.01), "mse")
    rest = sorted(set(RULES) - {"OR012"})
    found = findings_of((model, x, waves[30:]), "OR012", train=60, ignore=rest)
    assert bool(found) is (activation == "relu")
    for finding in found:
        assert (finding.layer, finding.fix) == ("memory", 'activation="tanh"')
        assert finding.cost["highest"] > 10 * finding.cost["highest_with_tanh"]


@pytest.mark.parametrize("rate, is_slow", [(0.03, True), (0.05, False)])
def test_a_high_loss_of_classes_that_are_all_right_is_not_slow(rate, is_slow):
    """At the higher rate the loss is still 75 % of that of a constant, but 97 % are right."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    x = 4 * np.eye(3)[y] + rng.normal(size=(300, 3))
    x = (0.1 * (x - x.mean(axis=0))).astype("float32")
    model = keras.Sequential([keras.Input((3,)), L.Dense(3, "softmax", kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy")
    rest = sorted(set(RULES) - {"OR017"})
    assert bool(findings_of((model, x, y), "OR017", epochs=20, ignore=rest)) is is_slow


def test_advice_about_steps_and_about_their_size_names_the_same_rate():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(192, 4)).astype("float32")
    model = keras.Sequential([keras.Input((4,)), L.Dense(16, "tanh"), L.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.SGD(1e-5), "binary_crossentropy")
    rest = sorted(set(RULES) - {"OR017", "OR030"})
    answer = outrange.diagnose(model, x, (x[:, :1] > 0) * 1.0, epochs=10, ignore=rest)
    fixes = {f.code: f.fix.split("\n")[0] for f in answer}
    assert fixes["OR017"] == fixes["OR030"] == "keras.optimizers.SGD(0.01)"
