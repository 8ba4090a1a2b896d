"""No floor of the loss after a number of steps (OR030) is said that `evaluate` beats."""

import numpy as np
import pytest

import outrange
from outrange.diagnosis.budget.reach import reach_of
from outrange.diagnosis.budget.weight_box import WeightBox, weight_box
from outrange.diagnosis.wording import at_least, at_most, span
from outrange.frontends.keras.training.program import read_program


keras = pytest.importorskip("keras")
L, ops = keras.layers, keras.ops
Adam = keras.optimizers.Adam
X = np.linspace(0, 1, 32)[:, None].astype("float32")
FAR = 300 * X + 1000


def net(*parts):
    return keras.Sequential(list(parts))


def floor(model, x, y, **options):
    """The finding OR030 that is proved, or None."""
    answer = outrange.diagnose(model, x, y, train=0, **options)
    proved = [f for f in answer if f.code == "OR030" and f.level.name == "PROVED"]
    return proved[0] if proved else None


def train_and_evaluate(model, x, y, epochs, **options):
    """Train a model and return its loss by `evaluate`."""
    model.fit(x, y, epochs=epochs, verbose=0, **options)
    return float(model.evaluate(x, y, verbose=0))


def line(loss="mse", **options):
    model = net(keras.Input((1,)), L.Dense(1))
    model.compile(Adam(0.01), loss, **options)
    return model


@pytest.mark.parametrize("kind", ["Adam", "AdamW", "Nadam", "RMSprop", "Adagrad", "Adamax", "SGD"])
def test_a_table_that_tensorflow_steps_once_a_look_up(kind):
    x = np.repeat(np.arange(4), 32)[:, None]
    y = (1000.0 + x).astype("float32")
    model = net(keras.Input((1,), dtype="int32"), L.Embedding(4, 1), L.Flatten())
    clip = {"clipvalue": 0.1} if kind == "SGD" else {}
    model.compile(getattr(keras.optimizers, kind)(0.1, **clip), "mse")
    bound = floor(model, x, y, epochs=2, batch_size=32)
    if keras.backend.backend() == "tensorflow":
        assert bound is None
    else:
        assert train_and_evaluate(model, x, y, 2, batch_size=32) >= bound.cost["loss_floor"]


def test_a_categorical_loss_that_may_be_clipped_is_not_convex():
    """The outputs are apart by twice what one of them is."""
    even = np.arange(32) % 2 == 0
    x, y = np.where(even, 1e-3, -2e-4)[:, None].astype("float32"), np.where(even, 1, 0)
    model = net(keras.Input((1,)), L.Dense(2, "softmax"))
    model.layers[0].set_weights([np.array([[12500.0, -12500.0]]), np.zeros(2)])
    model.compile(Adam(0.05), "sparse_categorical_crossentropy")
    bound = floor(model, x, y, epochs=40)
    assert bound is None or train_and_evaluate(model, x, y, 40) >= bound.cost["loss_floor"]


def test_a_softmax_over_pieces_of_the_output():
    model = net(keras.Input((3,)), L.Dense(6), L.Reshape((2, 3)), L.Softmax(), L.Flatten())
    model.layers[0].set_weights([np.zeros((3, 6)), np.array([0, 0, 0, 30, 30, 30.0])])
    model.compile(Adam(0.01), "categorical_crossentropy")
    x = 0.01 * np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
    y = np.eye(6, dtype="float32")[np.arange(32) % 3]
    bound = floor(model, x, y, epochs=2)
    assert bound is None or model.evaluate(x, y, verbose=0) >= bound.cost["loss_floor"]


def test_targets_that_keras_broadcasts():
    v = (X * 2 - 1) * np.ones((1, 3), "float32")
    model = net(keras.Input((3,)), L.Dense(3))
    model.layers[0].set_weights([-5 * np.eye(3), np.zeros(3)])
    model.compile(Adam(1e-4), "mse")
    assert floor(model, v, 10 * v[:, None], epochs=2) is None
    bound = floor(model, v, 10 * v, epochs=2)
    assert bound is not None
    assert train_and_evaluate(model, v, 10 * v, 2) >= bound.cost["loss_floor"]


class Started(keras.Model):
    """A recurrent layer that starts from 100."""

    def __init__(self, kind):
        super().__init__()
        zeros = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}
        self.r = kind(4, **zeros)
        self.d = L.Dense(1, kernel_initializer="ones")

    def call(self, x):
        start = 100 * ops.ones((x.shape[0] or ops.shape(x)[0], 4))
        several = isinstance(self.r, L.LSTM)
        return self.d(self.r(x, initial_state=[start, start] if several else [start]))


class Twice(keras.Model):
    """The bias of a convolution is read a second time, in its layer or outside."""

    def __init__(self, inside):
        super().__init__()
        self.inside = inside
        more = {"activation": lambda z: z + 1000 * ops.sum(self.c.bias)} if inside else {}
        self.c, self.f = L.Conv1D(1, 1, kernel_initializer="zeros", **more), L.Flatten()

    def call(self, x):
        z = self.f(self.c(x))
        return z if self.inside else z + 1000 * ops.sum(self.c.bias)


class Dense(L.Layer):
    """No layer of Keras, though it has the name of one."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 1), initializer="zeros")
        self.b = self.add_weight(shape=(1,), initializer="zeros", trainable=False, name="shift")

    def call(self, x, training=False):
        if training:
            self.b.assign(self.b + 10.0)
        return x @ self.w + self.b


class Unasked(Dense):
    """A layer that moves its bias at every call, in training or not."""

    def call(self, x):
        self.b.assign(self.b + 10.0)
        return x @ self.w + self.b


class Setting(L.Layer):
    """Sets a weight that is trained."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 1), initializer="zeros")

    def call(self, x, training=False):
        if training:
            self.w.assign(self.w + 10.0)
        return x @ self.w


