"""OR030 asked for thousands of epochs beside OR001, whose floor no number of epochs gets below."""

import numpy as np
import pytest

import outrange


keras = pytest.importorskip("keras")


@pytest.mark.parametrize("start", [9.0, -9.0])
def test_no_number_of_epochs_is_advised_below_a_floor_for_all_weights(start):
    x = np.linspace(0.1, 1.0, 32)[:, None].astype("float32")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, "sigmoid")])
    model.layers[0].bias.assign([start])
    model.compile(keras.optimizers.Adam(1e-4), "mse")
    answer = outrange.diagnose(model, x, x + 1.5, epochs=2, train=0)
    codes = {f.code for f in answer.findings if f.level.name == "PROVED"}
    assert "OR001" in codes
    assert "OR030" not in codes  # its fix aims at a loss that OR001 rules out
