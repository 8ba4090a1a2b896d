"""Proved facts that do no harm become notes; those that do harm stay findings."""

from types import SimpleNamespace

import numpy as np
import pytest

import outrange
from cases import cases
from outrange.answers.diagnosis import Level
from outrange.diagnosis import RULES
from outrange.diagnosis.context import DiagnosisContext
from outrange.diagnosis.harm import notes
from outrange.diagnosis.harm.comparison import Harmless
from outrange.diagnosis.harm.scores import scores
from outrange.frontends.keras.training.program import read_program


keras = pytest.importorskip("keras")
L = keras.layers

PLAN = {"epochs": 20, "batch_size": 32}
"""Two hundred steps."""
JAX = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="seconds a program; the rules are the same"
)


def rows(count=320, width=4):
    return np.random.default_rng(0).normal(size=(count, width)).astype("float32")


def model(*layers, loss="mse", rate=0.02, x=None):
    keras.utils.set_random_seed(1)
    network = keras.Sequential([keras.Input((4,) if x is None else x.shape[1:]), *layers])
    network.compile(keras.optimizers.Adam(rate), loss)
    return network


def side(x):
    return (x[:, :1] + x[:, 1:2] > 0).astype("float32")


def corners(x):
    return (x[:, :1] * x[:, 1:2] > 0).astype("float32")


def outputs_of_a_relu(harmful):
    """A hinge over sigmoids finds the side all the same; several relus that die find no class."""
    x = rows()
    if not harmful:
        return model(L.Dense(16, "tanh"), L.Dense(1, "sigmoid"), loss="hinge"), x, side(x)
    y = np.eye(3, dtype="float32")[x[:, :3].argmax(axis=1)]
    layers = L.Dense(16, "tanh"), L.Dense(3, "tanh")
    return model(*layers, loss="categorical_crossentropy"), x, y


def linear_stack(harmful):
    """Three linear layers: as good as relus where the rest of the targets is noise."""
    x = rows()
    noise = 1.2 * np.random.default_rng(1).normal(size=(len(x), 1))
    y = x[:, :1] * x[:, 1:2] + x[:, :1] if harmful else x.sum(axis=1, keepdims=True) + noise
    layers = L.Dense(4), L.Dense(4), L.Dense(1)
    return model(*layers, rate=0.05 if harmful else 0.005), x, y.astype("float32")


def dropped_output(harmful):
    """An output that is dropped with probability p is trained towards 1 - p of the target."""
    x = rows()
    layers = L.Dense(16, "tanh"), L.Dense(1), L.Dropout(0.5 if harmful else 0.05)
    return model(*layers), x, x[:, :1] + 0.5 * x[:, 1:2]


def logits_of_relu(harmful):
    """A softmax of relus can be sure of a class; a softmax of a softmax cannot."""
    x = rows()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    last = L.Dense(3, "softmax" if harmful else "relu", bias_initializer="ones")
    return model(L.Dense(16, "tanh"), last, loss=loss), x, x[:, :3].argmax(axis=1)[:, None]


def broadcast_targets(harmful):
    """One target for four outputs makes four copies; two targets for one output, a mean."""
    x = rows()
    y = x[:, :2] if harmful else x[:, :1]
    return model(L.Dense(16, "tanh"), L.Dense(1 if harmful else 4)), x, y


def equal_units(harmful):
    """One unit is enough for one direction, and not for the corners."""
    x = rows()
    first = L.Dense(8, "tanh", kernel_initializer="ones")
    last = L.Dense(1, "sigmoid", kernel_initializer="ones")
    y = corners(x) if harmful else side(x)
    return model(first, last, loss="binary_crossentropy", rate=0.1), x, y


def bounded_output(harmful):
    """Targets far outside of a tanh's range, and a little."""
    x = rows()
    y = 0.9 * np.tanh(2 * x[:, :1]) * (3.0 if harmful else 1.0)
    y = y if harmful else np.where(np.abs(y) > 0.89, 1.35 * y, y)
    return model(L.Dense(16, "tanh"), L.Dense(1, "tanh"), rate=0.02), x, y


def rounded_inside(harmful):
    """Behind rounded features nothing is left to learn, or all that rounding took away."""
    x = rows()
    first = L.Dense(16, kernel_initializer=keras.initializers.RandomNormal(stddev=9.0, seed=0))
    scale = L.Rescaling(0.1)
    layers = first, L.Lambda(keras.ops.round), scale, L.Dense(1)
    y = np.sin(5 * x[:, :1]) if harmful else x[:, :1] - x[:, 1:2]
    return model(*layers, rate=0.05), x, y


def tiny_weights(harmful):
    """Adam's steps are of one size however small a gradient, if only it is above its epsilon."""
    x = rows()
    start = [keras.initializers.RandomNormal(stddev=5e-4, seed=i) for i in range(4)]
    layers = [L.Dense(16, "relu", kernel_initializer=initializer) for initializer in start[:3]]
    network = model(*layers, L.Dense(1, kernel_initializer=start[3]))
    epsilon = 1e-7 if harmful else 1e-12
    network.compile(keras.optimizers.Adam(0.03, epsilon=epsilon), "mse")
    return network, x, x[:, :1] - 0.5 * x[:, 1:2]


