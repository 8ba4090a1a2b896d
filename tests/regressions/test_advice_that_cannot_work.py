"""Findings whose advice raised an error, contradicted a proof, or blamed a loss of Keras."""

import numpy as np
import pytest

import outrange


keras = pytest.importorskip("keras")


def dense(*layers, loss, optimizer="adam", inputs=4):
    model = keras.Sequential([keras.Input((inputs,)), *layers])
    model.compile(optimizer, loss)
    return model


def test_a_dead_unit_is_no_reason_to_look_inside_a_loss_of_keras():
    x = np.linspace(-1, 1, 32)[:, None].astype("float32")
    model = dense(keras.layers.Dense(1, "relu"), loss="huber", inputs=1)
    model.set_weights([np.array([[0.1]], "float32"), np.array([-1.0], "float32")])
    answer = outrange.diagnose(model, x, x - 3)
    assert "OR003" in answer.codes
    assert "OR005" not in answer.codes


def test_a_dead_hidden_layer_is_no_reason_to_look_inside_a_loss_of_keras():
    x = np.linspace(-1, 1, 32)[:, None].astype("float32")
    model = dense(keras.layers.Dense(3, "relu"), keras.layers.Dense(1), loss="huber", inputs=1)
    model.layers[0].bias.assign([-5.0] * 3)
    answer = outrange.diagnose(model, x, x - 3)
    assert "OR003" in answer.codes
    assert "OR005" not in answer.codes


def test_the_model_is_searched_if_the_loss_is_of_keras():
    x = np.linspace(0.1, 1, 32)[:, None].astype("float32")
    rounded = keras.layers.Lambda(keras.ops.round)
    model = dense(keras.layers.Dense(1), rounded, loss="huber", inputs=1)
    found = [f for f in outrange.diagnose(model, x, x - 3) if f.code == "OR005"]
    assert found and all(f.fix.endswith("in the layers of the model") for f in found)


def test_comparisons_do_not_blame_a_loss_of_keras():
    x = np.linspace(-1, 1, 32)[:, None].astype("float32")
    study = outrange.compare(
        lambda activation: keras.Sequential(
            [keras.Input((1,)), keras.layers.Dense(1, activation)]
        ),
        x, x - 3, activations=["relu"], losses=["huber"], optimizers=["sgd"], starts=2, epochs=30,
    )  # fmt: skip
    assert "in the loss" not in str(study)
