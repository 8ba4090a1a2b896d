"""Rates, rows and formats that a diagnosis called harmful for sure, and that were not."""

import keras
import numpy as np
import pytest
from keras import layers as L, ops, optimizers as O

import outrange
from outrange.diagnosis.wording import at_least, at_most


LINE = np.arange(1.0, 8.0)[:, None]
X = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")


def proved_message(code, model, x, y=None):
    """Return the message of a PROVED finding, or `""` if there is none."""
    findings = [f for f in outrange.diagnose(model, x, y, train=0) if f.code == code]
    return next((f.message for f in findings if f.level.name == "PROVED"), "")


def chain(*layers):
    return keras.Sequential(list(layers))


def line(optimizer, *layers, **dense):
    model = chain(keras.Input((1,)), *layers, L.Dense(1, **dense))
    model.compile(optimizer, "mse")
    return model


class SmallSteps(O.SGD):
    def update_step(self, gradient, variable, learning_rate):
        self.assign_sub(variable, 0.01 * ops.sign(gradient))


SmallSteps.__name__ = "SGD"


class Quieter(L.Layer):
    """A layer that training computes otherwise."""

    def call(self, x, training=False):
        return 0.01 * x if training else x


# ---- OR017: the curvature of a linear model ---------------------------------------------------


@pytest.mark.parametrize(
    "optimizer", [O.SGD(0.5), O.SGD(0.5, momentum=0.9)], ids=["plain", "momentum"]
)
def test_a_rate_above_the_largest_is_proved(optimizer):
    for bias in (True, False):
        model = line(optimizer.from_config(optimizer.get_config()), use_bias=bias)
        message = proved_message("OR017", model, LINE, 2 * LINE + 1)
        assert "diverges for every learning rate above" in message
        losses = model.fit(LINE, 2 * LINE + 1, epochs=40, verbose=0).history["loss"]
        assert not losses[-1] < 1e3 * losses[0]


def test_several_outputs_and_features_are_proved():
    model = chain(keras.Input((3,)), L.Dense(2))
    model.compile(O.SGD(5.0), "mse")
    assert proved_message("OR017", model, X, X[:, :2])


@pytest.mark.parametrize(
    "options",
    [
        {"use_ema": True, "ema_momentum": 0.98, "ema_overwrite_frequency": 1},
        {"gradient_accumulation_steps": 2},
        {"clipvalue": 0.1},
        {"weight_decay": 0.1},
    ],
)
def test_steps_that_are_not_plain_descent_are_not_proved_to_diverge(options):
    assert not proved_message("OR017", line(O.SGD(0.5, **options)), LINE, 2 * LINE + 1)


