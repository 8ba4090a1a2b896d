"""Proofs that the law over random programs broke."""

import keras
import numpy as np
import pytest
from keras import layers as L

import outrange
from cases import combine, some
from outrange.diagnosis.wording import at_least
from outrange.frontends.keras.training.backends.jax_steps import JaxTraining


X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")


def proved_findings(model, y=Y, loss="binary_crossentropy"):
    model.compile("sgd", loss)
    return {f.code: f for f in outrange.diagnose(model, X, y, train=0).at_least("proved")}


def sequential(*parts):
    return keras.Sequential([keras.Input((4,)), *parts])


SECOND = (
    L.ReLU, L.LeakyReLU, L.PReLU, L.ELU, lambda: L.Activation("tanh"),
    lambda: L.Activation("sigmoid"), lambda: L.Activation("selu"), lambda: L.Activation("silu"),
    lambda: L.Activation("softplus"), lambda: L.ReLU(6.0),
)  # fmt: skip


@pytest.mark.parametrize("second", some(SECOND, 2))
def test_ten_activations_behind_another(second):
    """Both become one curve, and what the first returns was then off the path of the gradient."""
    keras.utils.set_random_seed(0)
    model = sequential(
        L.Dense(8, "relu"), second(), L.Dense(8, "relu"), L.Dense(8, "relu"), L.Dense(1, "sigmoid")
    )
    assert "OR012" not in proved_findings(model)


@pytest.mark.slow
def test_a_penalty_moves_what_stands_before_a_dead_layer():
    def message(penalty):
        model = sequential(
            L.Dense(4, kernel_regularizer=penalty),
            L.Dense(4, "relu", bias_initializer=keras.initializers.Constant(-100.0)),
            L.Dense(1, "sigmoid"),
        )
        return proved_findings(model)["OR003"].message

    assert "no weight of this layer or before it gets a gradient" in message(None)
    assert "no weight of this layer gets a gradient" in message("l1")


def test_a_layer_that_is_flat_on_both_sides_lets_inputs_through():
    """A hard sigmoid of large numbers has no slope, and tells rows apart."""
    model = sequential(L.Dense(4, "hard_sigmoid"), L.Dense(1, "sigmoid"))
    model.layers[0].kernel.assign(1e4 * np.eye(4))
    finding = proved_findings(model)["OR003"]
    assert "no gradient passes" in finding.message
    assert "no input" not in finding.message


def test_a_loss_of_several_outputs_can_be_measured_twice():
    """Its metrics were made while JAX traced the loss, and held what cannot be read."""
    x = keras.Input((4,))
    model = keras.Model(x, [L.Dense(1)(x), L.Dense(1)(x)])
    model.compile("sgd", ["mse", "mse"])
    spoiled = X.copy()
    spoiled[3, 1] = np.nan
    assert "OR016" in outrange.diagnose(model, spoiled, [Y, Y], train=0).codes
    model.fit(X, [Y, Y], verbose=0)


def test_a_missing_target_need_not_spoil_the_weights():
    """Under JAX the slope of `abs` at NaN is a number: an absolute error trains on."""
    y = Y.copy()
    y[3] = np.nan
    for loss in ("mse", "mae"):
        model = sequential(L.Dense(4, "tanh"), L.Dense(1))
        message = proved_findings(model, y, loss)["OR016"].message
        before = model.get_weights()
        model.fit(X, y, epochs=1, batch_size=16, verbose=0)
        spoiled = not all(np.isfinite(w).all() for w in model.get_weights())
        assert ("makes at least one weight NaN" in message) is spoiled
        model.set_weights(before)


WITHIN_ONE = combine(["sigmoid", "hard_sigmoid"], ["relu", "tanh"])


@pytest.mark.parametrize(("first", "last"), [*WITHIN_ONE, ("softsign", "relu"), ("tanh", "relu")])
def test_what_follows_a_sigmoid_gives_probabilities(first, last):
    model = sequential(L.Dense(1, first), L.Activation(last))
    assert "OR006" not in proved_findings(model)


