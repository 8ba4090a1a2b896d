"""Layers written with JAX functions."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
from keras import layers as L


UNKNOWN = "lgamma"


def mix_activations(x):
    """Apply a sigmoid to one channel, and a ReLU to the rest."""
    return jnp.concatenate([jax.nn.sigmoid(x[..., 0:1]), jax.nn.relu(x[..., 1:5])], axis=3)


def gate(x):
    return x * jax.nn.sigmoid(2.0 * x)


def unknown(x):
    return jax.lax.lgamma(x)


class Halves(keras.Layer):
    """A product with a weight, whose two halves are treated differently."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 4), name="w")
        self.b = self.add_weight(shape=(4,), name="b")

    def call(self, x):
        first, second = jnp.split(jnp.dot(x, self.w.value) + self.b.value, 2, axis=-1)
        both = jnp.concatenate([2.0 * first, jnp.clip(second, -1.0, 1.0)], -1)
        return jax.nn.leaky_relu(both)


class Image(keras.Layer):
    """A strided convolution and pooling."""

    def build(self, shape):
        self.k = self.add_weight(shape=(3, 3, shape[-1], 4), name="k")

    def call(self, x):
        y = jax.lax.conv_general_dilated(
            x, self.k.value, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        window = (1, 2, 2, 1)
        return jax.lax.reduce_window(
            jax.nn.relu(y), -jnp.inf, jax.lax.max, window, (1, 1, 1, 1), "SAME"
        )


LAYERS = {
    "halves": ((3,), Halves),
    "image": ((7, 6, 2), Image),
    "where": ((3,), lambda: L.Lambda(lambda x: jnp.where(x > 0.0, x, 0.1 * jnp.exp(x)))),
    "a loop of three rounds": (
        (3,),
        lambda: L.Lambda(lambda x: jax.lax.fori_loop(0, 3, lambda i, v: jnp.tanh(v) + x, x)),
    ),
    "a scan": (
        (4, 3),
        lambda: L.Lambda(
            lambda x: jax.lax.scan(
                lambda c, r: (jnp.tanh(c + r), c), jnp.zeros(x.shape[::2]), jnp.swapaxes(x, 0, 1)
            )[0]
        ),
    ),
    "reductions": ((3, 4), lambda: L.Lambda(lambda x: jnp.mean(x, axis=1) - jnp.max(x, axis=1))),
    "einsum and pad": (
        (3, 4),
        lambda: L.Lambda(
            lambda x: jnp.einsum("bij,jk->bki", jnp.pad(x, ((0, 0), (1, 0), (0, 0))), jnp.eye(4, 2))
        ),
    ),
    "powers": ((3,), lambda: L.Lambda(lambda x: x**3 - jnp.square(x) + jnp.tanh(x) / 3.0)),
}


ODD = {
    "not a number": (lambda x: jnp.where(x > 0, x, jnp.nan), "finite"),
    "outside": (lambda x: jnp.take(x, jnp.array([0, 1, 9]), axis=1, mode="fill"), "outside"),
    "row by row": (lambda x: x + 1e-6 * jnp.mean(x, 0), "mixes the rows"),
    "the number of rows": (lambda x: x + jnp.log(float(x.shape[0])), "mixes the rows"),
    "drawn anew": (lambda x: jnp.tanh(x) + np.random.default_rng().normal(), "random numbers"),
}
"""Functions that are refused, and what the error says."""
