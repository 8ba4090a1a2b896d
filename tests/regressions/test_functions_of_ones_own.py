"""Losses, rates, layers and models of the user's own: short trainings ended in an error.

Keras clones none of them. Under JAX nothing is cloned.
"""

import numpy as np
import pytest

import outrange
from outrange.frontends.keras.training.program import read_program


keras = pytest.importorskip("keras")


def far(y, found):
    return keras.ops.mean(keras.ops.square(y - found))


@pytest.mark.parametrize("what", ["loss", "nameless loss", "rate"])
def test_own_functions_are_trained_with(what):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "relu", name="hidden"),
                              keras.layers.Dense(1)])  # fmt: skip
    losses = {"loss": far, "nameless loss": lambda y, answer: far(y, answer)}
    rate = (lambda: 1e-6) if what == "rate" else 1e-6
    model.compile(keras.optimizers.SGD(rate), losses.get(what, "mse"))
    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    answer = outrange.diagnose(model, x, 50 * x[:, :1], epochs=3, batch_size=16, train="fixes")
    assert not any("short training runs" in part for part in answer.unread)
    assert model.compiled and model.optimizer.iterations == 0
    if what == "rate":  # of other losses nobody knows what is little
        assert answer.codes


class Classified(keras.Model):
    """A model written as a class, as tutorials do it."""

    def __init__(self, units):
        super().__init__()
        self.first = keras.layers.Dense(units, "relu")
        self.drop = keras.layers.Dropout(0.2)
        self.last = keras.layers.Dense(1)

    def call(self, x, training=False):
        return self.last(self.drop(self.first(x), training=training))


class Unwritten(keras.layers.Layer):
    """A layer that does not say how to make it again."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], 4))

    def call(self, x):
        return self.function(keras.ops.matmul(x, self.kernel))


def sequential(layer):
    return keras.Sequential([keras.Input((3,)), layer, keras.layers.Dense(1)])


OWN = {
    "class": lambda: Classified(6),
    "layer": lambda: sequential(Unwritten(keras.ops.tanh)),
    "lambda": lambda: sequential(keras.layers.Lambda(lambda x: 2.0 * x)),
    "activation": lambda: sequential(keras.layers.Dense(4, lambda x: x * keras.ops.sigmoid(x))),
}


@pytest.mark.parametrize("what", OWN)
def test_own_models_are_trained_and_get_all_back(what):
    keras.utils.set_random_seed(0)
    model = OWN[what]()
    model.compile(keras.optimizers.Adam(1e-6), "mse")
    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    y = 50 * x[:, :1]
    model.fit(x, y, epochs=1, verbose=0)
    state = [model.optimizer, *(np.array(v) for v in (*model.weights, *model.optimizer.variables))]
    answer = outrange.diagnose(model, x, y, epochs=3, batch_size=16)
    assert not any("short training runs" in part for part in answer.unread)
    assert {"OR030", "OR017"} & set(answer.codes)
    assert model.optimizer is state[0] and model.compiled
    now = [np.array(v) for v in (*model.weights, *model.optimizer.variables)]
    for a, b in zip(state[1:], now, strict=True):
        np.testing.assert_array_equal(a, b)


class Holder(keras.layers.Layer):
    """Its configuration holds a layer itself: what is made of it shares that layer's weights."""

    def __init__(self, inner, **options):
        super().__init__(**options)
        self.inner = inner

    def call(self, x):
        return self.inner(x)

    def get_config(self):
        return {**super().get_config(), "inner": self.inner}


def data():
    x = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
    return x, 2.0 * x[:, :1]


def test_a_clone_that_shares_weights_is_not_trained():
    inner = keras.layers.Dense(4, "relu")
    inner.build((None, 3))
    model = sequential(Holder(inner))
    model.compile(keras.optimizers.SGD(0.05), "mse")
    before = [np.array(v) for v in model.weights]
    outrange.diagnose(model, *data(), epochs=3, batch_size=8)
    for a, b in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(a, np.array(b))


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="it has to be cloned there")
def test_weights_frozen_by_themselves_or_in_a_shared_layer_stay_frozen():
    shared = keras.layers.Dense(3, "relu")
    first, second = (keras.Sequential([keras.Input((3,)), shared]) for _ in range(2))
    model = keras.Sequential([keras.Input((3,)), first, second, Unwritten(keras.ops.tanh),
                              last := keras.layers.Dense(1)])  # fmt: skip
    shared.trainable = last.bias.trainable = False
    model.compile(keras.optimizers.SGD(0.05), "mse")
    x, y = data()
    program = read_program(model, x, y)
    assert not program.rehearse(x, y, 4, without="freezing").error
    assert not shared.trainable
    assert not any(v.trainable for v in (*shared.variables, last.bias))


class Recurrent(keras.Model):
    def __init__(self):
        super().__init__()
        self.memory = keras.layers.LSTM(2, stateful=True)
        self.last = keras.layers.Dense(1)

    def call(self, x):
        return self.last(self.memory(x))


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras cannot train it there")
def test_states_of_recurrent_layers_come_back():
    model = Recurrent()
    x = np.random.default_rng(0).normal(size=(16, 4, 3)).astype("float32")
    model(x)
    model.compile("adam", "mse")
    x, y = x, x[:, 0, :1]
    before = [np.array(v) for v in model.memory.states]
    read_program(model, x, y).rehearse(x, y, 4)
    for a, b in zip(before, model.memory.states, strict=True):
        np.testing.assert_array_equal(a, np.array(b))


def test_a_loss_that_reads_the_model_trains_it():
    model = sequential(keras.layers.Dense(4, "tanh"))
    x, y = data()
    points = keras.ops.convert_to_tensor(x)
    model.compile(keras.optimizers.Adam(0.01), lambda _, rehearsal: far(2.0, model(points)))
    program = read_program(model, x, y)
    rehearsal = program.rehearse(x, y, 30)
    assert rehearsal.losses[-1] < 0.9 * rehearsal.losses[0]


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="modules of PyTorch")
def test_buffers_of_torch_modules_come_back():
    from torch import nn

    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    model = sequential(keras.layers.TorchModuleWrapper(module))
    model.add(Unwritten(keras.ops.tanh))
    model.compile("adam", "mse")
    x, y = data()
    program = read_program(model, x, y)
    before = [b.clone() for b in module.buffers()], module.training
    assert not program.rehearse(x, y, 4).error
    assert all((a == b).all() for a, b in zip(before[0], module.buffers(), strict=True))
    assert module.training == before[1]


class Counting(keras.layers.Layer):
    """It counts its calls, at inference too."""

    def __init__(self):
        super().__init__()
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")

    def call(self, x):
        self.calls.assign_add(1.0)
        return x


class Falling(keras.optimizers.schedules.LearningRateSchedule):
    """It does not say how to make it again."""

    def __call__(self, step):
        return 1e-6


def test_calls_are_not_counted_and_chance_goes_on():
    import random

    model = sequential(Counting())
    model.compile(keras.optimizers.SGD(Falling()), "mse")
    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    before = random.getstate()
    answer = outrange.diagnose(model, x, 50 * x[:, :1], epochs=3, batch_size=16)
    assert not any("short training runs" in part for part in answer.unread)
    assert float(model.layers[0].calls.numpy()) == 0.0
    assert random.getstate() == before