def test_what_follows_a_softsign_need_not_give_probabilities():
    assert "OR006" in proved_findings(sequential(L.Dense(1, "softsign"), L.Activation("tanh")))


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "jax", reason="compiled under JAX only")
def test_the_slope_of_a_maximum_is_what_keras_has():
    """Compiled without optimization, that of a maximum behind batch statistics was wrong or NaN."""
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(32, 20, 5)).astype("float32")
    model = keras.Sequential([
        keras.Input((20, 5)), L.Dense(8), L.BatchNormalization(), L.ReLU(),
        L.GlobalMaxPooling1D(),
    ])  # fmt: skip
    model.compile(keras.optimizers.SGD(1.0), "mse", run_eagerly=True)
    y = x[:, 0, :1] * np.ones((1, 8), "float32")
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    copy.compile(keras.optimizers.SGD(1.0), "mse")
    training = JaxTraining(keras, copy, noisy=True)
    training.prepare(x, y)
    _, (trained, _, _) = training.step()(training.start(), x, y)
    model.train_on_batch(x, y)
    np.testing.assert_allclose(trained[0], model.layers[0].kernel, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("first", [L.ReLU, lambda: L.Dense(4, "relu")])
def test_the_weights_of_a_layer_recorded_as_one_operation(first):
    """A PReLU on nonnegative values changes nothing now; the loss still depends on its slopes."""
    model = sequential(first(), L.PReLU(), L.ReLU(), L.Dense(1, "sigmoid"))
    assert "OR005" not in proved_findings(model)


@pytest.mark.slow
def test_rows_without_a_label_have_no_part_in_the_floor():
    """Under JAX a label outside the classes adds nothing, as a row of zeros does anywhere."""

    def floor(loss, y):
        keras.utils.set_random_seed(0)
        model = sequential(L.Dense(3, "softmax"))
        return proved_findings(model, y, loss)["OR007"].cost["loss_floor"]

    rows = np.eye(3, dtype="float32")[np.arange(16) % 3]
    some = rows * (np.arange(16) < 4)[:, None]
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    assert floor(loss, some) == pytest.approx(floor(loss, rows) / 4)
    labels = np.where(np.arange(16) < 4, 0, -1)[:, None]
    ignored = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    assert floor(ignored, labels) <= floor(loss, rows) / 4 * (1 + 1e-6)


def test_a_rate_that_falls_or_a_constraint_may_converge():
    x = np.linspace(1, 7, 16)[:, None].astype("float32")

    def codes(rate, constraint=None):
        line = L.Dense(1, kernel_constraint=constraint, bias_constraint=constraint)
        model = keras.Sequential([keras.Input((1,)), line])
        model.compile(keras.optimizers.SGD(rate), "mse")
        findings = outrange.diagnose(model, x, 2 * x, train=0).at_least("proved")
        return [f.code for f in findings]

    decay = keras.optimizers.schedules.ExponentialDecay
    late = keras.optimizers.schedules.PiecewiseConstantDecay([2000], [0.0, 0.01])
    assert "OR017" in codes(0.5)
    assert "OR017" not in codes(decay(0.5, 10, 0.1))
    assert "OR017" not in codes(0.5, keras.constraints.MaxNorm(1.0))
    assert "OR021" in codes(0.0)
    assert "OR021" not in codes(late)


def test_a_dropout_of_everything_is_described():
    model = sequential(L.Dense(1, "sigmoid"), L.Dropout(1.0))
    assert "probability 1" in proved_findings(model)["OR019"].message


def test_what_is_no_probability_has_no_entropy():
    """Linear outputs of 5, 5 and -9 count as 1, 1 and 0: soft targets fit them without a loss."""
    y = np.tile(np.array([0.5, 0.5, 0.0], "float32"), (16, 1))

    def notes(activation):
        model = sequential(L.Dense(3, activation, kernel_initializer="zeros"))
        model.layers[0].bias.assign([5.0, 5.0, -9.0])
        model.compile("sgd", "categorical_crossentropy")
        answer = outrange.diagnose(model, X, y, train=0)
        loss = model.evaluate(X, y, verbose=0)
        return [f.cost["loss_floor"] for f in (*answer, *answer.notes) if f.code == "OR022"], loss

    floors, loss = notes(None)
    assert not floors
    assert loss < 0.1
    floors, loss = notes("softmax")
    assert floors[0] <= loss


def test_a_floor_is_not_rounded_up():
    for value in (1302.743, 5 / 3, 0.99996, 80.0, 1.23456e-5, 99999.0):
        assert 0.999 * value <= float(at_least(value)) <= value * (1 + 1e-9)
    assert at_least(80.0) == "80"


def test_a_unit_on_the_edge_of_a_clip_is_not_proved_dead():
    """The slope there is the backend's choice: 1 on TensorFlow, one half on JAX, 0 on PyTorch."""
    model = sequential(L.Dense(2, "hard_tanh"), L.Dense(1))
    kernel, _ = model.layers[0].get_weights()
    for bias, dead in ((1.0, False), (1.5, True)):
        model.layers[0].set_weights([0.0 * kernel, np.full(2, bias, "float32")])
        assert ("OR003" in proved_findings(model, loss="mse")) is dead
