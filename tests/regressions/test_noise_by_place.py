"""Noise drawn at inference, the same at every call, was taken for rows that are mixed (OR035)."""

import numpy as np
import pytest

import outrange


keras = pytest.importorskip("keras")
L, ops = keras.layers, keras.ops


class Sampling(L.Layer):
    """The sampling layer of a variational autoencoder."""

    def __init__(self, **options):
        super().__init__(**options)
        self.source = keras.random.SeedGenerator(1)

    def call(self, moments):
        mean, spread = moments
        noise = keras.random.normal(ops.shape(mean), seed=self.source)
        return mean + ops.exp(0.5 * spread) * noise


@pytest.mark.parametrize("mixed", [False, True])
def test_noise_is_no_mixing_of_rows(mixed):
    inputs = keras.Input((6,))
    drawn = Sampling()([L.Dense(2)(inputs), L.Dense(2)(inputs)])
    outputs = L.Lambda(lambda t: t - ops.mean(t, axis=0))(inputs) if mixed else drawn
    model = keras.Model(inputs, L.Dense(6, "sigmoid")(outputs))
    model.compile("adam", "binary_crossentropy")
    x = np.random.default_rng(0).uniform(size=(40, 6)).astype("float32")
    assert ("OR035" in outrange.diagnose(model, x, x, epochs=3).codes) is mixed


def test_a_loss_whose_slope_is_infinite_is_not_put_down_to_the_rate():
    x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    model = keras.Sequential([keras.Input((3,)), L.Dense(1, kernel_initializer="zeros")])
    model.compile("adam", lambda y, p: ops.mean(ops.sqrt(ops.square(y - p))))
    answer = outrange.diagnose(model, x, 0.0 * x[:, :1], epochs=3)
    assert "OR017" not in answer.codes
    first = next(f for f in answer.findings if f.code == "OR016")
    assert first.level.name == "PROVED" and "slope at 0 is infinite" in first.fix
