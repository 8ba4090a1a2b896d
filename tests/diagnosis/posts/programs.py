"""The programs of the posts, with synthetic data; every fault is an argument."""

from typing import Any

import keras
import numpy as np


L = keras.layers


def build(inputs: int, hidden: list, last: Any, optimizer: Any, loss: str) -> Any:
    """Compile a Sequential of dense layers with seeded weights."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((inputs,)), *hidden, last])
    model.compile(optimizer, loss)
    return model


def noise_autoencoder(loss: str) -> tuple:
    x = np.random.default_rng(0).uniform(size=(256, 12)).astype("float32")
    hidden = [L.Dense(24, "relu"), L.Dense(24, "relu")]
    return build(12, hidden, L.Dense(12, "sigmoid"), keras.optimizers.Adam(0.01), loss), x, x


def pixel_autoencoder(last: str) -> tuple:
    rng = np.random.default_rng(0)
    shapes = rng.uniform(size=(6, 36)) < 0.4
    x = shapes[rng.integers(0, 6, 256)].astype("float32")
    hidden = [L.Dense(24, "relu"), L.Dense(8, "relu"), L.Dense(24, "relu")]
    loss = "binary_crossentropy"
    return build(36, hidden, L.Dense(36, last), keras.optimizers.Adam(0.01), loss), x, x


def two_classes(in_order: bool) -> tuple:
    rng = np.random.default_rng(0)
    y = (np.arange(300) >= 270).astype("float32")
    if not in_order:
        y = rng.permutation(y)
    x = (rng.normal(size=(300, 5)) + 2 * y[:, None]).astype("float32")
    hidden = [L.Dense(16, "relu")]
    last = L.Dense(1, "sigmoid")
    return build(5, hidden, last, keras.optimizers.Adam(0.01), "binary_crossentropy"), x, y


def bits(activation: str) -> tuple:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (256, 10)).astype("float32")
    y = x[:, :1] * x[:, 1:2] + x[:, 2:3] - x[:, 3:4] * x[:, 4:5]
    hidden = [L.Dense(48, activation) for _ in range(4)]
    return build(10, hidden, L.Dense(1), keras.optimizers.Adam(0.005), "mse"), x, y


def one_unit(last: str) -> tuple:
    x = np.random.default_rng(0).normal(size=(128, 6)).astype("float32")
    y = (x[:, :1] + x[:, 1:2] > 0).astype("float32")
    optimizer = keras.optimizers.Adam(0.01)
    return build(6, [L.Dense(16, "relu")], L.Dense(1, last), optimizer, "binary_crossentropy"), x, y


def descent(rate: float) -> tuple:
    x = np.random.default_rng(0).normal(size=(256, 8)).astype("float32")
    y = x[:, :4].argmax(axis=1)
    last, optimizer = L.Dense(4, "softmax"), keras.optimizers.SGD(rate, momentum=0.9, nesterov=True)
    hidden = [L.Dense(20, "relu")]
    return build(8, hidden, last, optimizer, "sparse_categorical_crossentropy"), x, y[:, None]


def large_targets(scaled: bool) -> tuple:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 20)).astype("float32")
    y = x @ rng.uniform(0, 100, (20, 1)).astype("float32")
    y = (y - y.mean()) / y.std() if scaled else y
    hidden = [L.Dense(25, "relu", kernel_initializer="he_uniform")]
    return build(20, hidden, L.Dense(1), keras.optimizers.SGD(0.01, momentum=0.9), "mse"), x, y


def circles(activation: str, start: str) -> tuple:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, (300, 1))
    angle, radius = rng.uniform(0, 2 * np.pi, (300, 1)), np.where(y, 0.5, 1.0)
    x = radius * np.concatenate([np.cos(angle), np.sin(angle)], 1) + rng.normal(size=(300, 2)) * 0.1
    hidden = [L.Dense(5, activation, kernel_initializer=start) for _ in range(5)]
    last, optimizer = L.Dense(1, "sigmoid"), keras.optimizers.SGD(0.05, momentum=0.9)
    return build(2, hidden, last, optimizer, "binary_crossentropy"), x.astype("float32"), y


def penalized(penalty: str | None) -> tuple:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, 256)
    x = np.clip(rng.uniform(size=(10, 64))[y] + 0.1 * rng.normal(size=(256, 64)), 0, 1)
    hidden = [L.Dense(36, "sigmoid", kernel_regularizer=penalty), L.Dropout(0.5)]
    last, loss = L.Dense(10, "softmax"), "sparse_categorical_crossentropy"
    return build(64, hidden, last, keras.optimizers.RMSprop(0.01), loss), x.astype("float32"), y


def xor(first: str | None, last: str, loss: str) -> tuple:
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32").repeat(16, axis=0)
    y = (x[:, :1] != x[:, 1:]).astype("float32")
    hidden = [L.Dense(8, first), L.Dense(8, "relu")] if first else [L.Dense(2), L.Dense(2, "relu")]
    optimizer = "sgd" if first is None else keras.optimizers.SGD(0.5)
    return build(2, hidden, L.Dense(1, last), optimizer, loss), x, y
