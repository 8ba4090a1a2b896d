"""A frozen narrow layer: the chance of a dead start has no closed form, and nothing is raised."""

import numpy as np
import pytest

import outrange


keras = pytest.importorskip("keras")


@pytest.mark.parametrize("frozen", [True, False])
def test_a_frozen_narrow_layer_is_diagnosed(frozen):
    x = np.random.default_rng(0).normal(size=(48, 3)).astype("float32")
    first = keras.layers.Dense(2, "relu", trainable=not frozen, name="first")
    model = keras.Sequential([keras.Input((3,)), first, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert "OR034" not in outrange.diagnose(model, x, x[:, :1], train=4).codes
    (layer,) = outrange.training.dead_start(model, x, trials=20).layers
    assert layer.name == "first"
    assert layer.chance < 0.5
