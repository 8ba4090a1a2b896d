"""Models with products, normalizations, attention, steps and orders, entered in the zoo."""

import keras
import numpy as np
from keras import Input, Model, Sequential, layers as L, ops

from zoo import entry


class Own(keras.Layer):
    """A layer whose call is any function of its input."""

    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def call(self, x):
        return self.function(x)


UNSAVED = ("comparisons", "rounding", "orders", "products", "looked_up")
"""Models with a layer that holds a function: no file holds them."""


def _of(function, shape=(4,)):
    return Sequential([Input(shape), L.Dense(4), Own(function)])


@entry
def normalizations():
    return Sequential([
        Input((6,)), L.LayerNormalization(), L.Dense(6, "tanh"), L.RMSNormalization(),
        L.UnitNormalization(), L.Dense(4), L.GroupNormalization(2),
    ])  # fmt: skip


@entry
def normalized_over_several_axes():
    return Sequential([Input((3, 4)), L.LayerNormalization(axis=[1, 2]), L.Dense(2)])


@entry
def attention():
    x = Input((3, 4))
    y = L.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True)
    return Model(x, L.LayerNormalization()(L.Add()([x, y])))


@entry
def more_attention():
    x, y = Input((2, 4), name="x"), Input((3, 4), name="y")
    return Model([x, y], [
        L.Attention(use_scale=True)([x, y]), L.AdditiveAttention()([x, y]),
        L.GroupQueryAttention(2, 4, 2)(x, y), L.Dot(axes=2)([x, y]),
    ])  # fmt: skip


@entry
def masked():
    x = Input((4, 2))
    y = L.LSTM(3)(L.Masking(0.0)(x))
    return Model(x, y)


@entry
def comparisons():
    return _of(lambda x: ops.concatenate([
        ops.where(x > 0.1, x, 0.5 * x), ops.cast(x <= 0.2, "float32"), ops.sign(x),
        ops.cast(ops.logical_and(x > -1.0, ops.logical_not(x > 1.0)), "float32"),
        ops.cast(ops.logical_or(x > 1.0, x < -1.0), "float32") * x,
        ops.cast(ops.cast(3.0 * x, "int32"), "float32"), ops.heaviside(x, 0.5),
    ], axis=-1))  # fmt: skip


@entry
def rounding():
    return _of(lambda x: ops.concatenate([
        ops.floor(x), ops.ceil(x), ops.round(x), ops.round(x, 1), ops.trunc(x), ops.mod(x, 0.5),
        ops.floor_divide(x, 0.25),
    ], axis=-1))  # fmt: skip


@entry
def orders():
    def run(x):
        best, places = ops.top_k(x, 2)
        return ops.concatenate([
            ops.sort(x), ops.cast(ops.argsort(x), "float32"), best, ops.cast(places, "float32"),
            ops.cast(ops.argmax(x, axis=-1, keepdims=True), "float32"),
            ops.median(x, axis=-1, keepdims=True), ops.one_hot(ops.argmin(x, axis=-1), 4),
        ], axis=-1)  # fmt: skip

    return _of(run)


@entry
def products():
    return _of(lambda x: ops.concatenate([
        x[:, :2] * x[:, 2:], x[:, :1] / (1.0 + ops.abs(x[:, 1:2])), ops.prod(x, -1, keepdims=True),
        ops.cumprod(x, -1), ops.matmul(x[:, None], x[:, :, None])[:, 0], ops.hypot(x, x[:, ::-1]),
        keras.activations.glu(x),
    ], axis=-1))  # fmt: skip


@entry
def looked_up():
    table = np.arange(8.0, dtype="float32").reshape(4, 2) ** 2

    def run(x):
        place = ops.cast(ops.clip(ops.round(x[:, 0] + 1.5), 0, 3), "int32")
        return ops.take(ops.convert_to_tensor(table), place, axis=0)

    return _of(run)


@entry
def sparse_and_binned():
    x = Input((4,))
    y = L.Dense(4)(x)
    return Model(x, [
        L.Activation("sparsemax")(y),
        L.Discretization(bin_boundaries=[-0.5, 0.2])(y),
    ])  # fmt: skip
