"""Weights in a file replace initial weights, so no random numbers are drawn to initialize them."""

import numpy as np
import pytest


keras = pytest.importorskip("keras")


@pytest.mark.slow
def test_reading_draws_no_weights_and_reads_them_all(tmp_path, monkeypatch):
    from outrange.api.read import load

    layers = [keras.layers.LSTM(3), keras.layers.BatchNormalization(), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((4, 2)), *layers])
    for ending in ("keras", "h5"):
        path = tmp_path / f"model.{ending}"
        model.save(path)

        def never(*_, **__):
            raise AssertionError("drawn in vain")

        for kind in (keras.initializers.GlorotUniform, keras.initializers.Orthogonal):
            monkeypatch.setattr(kind, "__call__", never)
        x = np.random.default_rng(0).normal(size=(3, 8)).astype("float32")
        expected = np.asarray(model(x.reshape(3, 4, 2)))
        assert np.allclose(load(path).predict(x).reshape(3, 2), expected, atol=1e-5)
        monkeypatch.undo()


@keras.saving.register_keras_serializable("outrange_tests")
class KeepsOne(keras.layers.Layer):
    """A layer that saves nothing, and computes with its initial values."""

    def build(self, shape):
        start = keras.initializers.RandomNormal(seed=3)
        self.w = self.add_weight(shape=(2,), initializer=start)

    def call(self, x):
        return x * self.w

    def save_own_variables(self, store):
        pass

    def load_own_variables(self, store):
        pass


def test_weights_that_a_file_does_not_hold_stay_as_they_were_made(tmp_path):
    from outrange.api.read import load

    model = keras.Sequential([keras.Input((2,)), KeepsOne()])
    model.save(tmp_path / "model.keras")
    x = np.ones((1, 2), np.float32)
    assert np.array_equal(load(tmp_path / "model.keras").predict(x), np.asarray(model(x)))
    assert np.asarray(model(x)).all()