def labels_of_a_hinge(harmful):
    """Labels -1 and 1 far apart are told all the same; near each other, their chances are not."""
    x = rows()
    y = np.sign(x[:, :1] + 0.5 * x[:, 1:2])
    x = x if harmful else (x + 3 * y * [1, 0, 0, 0]).astype("float32")
    return model(L.Dense(16, "relu"), L.Dense(1, "sigmoid"), loss="binary_crossentropy"), x, y


KINDS = {
    "OR009": linear_stack, "OR011": broadcast_targets, "OR006": outputs_of_a_relu,
    "OR019": dropped_output, "OR007": logits_of_relu, "OR013": equal_units,
    "OR001": bounded_output, "OR005": rounded_inside, "OR012": tiny_weights,
    "OR010": labels_of_a_hinge,
}  # fmt: skip


@pytest.mark.slow
@JAX
@pytest.mark.parametrize("code", list(KINDS)[: cases(2, None)])
def test_what_does_no_harm_is_a_note(code):
    answer = outrange.diagnose(*KINDS[code](False), ignore=set(RULES) - {code}, **PLAN)
    assert not answer.at_least("measured"), answer
    (note,) = [candidate for candidate in answer.notes if candidate.code == code]
    assert note.level.name == "PROVED"
    assert "harm here: copies of the model trained for 200 steps reach" in note.message
    seen = note.cost["harmless"]
    assert (seen["steps"], seen["rows"]) == (200, 80)
    assert code in str(answer)


@pytest.mark.slow
@JAX
@pytest.mark.parametrize("code", list(KINDS)[: cases(2, None)])
def test_what_does_harm_stays_proved(code):
    answer = outrange.diagnose(*KINDS[code](True), ignore=set(RULES) - {code}, **PLAN)
    assert code in {finding.code for finding in answer.at_least("proved")}, answer


@pytest.mark.slow
@JAX
def test_where_a_fix_is_a_little_better_the_note_says_so():
    answer = outrange.diagnose(*dropped_output(False), ignore=set(RULES) - {"OR019"}, **PLAN)
    (note,) = answer.notes
    seen = note.cost["harmless"]
    assert "The fault does hardly any harm here" in note.message
    assert seen["with"]["explained"] + 0.005 < seen["without"]["explained"]


def in_order(harmful):
    """A line goes on behind the last rows that are trained; a class that is hardly trained, not."""
    x = rows(400)
    score = x[:, 0] + 0.5 * x[:, 1]
    if harmful:
        y = np.digitize(score, [-0.6, 0.9])
        layers, loss = (
            (L.Dense(16, "relu"), L.Dense(3, "softmax")),
            "sparse_categorical_crossentropy",
        )
    else:
        y, layers, loss = score.astype("float32"), (L.Dense(1),), "mse"
    at = np.argsort(score)
    return model(*layers, loss=loss, rate=0.05), x[at], y[at][:, None]


@pytest.mark.slow
@JAX
@pytest.mark.parametrize("harmful", [False, True])
def test_sorted_rows_are_a_note_where_copies_do_as_well_as_with_shuffled_ones(harmful):
    split = {"validation_split": 0.2, "ignore": set(RULES) - {"OR028"}}
    answer = outrange.diagnose(*in_order(harmful), **PLAN, **split)
    findings = answer.findings if harmful else answer.notes
    assert [finding.code for finding in findings] == ["OR028"]
    assert harmful != ("with the rows shuffled they reach" in findings[0].message)
    assert findings[0].level.name == "MEASURED"


@JAX
def test_beside_another_fault_nothing_is_said():
    network, x, y = broadcast_targets(False)
    network.layers[0].trainable = False
    network.layers[1].trainable = False
    network.compile("adam", "mse")
    answer = outrange.diagnose(network, x, y, **PLAN)
    assert {"OR011", "OR021"} <= {finding.code for finding in answer.at_least("proved")}


@pytest.mark.parametrize(("level", "noted"), [("PROVED", True), ("MEASURED", False)])
def test_what_is_measured_is_a_note_beside_a_harmless_proof_alone(level, noted, monkeypatch):
    seen = Harmless(200, 80, {"right": 0.99}, {})
    monkeypatch.setattr(notes, "compare_with_fixes", lambda case, repairs: seen)
    case = SimpleNamespace(history=None, program=SimpleNamespace(stepping=None))
    levels = {"OR013": Level[level], "OR005": Level.MEASURED}
    findings = [RULES[code].finding(of, "dense", "It is so.", "") for code, of in levels.items()]
    after = notes.demote_harmless(case, findings)
    assert [finding.note for finding in after] == [noted, noted]


@JAX
@pytest.mark.parametrize("options", [{"train": 0}, {"train": 20, **PLAN}])
def test_without_enough_steps_a_fact_stays_a_finding(options):
    answer = outrange.diagnose(*linear_stack(False), ignore=set(RULES) - {"OR009"}, **options)
    assert "OR009" in {finding.code for finding in answer.at_least("proved")}


