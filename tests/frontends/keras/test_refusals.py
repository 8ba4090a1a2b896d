"""Models that cannot be read soundly are rejected, with the layer and a fix in the message."""

import numpy as np
import pytest


pytest.importorskip("keras")

import keras
from keras import Input, Sequential, layers as L, ops

from outrange.core import InputError, ModelError, UnsupportedError
from outrange.frontends.keras import load_keras
from outrange.frontends.rule_table import ADVICE


class Layered(keras.Layer):
    """A layer whose call is any function of its input."""

    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def call(self, x):
        return self.function(x)

    def compute_output_shape(self, shape):
        return shape


def with_function(function):
    """Build a model with `function` in the middle, in a layer called `culprit`."""
    return Sequential([Input((4,)), L.Dense(4), Layered(function, name="culprit")])


def python_branch(x):
    return x * 2.0 if ops.max(x) > 0 else x


def drawn_by_numpy(x):
    return x + np.random.default_rng().normal(size=4).astype("float32")


def build_quantized():
    model = Sequential([Input((8,)), L.Dense(16, "relu", name="culprit"), L.Dense(3)])
    model(np.ones((1, 8), "float32"))
    model.quantize("int8")
    return model


def noisy():
    return with_function(
        lambda x: x + keras.random.normal((4,), seed=keras.random.SeedGenerator(1))
    )


UNSUPPORTED = {
    "random": (noisy, "random numbers"),
    "numpy random": (lambda: with_function(drawn_by_numpy), "every run"),
    "python if": (lambda: with_function(python_branch), "Python branch"),
    "numpy function": (lambda: with_function(np.tanh), "keras.ops"),
    "half": (lambda: with_function(lambda x: ops.cast(x, "float16")), "float16"),
    "variable index": (
        lambda: with_function(lambda x: ops.take(x, ops.cast(x[0], "int32"), 0)),
        "must be constant"),
    "quantized": (build_quantized, "quantized"),
    "bfloat16": (
        lambda: Sequential([Input((4,)), L.Dense(3, dtype="mixed_bfloat16", name="culprit")]),
        "bfloat16"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_refused_with_the_name_of_the_layer(name):
    build, words = UNSUPPORTED[name]
    with pytest.raises(UnsupportedError, match=words) as caught:
        load_keras(build())
    assert "culprit" in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    "function",
    [
        lambda x: ops.cast(ops.argpartition(x, 2), "float32"),
        lambda x: ops.svd(ops.reshape(x, (-1, 2, 2)))[1],
        lambda x: ops.einsum("bi,bi,bi->bi", x, x, x),
        lambda x: ops.power(x, np.arange(4.0, dtype="float32")),
    ],
)
def test_the_advice_about_an_unsupported_operation_comes_once(function):
    with pytest.raises(UnsupportedError, match="culprit") as caught:
        load_keras(with_function(function))
    text = str(caught.value)
    assert text.endswith(f"not supported yet. {ADVICE}") and text.count(ADVICE) == 1


def test_rows_of_a_batch_may_not_mix():
    with pytest.raises(UnsupportedError, match="rows of a batch"):
        load_keras(with_function(lambda x: x - ops.mean(x, axis=0, keepdims=True)))


def test_a_result_without_a_batch_axis():
    class Total(keras.Model):
        def call(self, x):
            return ops.sum(x)

    model = Total()
    model(np.zeros((1, 4), "float32"))
    with pytest.raises(UnsupportedError, match="batch axis"):
        load_keras(model)


def test_a_counter():
    class Counter(keras.Layer):
        def build(self, shape):
            self.count = self.add_weight(shape=(), trainable=False, initializer="zeros")

        def call(self, x):
            self.count.assign(self.count + 1.0)
            return x * self.count

    with pytest.raises(UnsupportedError, match="changes its variable"):
        load_keras(Sequential([Input((2,)), Counter()]))


def test_input_of_strings():
    with pytest.raises(UnsupportedError, match="string"):
        load_keras(Sequential([Input((3,), dtype="string"), L.Flatten()]))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_no_numbers(bad):
    model = Sequential([Input((3,)), L.Dense(2, name="poisoned")])
    kernel, bias = model.layers[0].get_weights()
    kernel[1, 0] = bad
    model.layers[0].set_weights([kernel, bias])
    with pytest.raises(ModelError, match=r"poisoned/kernel\[1, 0\]=(nan|inf)"):
        load_keras(model)


def test_not_built():
    with pytest.raises(ModelError, match="input shape"):
        load_keras(Sequential([L.Dense(2)]))


def test_an_open_size():
    with pytest.raises(ModelError, match="Every size"):
        load_keras(Sequential([Input((None, 3)), L.Dense(2)]))


@pytest.mark.parametrize("model", [3, object(), np.zeros(3)])
def test_not_a_model(model):
    with pytest.raises(InputError, match="Received"):
        load_keras(model)


def test_a_wrong_graph_is_caught_and_the_layer_named(monkeypatch):
    from outrange.frontends.keras.rules import RULES

    monkeypatch.setitem(RULES, "Tanh", lambda c: c.builder.clip(c.x, -1.0, 1.0))
    model = Sequential([Input((3,)), L.Dense(4, "relu"), L.Dense(2, "tanh", name="wrong")])
    with pytest.raises(ModelError, match="first in layer `wrong`"):
        load_keras(model)


def fixed_rows(x):
    return ops.reshape(x, (1, 4))


def times_rows(x):
    return x * float(x.shape[0] or ops.shape(x)[0])


@pytest.mark.parametrize("function", [fixed_rows, times_rows, lambda x: ops.cumsum(x, axis=0)])
def test_other_ways_to_depend_on_the_batch(function):
    with pytest.raises(ModelError):
        load_keras(with_function(function))
