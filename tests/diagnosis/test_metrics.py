"""Metrics are read as Keras resolves them, and no weights get them above the stated limit."""

import numpy as np
import pytest

import outrange
from outrange.diagnosis import RULES


keras = pytest.importorskip("keras")
L = keras.layers
X = np.linspace(-1, 1, 40)[:, None].astype("float32")
OTHERS = sorted(set(RULES) - {"OR006", "OR040"})


def diagnose(y, loss, metrics, *last, x=X):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(x.shape[1:]), *last])
    model.compile("sgd", loss, metrics=metrics)
    return model, list(outrange.diagnose(model, x, y, train=0, ignore=OTHERS))


@pytest.mark.parametrize("ones", [0, 10])
def test_a_binary_accuracy_counts_only_targets_of_0_and_1(ones):
    y = 3 * X + 0.4
    y[:ones] = 1.0
    model, (finding,) = diagnose(y, "mse", ["accuracy", "mae"], L.Dense(1))
    assert (finding.code, finding.level.name) == ("OR040", "PROVED")
    assert finding.cost["most"] == ones / 40
    # A large output at every row is right wherever a target is 1.
    model.set_weights([np.zeros((1, 1)), np.ones(1)])
    reported = model.evaluate(X, y, verbose=0, return_dict=True)["accuracy"]
    assert reported == pytest.approx(finding.cost["most"])
    words = "at most 25 %" if ones else "always 0"
    assert words in finding.message


def test_labels_of_a_hinge_get_a_threshold_of_0():
    y = np.sign(X + 0.01)
    model, (finding,) = diagnose(y, "hinge", ["accuracy"], L.Dense(1, "tanh"))
    assert "threshold=0.0" in finding.fix
    model.compile("sgd", "hinge", metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)])
    assert not list(outrange.diagnose(model, X, (y + 1) / 2, train=0, ignore=OTHERS))


@pytest.mark.parametrize(
    ("y", "loss", "metrics", "last"),
    [
        ((X > 0) * 1.0, "binary_crossentropy", ["accuracy"], L.Dense(1, "sigmoid")),
        (np.eye(3)[[0, 1, 2, 0] * 10], "mse", ["accuracy"], L.Dense(3, "softmax")),
        (3 * X, "mse", ["mae"], L.Dense(1)),
        (3 * X, "mse", None, L.Dense(1)),
    ],
)
def test_metrics_that_fit_are_not_reported(y, loss, metrics, last):
    assert "OR040" not in {f.code for f in diagnose(y, loss, metrics, last)[1]}


def test_masked_targets_may_not_count():
    x = np.ones((40, 4, 2), np.float32)
    y = np.full((40, 4, 1), 0.5)
    _, findings = diagnose(y, "mse", ["accuracy"], L.Masking(), L.Dense(1), x=x)
    assert not findings


@pytest.mark.parametrize(("metric", "high"), [("accuracy", False), ("BinaryAccuracy", True)])
def test_the_accuracy_of_a_softmax_is_the_one_that_keras_computes(metric, high):
    y = np.eye(3)[[0, 1, 2, 0] * 10]
    _, findings = diagnose(y, "binary_crossentropy", [metric], L.Dense(3, "softmax"))
    (finding,) = findings
    assert finding.code == "OR006"
    assert ("misleadingly high" in finding.message) is high


def test_metrics_of_several_outputs_are_not_read():
    inputs = keras.Input((1,))
    model = keras.Model(inputs, {"a": L.Dense(1, name="a")(inputs), "b": L.Dense(1)(inputs)})
    model.compile("sgd", "mse", metrics={"a": ["accuracy"]})
    answer = outrange.diagnose(model, X, {"a": 3 * X, "b": X}, train=0)
    assert "OR040" not in answer.codes