@JAX
def test_where_nothing_is_learned_a_fact_stays_a_finding():
    network, x, _ = broadcast_targets(False)
    y = np.random.default_rng(5).normal(size=(len(x), 1))
    answer = outrange.diagnose(network, x, y, ignore=set(RULES) - {"OR011"}, **PLAN)
    assert "OR011" in {finding.code for finding in answer.at_least("proved")}


@JAX
def test_weights_that_have_seen_the_rows_are_no_evidence():
    network, x, y = broadcast_targets(False)
    network.fit(x, y, epochs=1, verbose=0)
    answer = outrange.diagnose(network, x, y, ignore=set(RULES) - {"OR011"}, **PLAN)
    assert "OR011" in {finding.code for finding in answer.at_least("proved")}


@JAX
def test_few_rows_are_no_evidence():
    network, x, y = broadcast_targets(False)
    answer = outrange.diagnose(network, x[:100], y[:100], ignore=set(RULES) - {"OR011"}, **PLAN)
    assert "OR011" in {finding.code for finding in answer.at_least("proved")}


def score_outputs(last, loss, y, said):
    network = model(last, loss=loss)
    x = rows(len(y))
    case = DiagnosisContext(read_program(network, x, y), [x], [y], (x, y))
    values = scores(case, [np.asarray(said)], np.arange(len(y)))
    return {what: round(score.value, 6) for (_, what), score in values.items()}


FLAGS = np.array([[0.0], [1.0], [1.0], [1.0]] * 3)
THREE = np.eye(3)[np.arange(12) % 3]
NUMBERS = np.linspace(-1, 2, 12)[:, None]


@pytest.mark.parametrize(
    ("last", "loss", "y", "right", "constant"),
    [
        (L.Dense(1), "mse", NUMBERS, NUMBERS, NUMBERS * 0 + 0.5),
        (L.Dense(1, "sigmoid"), "binary_crossentropy", FLAGS, FLAGS, FLAGS * 0 + 0.75),
        (L.Dense(3, "softmax"), "categorical_crossentropy", THREE, THREE, THREE * 0 + 1 / 3),
        (L.Dense(1, "sigmoid"), "hinge", FLAGS, 0.6 * FLAGS, 0.7 + FLAGS * 0),
        (L.Dense(1, "tanh"), "hinge", FLAGS, 0.1 * FLAGS - 0.05, -0.1 + FLAGS * 0),
        (L.Dense(2), "mse", NUMBERS, np.repeat(NUMBERS, 2, 1), np.full((12, 2), 0.5)),
    ],
)
def test_perfect_is_1_and_the_best_constant_0(last, loss, y, right, constant):
    perfect = score_outputs(last, loss, y, right)
    assert perfect
    assert set(perfect.values()) == {1.0}
    assert set(score_outputs(last, loss, y, constant).values()) == {0.0}


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_logits_are_cut_at_0_and_chances_at_one_half(activation):
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    outputs = np.where(FLAGS > 0, 0.4, 0.1)
    result = score_outputs(
        L.Dense(1, activation), loss, FLAGS, outputs - (0.2 if activation is None else 0)
    )
    assert result["right"] == (1.0 if activation is None else 0.0)


def test_each_label_counts_alike_and_each_column():
    y = np.array([[0.0, 0.0]] * 9 + [[1.0, 1.0]])
    outputs = y.copy()
    outputs[-1, 0] = 0.0
    result = score_outputs(L.Dense(2, "sigmoid"), "binary_crossentropy", y, outputs)
    assert result["right"] == 0.5


def test_what_cannot_be_scored_has_no_score():
    assert not score_outputs(L.Dense(1), lambda y, p: keras.ops.abs(y - p), NUMBERS, NUMBERS)
    assert not score_outputs(L.Dense(1), "mse", NUMBERS, NUMBERS * np.nan)
    assert not score_outputs(L.Dense(1), "mse", NUMBERS * 0, NUMBERS)


@pytest.mark.slow
@JAX
def test_a_slower_loss_that_learns_is_a_suspicion():
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    y = x.prod(axis=1, keepdims=True)

    def levels_with_bias(bias):
        gate = keras.Sequential([
            keras.Input((2,)),
            L.Dense(1, "sigmoid", kernel_initializer="zeros",
                    bias_initializer=keras.initializers.Constant(bias)),
        ])  # fmt: skip
        gate.compile(keras.optimizers.SGD(0.5), "mse")
        return [f.level.name for f in outrange.diagnose(gate, x, y) if f.code == "OR006"]

    assert levels_with_bias(0.0) == ["SUSPECTED"]
    assert levels_with_bias(8.0) == ["MEASURED"], "it is sure, and wrong"


@JAX
def test_frozen_random_features_that_serve_the_network_are_a_note():
    x = rows()
    features = L.Dense(64, "relu", trainable=False)
    network = model(features, L.Dense(1, "sigmoid"), loss="binary_crossentropy", x=x)
    answer = outrange.diagnose(network, x, side(x), **PLAN)
    assert "OR029" not in answer.codes
    (note,) = [f for f in answer.notes if f.code == "OR029"]
    assert "learn nevertheless" in note.message
