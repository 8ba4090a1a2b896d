"""Layers written with TensorFlow functions."""

import keras
import tensorflow as tf
from keras import layers as L


UNKNOWN = "Lgamma"


def mix_activations(x):
    """Apply a sigmoid to one channel, and a ReLU to the rest."""
    return tf.concat([tf.sigmoid(x[:, :, :, 0:1]), tf.nn.relu(x[:, :, :, 1:5])], axis=3)


def gate(x):
    return x * tf.sigmoid(2.0 * x)


def unknown(x):
    return tf.math.lgamma(x)


class Halves(keras.Layer):
    """A product with a weight, whose two halves are treated differently."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 4), name="w")
        self.b = self.add_weight(shape=(4,), name="b")

    def call(self, x):
        first, second = tf.split(tf.matmul(x, self.w) + self.b, 2, axis=-1)
        return tf.nn.leaky_relu(tf.concat([2.0 * first, tf.clip_by_value(second, -1.0, 1.0)], -1))


class Image(keras.Layer):
    """A strided convolution, a bias and pooling."""

    def build(self, shape):
        self.k = self.add_weight(shape=(3, 3, shape[-1], 4), name="k")
        self.b = self.add_weight(shape=(4,), name="b")

    def call(self, x):
        y = tf.nn.bias_add(tf.nn.conv2d(x, self.k, 2, "SAME"), self.b)
        return tf.nn.avg_pool2d(tf.nn.max_pool2d(tf.nn.relu(y), 2, 1, "SAME"), 2, 1, "VALID")


LAYERS = {
    "halves": ((3,), Halves),
    "image": ((7, 6, 2), Image),
    "where": ((3,), lambda: L.Lambda(lambda x: tf.where(x > 0.0, x, 0.1 * tf.exp(x)))),
    "grouped softmax": (
        (6,),
        lambda: L.Lambda(
            lambda x: tf.reshape(tf.nn.softmax(tf.reshape(x, (-1, 2, 3))), (-1, 6))
        ),
    ),
    "gather": ((6,), lambda: L.Lambda(lambda x: tf.gather(x, [1, 3, 1], axis=-1))),
    "reductions": (
        (3, 4),
        lambda: L.Lambda(lambda x: tf.reduce_mean(x, axis=1) - tf.reduce_max(x, axis=1)),
    ),
    "einsum and pad": (
        (3, 4),
        lambda: L.Lambda(
            lambda x: tf.einsum("bij,jk->bki", tf.pad(x, [[0, 0], [1, 0], [0, 0]]), tf.eye(4, 2))
        ),
    ),
    "unstack": ((3, 4), lambda: L.Lambda(lambda x: tf.add_n(tf.unstack(x, axis=1)))),
    "powers": ((3,), lambda: L.Lambda(lambda x: x**3 - tf.square(x) + tf.tanh(x) / 3.0)),
}  # fmt: skip


ODD = {
    "not a number": (lambda x: tf.where(x > 0, x, float("nan")), "finite"),
    "row by row": (lambda x: x + 1e-6 * tf.reduce_mean(x, 0), "mixes the rows"),
    "sampled": (lambda x: x + tf.random.normal(tf.shape(x)), "random numbers"),
    "dropped": (lambda x: tf.nn.dropout(x, 0.5), "random numbers"),
}
"""Functions that are refused, and what the error says."""
