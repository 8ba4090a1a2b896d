"""Models of the zoo that contain code of the user: lambdas, layers, subclassed models."""

import keras
import numpy as np
from keras import Input, Sequential, layers as L, ops

from zoo import entry


@keras.saving.register_keras_serializable("zoo")
def split_and_squash(t):
    return ops.concatenate([ops.sigmoid(t[:, 0:1]), ops.relu(t[:, 1:5])], axis=1)


@entry
def lambda_layer():
    return Sequential([Input((6,)), L.Dense(6), L.Lambda(split_and_squash), L.Dense(2)])


@keras.saving.register_keras_serializable("zoo")
class Leaky(keras.Layer):
    """A layer with a layer inside, a loop, weights on both sides of an operator."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dense = L.Dense(units, name="step")

    def build(self, shape):
        self.scale = self.add_weight(shape=(self.units,))
        self.shift = self.add_weight(shape=(self.units,))
        self.dense.build(shape)

    def call(self, x, training=None):
        y = self.shift + x
        for _ in range(2):
            y = y + ops.tanh(self.dense(y)) * 0.5
        y = self.scale * y - self.shift
        return y * 3.0 if training else np.float32(0.5) * y

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@entry
def custom_layer():
    return Sequential([Input((4,)), L.Dense(4, "relu"), Leaky(4), L.Dense(2)])


@keras.saving.register_keras_serializable("zoo")
class Tower(keras.Model):
    """A subclassed model."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.steps = [L.Dense(5, "relu", name=f"step_{i}") for i in range(3)]
        self.norm = L.BatchNormalization(name="norm")
        self.drop = L.Dropout(0.3)
        self.head = L.Dense(2, name="head")

    def build(self, shape):
        for step in self.steps:
            step.build(shape)
        self.norm.build(shape)
        self.head.build(shape)
        self.built = True

    def call(self, x, training=False):
        for step in self.steps:
            x = x + step(x)
        return self.head(self.drop(self.norm(x, training=training), training=training))

    def get_config(self):
        return {"name": self.name}


@entry
def subclassed():
    model = Tower()
    model(np.zeros((1, 5), "float32"))
    return model


@keras.saving.register_keras_serializable("zoo")
class Rounds(keras.Layer):
    """Loops of `keras.ops` with a fixed number of rounds."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], shape[-1]))

    def call(self, x):
        x = ops.fori_loop(0, 3, lambda i, c: ops.tanh(ops.matmul(c, self.w)), x)
        _, x = ops.while_loop(lambda i, c: i < 2, lambda i, c: (i + 1, c * 0.5 + 1.0), (0, x))
        total, partial = ops.scan(lambda c, t: (c + t, c), x[:, 0], ops.transpose(x, (1, 0)))
        return ops.concatenate([x, ops.transpose(partial), total[:, None]], axis=-1)

    def compute_output_shape(self, shape):
        return (shape[0], 2 * shape[-1] + 1)


@entry
def loops():
    return Sequential([Input((3,)), Rounds(), L.Dense(2)])