def test_an_optimizer_of_ones_own_of_that_name_is_not_known():
    model = line(SmallSteps(0.5))
    assert not proved_message("OR017", model, LINE, 2 * LINE + 1)
    losses = model.fit(LINE, 2 * LINE + 1, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_a_scaled_loss_is_not_plain_descent():
    assert not proved_message("OR017", line(O.LossScaleOptimizer(O.SGD(0.5))), LINE, LINE)


def test_a_dense_layer_over_steps_curves_less_than_its_flat_input():
    x = np.repeat(np.linspace(-1, 1, 20)[:, None, None], 8, 1)
    model = chain(keras.Input((8, 1)), L.Dense(1))
    model.compile(O.SGD(0.5), "mse")
    assert not proved_message("OR017", model, x, 3 * x)
    losses = model.fit(x, 3 * x, epochs=50, verbose=0).history["loss"]
    assert losses[-1] < 0.1 * losses[0]


def test_an_input_that_is_not_read_does_not_curve_the_loss():
    a, b = keras.Input((1,)), keras.Input((1,))
    model = keras.Model([a, b], L.Dense(1)(a))
    model.compile(O.SGD(0.1), "mse")
    x = np.linspace(-1, 1, 20)[:, None]
    assert not proved_message("OR017", model, [x, 1000 * x], 3 * x)


def test_an_input_of_whole_numbers_is_not_what_was_given():
    model = chain(keras.Input((1,), dtype="int32"), L.Dense(1))
    model.compile(O.SGD(2.5), "mse")
    assert not proved_message("OR017", model, np.full((8, 1), 0.9), np.ones((8, 1)))


@pytest.mark.parametrize("where", ["kernel_regularizer", "bias_regularizer"])
def test_a_penalty_may_bend_the_loss_the_other_way(where):
    model = line(O.SGD(0.075), **{where: lambda w: -10.0 * ops.sum(w * w)})
    assert not proved_message("OR017", model, LINE, 2 * LINE)


def test_layers_of_ones_own_and_noise_are_not_known_in_training():
    for layer in (Quieter(), L.Dropout(0.5), L.GaussianNoise(1.0)):
        assert not proved_message("OR017", line(O.SGD(0.5), layer), LINE, LINE)


def test_a_weight_of_the_loss_is_counted():
    model = line(O.SGD(0.5))
    model.compile(O.SGD(0.5), "mse", loss_weights=[0.01])
    assert not proved_message("OR017", model, LINE, LINE)


# ---- OR016: what one step does ----------------------------------------------------------------

NAN = X.copy()
NAN[3, 1] = np.nan


def one_output(optimizer, *layers):
    dense = L.Dense(1, kernel_initializer="ones")
    model = chain(keras.Input((3,)), *layers, dense)
    model.compile(optimizer, "mse")
    return model


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_a_plain_step_on_a_row_with_nan_makes_weights_nan(optimizer):
    model = one_output(optimizer)
    assert "makes at least one weight NaN" in proved_message("OR016", model, NAN, X[:, :1])
    model.fit(NAN[3:4], X[3:4, :1], verbose=0)
    assert np.isnan(model.get_weights()[0]).any()


def test_steps_that_are_skipped_or_gathered_make_no_weight_nan():
    accumulating = O.SGD(0.01, gradient_accumulation_steps=2)
    for optimizer in (O.LossScaleOptimizer(O.SGD(0.01)), accumulating):
        model = one_output(optimizer)
        message = proved_message("OR016", model, NAN, X[:, :1])
        assert message and "makes at least one weight NaN" not in message
        model.fit(NAN[3:4], X[3:4, :1], verbose=0)
        assert np.isfinite(model.get_weights()[0]).all()


def test_an_infinite_gradient_is_not_nan():
    x = X.copy()
    x[3] = np.inf
    for optimizer in (O.Lion(0.01), O.SGD(0.01, clipvalue=1.0), O.SGD(0.01)):
        model = one_output(optimizer)
        message = proved_message("OR016", model, x, X[:, :1])
        assert "the gradient of such a row is not finite" in message
        model.fit(x[3:4], X[3:4, :1], verbose=0)
        assert not np.isnan(model.get_weights()[0]).any()


def test_a_loss_that_is_not_finite_says_no_more_than_its_gradient():
    model = chain(keras.Input((3,)), L.Lambda(lambda t: ops.log(t * 0.0)), L.Dense(1))
    model.compile(O.LossScaleOptimizer(O.SGD(0.01)), "mse")
    assert "makes at least one weight NaN" not in proved_message("OR016", model, X, X[:, :1])


# ---- OR018: formats of 16 bits ----------------------------------------------------------------

ONES = np.ones((8, 2), "float32")


class Up(L.Layer):
    def call(self, x):
        return ops.cast(x, "float32") * 1e6


def constant(value):
    return keras.initializers.Constant(value)


@pytest.mark.parametrize("dtype", ["float16", "mixed_float16"])
def test_a_value_beyond_the_format_is_proved(dtype):
    dense = L.Dense(4, "relu", dtype=dtype, kernel_initializer=constant(5e4), name="wide")
    model = chain(keras.Input((2,)), dense)
    assert "infinity" in proved_message("OR018", model, ONES)
    assert not np.isfinite(np.asarray(model.predict(ONES, verbose=0), "float64")).any()


def test_a_deep_layer_beyond_the_format_is_proved():
    layers = [
        L.Dense(8, "relu", dtype="mixed_float16", kernel_initializer=constant(v))
        for v in (40.0, 40.0, 40.0)
    ]
    model = chain(keras.Input((2,)), *layers)
    assert "infinity" in proved_message("OR018", model, ONES)
    assert np.isinf(model.predict(ONES, verbose=0)).all()


def test_formats_go_by_layers_and_not_by_names():
    i = keras.Input((2,))
    inner = chain(keras.Input((2,)), L.Dense(2, dtype="mixed_float16", name="dense"))
    outer = L.Dense(1, name="dense", kernel_initializer=constant(1e6))
    model = keras.Model(i, L.Concatenate()([outer(i), inner(i)]))
    assert not proved_message("OR018", model, ONES)


def test_a_layer_that_returns_another_format_is_not_claimed():
    cast = L.Lambda(lambda t: ops.cast(t, "float32") * 1e6, dtype="mixed_float16")
    for layer in (Up(dtype="mixed_float16"), cast):
        model = chain(keras.Input((2,)), layer)
        assert not proved_message("OR018", model, ONES)
        assert np.isfinite(model.predict(ONES, verbose=0)).all()


def test_whole_numbers_stay_whole_in_a_layer_of_16_bits():
    model = chain(keras.Input((2,), dtype="int32"), L.Flatten(dtype="mixed_float16"))
    assert not proved_message("OR018", model, np.full((8, 2), 100000))


def test_rounding_of_the_weights_may_bring_a_value_back():
    layer = L.Dense(1, dtype="mixed_float16", use_bias=False)
    model = chain(keras.Input((200,)), layer)
    layer.set_weights([np.tile([[1.000488], [-1981 / 2048]], (100, 1))])
    x = np.full((4, 200), 20000.0, "float32")
    assert not proved_message("OR018", model, x)
    assert np.isfinite(model.predict(x, verbose=0)).all()


def test_rounding_of_a_bias_may_bring_a_value_back():
    # 65544 as it is written; 32800 + 32704 = 65504 where each number is rounded first.
    model = chain(keras.Input((1,)), L.Dense(1, dtype="mixed_float16"))
    model.set_weights([np.array([[1.000488]]), np.array([32711.9])])
    x = np.full((4, 1), 32815.9, "float32")
    assert not proved_message("OR018", model, x)
    assert np.isfinite(model.predict(x, verbose=0)).all()


# ---- models that cannot be run on rows as they come -------------------------------------------


@pytest.mark.parametrize("rows", [8, 16, 32])
def test_a_stateful_layer_ends_in_a_note(rows):
    model = chain(keras.Input((4, 2), batch_size=16), L.LSTM(3, stateful=True), L.Dense(1))
    model.compile("adam", "mse")
    before = [np.array(w) for w in model.get_weights()]
    x = np.random.default_rng(0).normal(size=(rows, 4, 2)).astype("float32")
    answer = outrange.diagnose(model, x, x[:, 0, :1], epochs=2, batch_size=16)
    assert any("stateful" in note for note in answer.unread)
    assert not [f for f in answer if f.level.name in ("PROVED", "MEASURED")]
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_of_fixed_batches_that_fails_on_other_rows_ends_in_a_note():
    i = keras.Input(batch_shape=(16, 2, 2))
    flat = L.Lambda(lambda t: ops.reshape(t, (16, 4)), output_shape=(4,))(i)
    model = keras.Model(i, L.Dense(1)(flat))
    model.compile("adam", "mse")
    x = np.ones((24, 2, 2), "float32")
    answer = outrange.diagnose(model, x, x[:, 0, :1])
    assert any("takes 16 rows at a time" in note for note in answer.unread)


# ---- OR008: ends in few digits ----------------------------------------------------------------


def test_the_ends_of_a_second_softmax_hold_for_what_is_computed():
    model = chain(keras.Input((3,)), L.Dense(3, "softmax"), L.Softmax())
    model.compile("sgd", "categorical_crossentropy")
    y = np.eye(3)[X.argmax(1)]
    (finding,) = [f for f in outrange.diagnose(model, X, y, train=0) if f.code == "OR008"]
    least, most = finding.interval
    assert at_most(most) in finding.message and at_least(least) in finding.message
    for layer_bias in (np.zeros(3), np.array([1e3, 0, 0])):
        model.layers[0].set_weights([np.zeros((3, 3)), layer_bias])
        p = model.predict(X[:2], verbose=0).astype("float64")
        assert least <= p.min() and p.max() <= most
