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


XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32"), np.array([[0], [1], [1], [0]])


@pytest.mark.parametrize("goal, other", [(None, False), (0.9, False), (0.75, True)])
def test_no_other_loss_is_advised_where_no_weights_reach_the_goal(goal, other):
    def build(activation):
        start = keras.initializers.GlorotUniform(seed=1)
        layer = keras.layers.Dense(1, activation, kernel_initializer=start)
        return keras.Sequential([keras.Input((2,)), layer])

    study = outrange.compare(
        build, *XOR, activations=["sigmoid"], losses=["binary_crossentropy"],
        optimizers=["adam"], starts=2, epochs=300, goal=goal,
    )  # fmt: skip
    codes = {reason.code for _, trial in study.failures for reason in trial.why}
    assert "OR039" in codes
    assert bool(codes & {"T4", "T5", "T6", "T7", "T8", "T9"}) is other


@pytest.mark.parametrize("seed", [0, 1])
def test_no_training_time_is_advised_below_a_proved_floor(seed):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    y = rng.uniform(-4, -1, (64, 1)).astype("float32")
    keras.utils.set_random_seed(seed)
    model = dense(keras.layers.Dense(8, "relu"), keras.layers.Dense(1, "relu"), loss="mse")
    falling = {"loss": [9.4, 9.3, 9.2, 9.1, 9.0]}
    answer = outrange.diagnose(model, x, y, epochs=20, history=falling)
    assert "OR001" in answer.codes
    assert not {"OR030", "OR031"} & set(answer.codes)


@pytest.mark.parametrize("low", [-5.0, 5.0])
def test_a_pace_towards_an_error_of_zero_is_not_reported_beside_a_floor(low):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    keras.utils.set_random_seed(1)
    layers = keras.layers.Dense(8, "relu"), keras.layers.Dense(1, "relu")
    model = dense(*layers, loss="mse", optimizer=keras.optimizers.SGD(1e-9))
    y = rng.uniform(low, low + 1, (64, 1)).astype("float32")
    assert outrange.diagnose(model, x, y).codes == (("OR001",) if low < 0 else ("OR017",))