MORE = {
    "a state of 100, SimpleRNN": lambda: Started(L.SimpleRNN),
    "a state of 100, LSTM": lambda: Started(L.LSTM),
    "a bias read twice": lambda: Twice(False),
    "a bias read twice inside": lambda: Twice(True),
    "an own layer's shift": lambda: net(keras.Input((1, 2)), L.Flatten(), Dense()),
    "a shift without being asked": lambda: net(keras.Input((1, 2)), L.Flatten(), Unasked()),
    "a trained weight that is set": lambda: net(keras.Input((1, 2)), L.Flatten(), Setting()),
}


@pytest.mark.parametrize("name", MORE)
def test_weights_that_do_more_than_is_recorded_have_no_box(name):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, 1, 2)).astype("float32")
    y = (20 + 0.01 * rng.normal(size=(16, 1))).astype("float32")
    model = MORE[name]()
    model(x[:1])
    model.compile(Adam(0.01), "mse")
    assert isinstance(weight_box(read_program(model, x, y)), str)
    assert floor(model, x, y, epochs=2) is None


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "Conv1D"])
def test_weights_that_are_read_once_still_have_one(kind):
    layer = getattr(L, kind)(3, 1) if kind == "Conv1D" else getattr(L, kind)(3)
    model = net(keras.Input((4, 2)), layer, L.Flatten(), L.Dense(1))
    model.compile(Adam(0.01), "mse")
    x = np.ones((4, 4, 2), "float32")
    assert isinstance(weight_box(read_program(model, x, x[:, :1, 0])), WeightBox)


def test_an_optimizer_whose_count_was_set_back():
    x = np.ones((1, 1), "float32")
    model = net(keras.Input((1,)), L.Dense(1, use_bias=False, kernel_initializer="zeros"))
    model.compile(Adam(1.0), "mse")
    for t in range(30):
        model.fit(x, model.get_weights()[0] + 1.1**t, verbose=0)
    y = model.get_weights()[0] + 1.1**30
    model.optimizer.iterations.assign(0)
    assert "moments" in reach_of(read_program(model, x, y).stepping, 1)
    assert floor(model, x, y, epochs=1) is None
    # Set to another count, it is taken to have any number of gradients behind it.
    model.optimizer.iterations.assign(1)
    far, was = reach_of(read_program(model, x, y).stepping, 1).far, model.get_weights()[0]
    model.fit(x, y, verbose=0)
    assert abs(float(model.get_weights()[0].item() - was.item())) <= far


def test_what_weight_decay_takes_is_said():
    model = net(keras.Input((1,)), L.Dense(1, kernel_initializer=keras.initializers.Constant(50.0)))
    model.compile(keras.optimizers.AdamW(1e-3, weight_decay=100.0), "mse")
    bound = floor(model, X, FAR, epochs=4)
    assert train_and_evaluate(model, X, FAR, 4) >= bound.cost["loss_floor"]
    assert model.get_weights()[0].item() < 40
    assert (
        "in addition to weight decay, which removes at most 34.4 % of the weight" in bound.message
    )


@pytest.mark.parametrize("how", ["sum", "none", "weight", "dtype", "mask"])
def test_losses_that_are_no_plain_mean_have_no_floor(how):
    square = keras.losses.MeanSquaredError
    x, y = X, FAR
    if how == "weight":
        model = line(loss_weights=[1e-3])
    elif how == "dtype":
        model = line(square(dtype="float16"))
    elif how == "mask":
        model = net(keras.Input((4, 1)), L.Masking(), L.Dense(1))
        model.compile(Adam(0.01), "mse")
        x, y = np.ones((16, 4, 1), "float32"), np.zeros((16, 4, 1), "float32")
        x[:, 2:], y[:, 2:] = 0, 1000
    else:
        model = line(square(reduction=how))
    bound = floor(model, x, y, epochs=2)
    assert bound is None or model.evaluate(x, y, verbose=0) >= bound.cost["loss_floor"]
    assert how == "mask" or bound is None


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean", "mean_with_sample_weight"])
def test_means_have_one(reduction):
    model = line(keras.losses.MeanSquaredError(reduction=reduction))
    bound = floor(model, X, FAR, epochs=5)
    assert train_and_evaluate(model, X, FAR, 5) >= bound.cost["loss_floor"]


def test_bounds_are_rounded_outward():
    for value in (1302.743, 5 / 3, 0.99996, 1.00004, 9.9996, 80.0, 1.23456e-5, 99999.0, -5.1236):
        assert float(at_least(value)) <= value + 1e-9 * abs(value)
        assert float(at_most(value)) >= value - 1e-9 * abs(value)
        assert abs(float(at_most(value)) - float(at_least(value))) <= 1.1e-3 * abs(value)
    assert (at_least(80.0), at_most(80.0), at_least(0.0), at_most(0.0)) == ("80", "80", "0", "0")
    assert at_most(float("inf")) == "inf"
    assert span(-1.23456, 7.65432) == "[-1.235, 7.655]"
    assert span(0.5, float(np.float32(3.7))) == "[0.5, 3.7]"


@pytest.mark.slow
def test_the_sum_of_many_rows_is_paid_for():
    """Added up in float32, 50,000 rows of 7.29 have a mean of less."""
    x = np.zeros((50_000, 1), "float32")
    y = np.full((50_000, 1), 2.7, "float32")
    model = net(keras.Input((1,)), L.Dense(1, kernel_initializer="zeros"))
    model.compile(Adam(1e-12), "mse")
    bound = floor(model, x, y, epochs=1, batch_size=50_000)
    assert bound is None or model.evaluate(x, y, verbose=0) >= bound.cost["loss_floor"]
