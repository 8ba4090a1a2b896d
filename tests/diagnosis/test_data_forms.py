"""Data as `fit` takes it: columns with names, lists of inputs, numbers in a row."""

import numpy as np
import pytest

import outrange


keras = pytest.importorskip("keras")
pd = pytest.importorskip("pandas")


def compile_model(model):
    model.compile("sgd", "mse")
    return model


def test_a_finding_names_the_column():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.uniform(0, 1, 40), "income": rng.uniform(0, 1e5, 40)})
    model = compile_model(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))
    answer = outrange.diagnose(model, frame, frame["age"], train=0)
    (scaled,) = [finding for finding in answer.findings if finding.code == "OR014"]
    assert "(`income`)" in str(scaled.message)
    unnamed = outrange.diagnose(model, frame.to_numpy(), frame["age"].to_numpy(), train=0)
    assert "`income`" not in str(unnamed)


def test_numbers_in_a_row_are_rows_of_one_feature():
    model = compile_model(keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]))
    x = np.linspace(0, 1, 8)
    assert (
        outrange.diagnose(model, x, 2 * x, train=0).codes
        == outrange.diagnose(model, x[:, None], 2 * x, train=0).codes
    )
    a, b = keras.Input((2,), name="a"), keras.Input((1,), name="b")
    joined = keras.layers.Concatenate()([a, b])
    several = compile_model(keras.Model([a, b], keras.layers.Dense(1)(joined)))
    data = [np.ones((8, 2)), x]
    assert outrange.diagnose(several, data, x, train=0).rows == 8
