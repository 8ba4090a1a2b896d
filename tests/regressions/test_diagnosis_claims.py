"""False claims of a diagnosis: unproved findings at PROVED, and faults that were none."""

import keras
import numpy as np
import pytest
from keras import layers as L, ops

import outrange


RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 8)).astype("float32")
REAL = X @ RNG.normal(size=(8, 1)).astype("float32")
CLASSES = RNG.integers(0, 4, 64)


def findings_by_code(model, x, y, **options):
    """Return the findings of a diagnosis by code."""
    options = {"train": 0} | options
    return {f.code: f for f in outrange.diagnose(model, x, y, **options)}


def two_heads():
    i = keras.Input((8,), name="i")
    h = L.Dense(8, "relu")(i)
    model = keras.Model(i, [L.Dense(1, name="r")(h), L.Dense(4, "softmax", name="c")(h)])
    model.compile("adam", {"r": "mse", "c": "sparse_categorical_crossentropy"})
    return model


@pytest.mark.slow
def test_a_dict_of_targets_goes_by_the_names_of_the_outputs():
    assert "OR010" not in findings_by_code(two_heads(), X, {"r": REAL, "c": CLASSES})
    assert "OR010" in findings_by_code(two_heads(), X, {"r": REAL, "c": CLASSES + 9})


def test_a_dict_of_targets_with_other_keys_is_an_error():
    message = r"\['c', 'r'\].*Received: `y` with the keys \['d'"
    with pytest.raises(outrange.InputError, match=message):
        outrange.diagnose(two_heads(), X, {"r": REAL, "d": CLASSES})


@pytest.mark.slow
def test_missing_targets_that_the_loss_leaves_out_are_no_fault():
    y = 1 / (1 + np.exp(-REAL))
    y[::5] = np.nan

    def loss(t, p):
        return ops.mean(ops.where(ops.isnan(t), 0.0, (ops.nan_to_num(t) - p) ** 2))

    def model(loss):
        net = keras.Sequential([keras.Input((8,)), L.Dense(8, "relu"), L.Dense(1, "sigmoid")])
        net.compile("adam", loss)
        return net

    assert "OR016" not in findings_by_code(model(loss), X, y, train=None)
    assert findings_by_code(model("mse"), X, y)["OR016"].level.name == "PROVED"


@pytest.mark.slow
def test_missing_inputs_that_a_layer_fills_are_no_fault():
    class Fill(L.Layer):
        def call(self, z):
            return ops.where(ops.isnan(z), 0.0, z)

    x = X.copy()
    x[::7, 2] = np.nan
    for filled in (True, False):
        parts = [Fill()] if filled else []
        model = keras.Sequential([keras.Input((8,)), *parts, L.Dense(8, "relu"), L.Dense(1)])
        model.compile("adam", "mse")
        assert ("OR016" in findings_by_code(model, x, REAL)) is not filled


def test_one_row_that_is_not_handled_is_found_among_those_that_are():
    class FillOne(L.Layer):
        def call(self, z):
            first, rest = z[:, :1], z[:, 1:]
            return ops.concatenate([ops.where(ops.isnan(first), 0.0, first), rest], axis=1)

    x = X.copy()
    x[::3, 0] = np.nan
    model = keras.Sequential([keras.Input((8,)), FillOne(), L.Dense(1)])
    model.compile("adam", "mse")
    assert "OR016" not in findings_by_code(model, x, REAL)
    x[40, 5] = np.nan
    finding = findings_by_code(model, x, REAL)["OR016"]
    assert finding.level.name == "PROVED"
    assert "x[40, 5] = nan" in finding.message


def _noisy(z, training=False):
    return z + keras.random.normal(ops.shape(z)) if training else z


@pytest.mark.parametrize(
    "noise", [lambda: L.GaussianNoise(0.5), lambda: _Own(), lambda: L.Lambda(_noisy)]
)
def test_noise_in_training_tells_units_apart(noise):
    constant = keras.initializers.Constant(0.1)
    for parts, level in (([noise()], "SUSPECTED"), ([], "PROVED")):
        model = keras.Sequential([
            keras.Input((8,)), L.Dense(8, "tanh", kernel_initializer=constant), *parts,
            L.Dense(1, kernel_initializer="ones"),
        ])  # fmt: skip
        model.compile("adam", "mse")
        finding = findings_by_code(model, X, REAL).get("OR013")
        assert finding is None or finding.level.name == level
        assert finding is not None or parts


class _Own(L.Layer):
    def call(self, z, training=False):
        return z + keras.random.normal(ops.shape(z)) if training else z


def test_noise_of_the_model_itself_tells_units_apart():
    class Whole(keras.Model):
        def __init__(self):
            super().__init__()
            constant = keras.initializers.Constant(0.1)
            self.first = L.Dense(8, "tanh", kernel_initializer=constant)
            self.last = L.Dense(1, kernel_initializer="ones")

        def call(self, x, training=False):
            return self.last(_noisy(self.first(x), training))

    model = Whole()
    model(X)
    model.compile("adam", "mse")
    finding = findings_by_code(model, X, REAL).get("OR013")
    assert finding is None or finding.level.name == "SUSPECTED"


def test_what_is_said_of_negative_losses_is_what_keras_does():
    model = keras.Sequential([keras.Input((8,)), L.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    y = (X[:, :1] > 0) + 1.0
    message = findings_by_code(model, X, y)["OR010"].message
    losses = []
    for bias in (20.0, 1e4):
        model.set_weights([np.zeros((8, 1)), np.array([bias])])
        losses.append(model.evaluate(X, y, verbose=0))
    falls = losses[1] < losses[0] - 1
    assert ("falls forever" in message) is falls


def test_rows_are_counted_as_the_loss_reads_them():
    model = keras.Sequential([keras.Input((8,)), L.Dense(4)])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.set_weights([0.01 * RNG.normal(size=(8, 4)), np.array([2.0, 3.0, 4.0, 5.0])])
    message = findings_by_code(model, X, CLASSES, train=0)["OR006"].message
    assert "clips" not in message


@pytest.mark.parametrize(
    ("options", "message"),
    [({"ignore": "OR001"}, "list of rule codes"), ({"ignore": 3}, "list of rule codes"),
     ({"train": "a"}, "non-negative integer"), ({"train": -1}, "non-negative integer"),
     ({"train": True}, '"fixes" or None')],
)  # fmt: skip
def test_options_of_another_kind(options, message):
    model = keras.Sequential([keras.Input((8,)), L.Dense(1)])
    model.compile("adam", "mse")
    with pytest.raises(outrange.InputError, match=message):
        outrange.diagnose(model, X, REAL, **options)


def test_data_without_rows_is_an_error():
    model = keras.Sequential([keras.Input((8,)), L.Dense(1)])
    model.compile("adam", "mse")
    with pytest.raises(outrange.InputError, match="same number of rows"):
        outrange.diagnose(model, 3, 4)


def test_what_could_not_be_looked_at_without_a_loss_is_said():
    model = keras.Sequential([keras.Input((8,)), L.Dense(1)])
    assert any("compile the model" in line for line in outrange.diagnose(model, X, REAL).unread)


@pytest.mark.parametrize(
    ("x", "hint"),
    [(np.full((4, 8), 1, object), "astype"), (iter([1]), "generator"), (["a"] * 4, "generator")],
)
def test_data_that_is_no_array_of_numbers(x, hint):
    model = keras.Sequential([keras.Input((8,)), L.Dense(1)])
    model.compile("adam", "mse")
    with pytest.raises(outrange.InputError, match=hint):
        outrange.diagnose(model, x, REAL[:4])
