"""Models that look at the other rows of a batch: nothing is proved about a row by itself."""

import numpy as np
import pytest

import outrange
from cases import cases
from outrange.diagnosis import RULES


keras = pytest.importorskip("keras")
ops, layers = keras.ops, keras.layers

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
LABELS = (X[:, 0] > 0).astype("int32")

MIXED = {
    "softmax": lambda x: layers.Softmax(axis=0)(layers.Dense(2)(x)),
    "mean": lambda x: layers.Dense(2, "softmax")(x - ops.mean(x, axis=0, keepdims=True)),
    "maximum": lambda x: layers.Dense(2, "softmax")(x / ops.max(ops.abs(x), axis=0, keepdims=True)),
    "flip": lambda x: layers.Dense(2, "softmax")(ops.flip(x, axis=0)),
    "first row": lambda x: layers.Dense(2, "softmax")(x - ops.take(x, [0], axis=0)),
    "variance": lambda x: layers.Dense(2, "softmax")(x * ops.var(x)),
}
APART = {
    "dense": lambda x: layers.Dense(2, "softmax")(x),
    "batch statistics": lambda x: layers.Dense(2, "softmax")(layers.BatchNormalization()(x)),
    "dropout": lambda x: layers.Dense(2, "softmax")(layers.Dropout(0.5)(x)),
    "softmax": lambda x: layers.Softmax(axis=-1)(layers.Dense(2)(x)),
}


def diagnose_labels(make, x=X, **options):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, make(inputs))
    model.compile("adam", "sparse_categorical_crossentropy")
    return outrange.diagnose(model, x, LABELS, train=4, **options)


@pytest.mark.parametrize("name", MIXED)
def test_rows_that_are_mixed_are_told_and_nothing_is_proved_about_ranges(name):
    answer = diagnose_labels(MIXED[name])
    levels = {f.code: f.level.name for f in (*answer, *answer.notes)}
    assert levels["OR035"] == "MEASURED"
    assert "PROVED" not in levels.values()
    assert any("mixes the rows" in reason for reason in answer.unread)


@pytest.mark.parametrize("name", APART)
def test_rows_that_are_apart_are_left_in_peace(name):
    apart = cases(set(RULES) - {"OR035"}, set())
    assert "OR035" not in diagnose_labels(APART[name], ignore=apart).codes


def test_rows_that_are_not_finite_are_no_company():
    x = X.copy()
    x[5, 2] = np.nan
    assert "OR035" not in diagnose_labels(APART["dense"], x).codes
    assert "OR035" in diagnose_labels(MIXED["mean"], np.where(np.isnan(x), 0, x)).codes


def test_more_rows_than_are_run_at_once():
    x = np.random.default_rng(1).normal(size=(600, 4)).astype("float32")
    inputs = keras.Input((4,))
    model = keras.Model(inputs, MIXED["softmax"](inputs))
    model.compile("adam", "sparse_categorical_crossentropy")
    answer = outrange.diagnose(model, x, (x[:, 0] > 0).astype("int32"), train=4)
    assert "OR035" in answer.codes
    assert "PROVED" not in {f.level.name for f in (*answer, *answer.notes)}


def test_a_row_with_nan_among_mixed_ones():
    x = X.copy()
    x[5, 2] = np.nan
    assert "OR035" in diagnose_labels(MIXED["mean"], x).codes
