"""Programs of the posts on scales, initial weights, and dead or saturated units."""

from typing import Any

import keras
import numpy as np


L = keras.layers


def seed(number: int = 0) -> np.random.Generator:
    """Seed Keras before the layers exist, and return a generator of data."""
    keras.utils.set_random_seed(number)
    return np.random.default_rng(number)


def sequential(shape: tuple, layers: list, optimizer: Any, loss: Any) -> Any:
    model = keras.Sequential([keras.Input(shape), *layers])
    model.compile(optimizer, loss)
    return model


def standardize(values: np.ndarray) -> np.ndarray:
    return ((values - values.mean(0)) / values.std(0)).astype("float32")


def fourth_power(scaled: bool) -> tuple:
    seed()
    x = np.linspace(-100, 100, 2001, dtype="float32")[:, None]
    y = x**4
    if scaled:
        x, y = x / 100, y / 1e8
    layers = [L.Dense(50, "sigmoid"), L.Dense(50, "elu"), L.Dense(1)]
    return sequential((1,), layers, "adam", "mse"), x, y


def garments(normalized: bool) -> tuple:
    rng = seed()
    y = rng.integers(0, 10, 400)
    shapes = rng.uniform(0, 255, (10, 64))
    x = np.clip(0.3 * shapes[y] + 0.7 * rng.uniform(0, 255, (400, 64)), 0, 255).astype("float32")
    x = x / 255 if normalized else x
    layers = [L.Dense(32, "relu"), L.Dense(32, "relu"), L.Dense(10, "softmax")]
    return sequential((64,), layers, "adam", "sparse_categorical_crossentropy"), x, y


def advertising(scaled: bool) -> tuple:
    rng = seed()
    x = rng.uniform(0, 300, (200, 1)).astype("float32")
    y = (7 + 0.05 * x + rng.normal(size=(200, 1))).astype("float32")
    x, y = (standardize(x), standardize(y)) if scaled else (x, y)
    return sequential((1,), [L.Dense(1, "linear")], keras.optimizers.SGD(), "mse"), x, y


def linear_pair(scaled: bool) -> tuple:
    seed()
    x = np.arange(100, dtype="float32")[:, None]
    y = x**2 + 3
    y = standardize(y) if scaled else y
    return sequential((1,), [L.Dense(1), L.Dense(1)], "sgd", "mse"), standardize(x), y


def doubled(scaled: bool) -> tuple:
    seed()
    x = np.arange(1, 751, dtype="float32")[:, None]
    y = 2 * x
    x, y = (x / 1000, y / 1000) if scaled else (x, y)
    layers = [L.Dense(128, "relu"), L.Dense(1, None if scaled else "relu")]
    return sequential((1,), layers, "sgd", "mse"), x, y


def measurements(standardized: bool) -> tuple:
    rng = seed()
    x = (rng.normal(size=(256, 12)) * rng.uniform(10, 2000, 12) + 500).astype("float32")
    y = (standardize(x)[:, :3].sum(1) > 0).astype("int32")
    x = standardize(x) if standardized else x
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True)
    layers = [L.Dense(32, "relu"), L.Dense(16, "relu"), L.Dense(2, "softmax")]
    return sequential((12,), layers, optimizer, "sparse_categorical_crossentropy"), x, y


def constant_sensor(epsilon: float) -> tuple:
    rng = seed()
    x = rng.normal(size=(200, 8, 4)).astype("float32")
    y = x[:, -1, :1] + 0.5 * x[:, -2, 1:2]
    x[..., 3] = 5.0
    with np.errstate(invalid="ignore"):
        x = (x - x.mean(0)) / (x.std(0) + np.float32(epsilon))
    optimizer = keras.optimizers.Adam(0.01)
    return sequential((8, 4), [L.LSTM(12), L.Dense(1)], optimizer, "mse"), x, y


def screenshots(integers: bool) -> tuple:
    rng = seed()
    y = np.arange(128) % 2
    images = rng.integers(0, 200, (128, 10, 10, 1))
    images[y == 1, 3:6, 3:6] += 50
    x = images // 255 if integers else images / 255
    layers = [L.Conv2D(6, 3, activation="relu"), L.Flatten(), L.Dense(2, "softmax")]
    optimizer, loss = keras.optimizers.Adam(0.01), "categorical_crossentropy"
    return sequential((10, 10, 1), layers, optimizer, loss), x, np.eye(2, dtype="float32")[y]


def modulus(units: int) -> tuple:
    rng = seed(1)
    x = rng.uniform(-1, 1, (400, 2)).astype("float32")
    y = np.hypot(x[:, :1], x[:, 1:])
    optimizer = keras.optimizers.Adam(0.01)
    return sequential((2,), [L.Dense(units, "relu"), L.Dense(1)], optimizer, "mse"), x, y


def single_relu(start: float) -> tuple:
    x = seed().normal(size=(1000, 1)).astype("float32")
    kernel: Any = keras.initializers.Constant(start)
    layers = [L.Dense(1, use_bias=False, kernel_initializer=kernel), L.ReLU()]
    return sequential((1,), layers, "sgd", "mse"), x, np.maximum(x, 0)


def negative_inputs(activation: str) -> tuple:
    rng = seed()
    x = rng.uniform(-1, 0, (400, 4)).astype("float32")
    y = (x.sum(1, keepdims=True) > -2).astype("float32")
    kernel: Any = keras.initializers.RandomUniform(0, 1)
    layers = [L.Dense(8, activation, kernel_initializer=kernel), L.Dense(1, "sigmoid")]
    optimizer = keras.optimizers.Adam(0.01)
    return sequential((4,), layers, optimizer, "binary_crossentropy"), x, y


def wine(prepared: bool) -> tuple:
    rng = seed()
    x = (rng.normal(size=(300, 11)) * rng.uniform(1, 40, 11) + 60).astype("float32")
    y = (6 + standardize(x)[:, :4].sum(1, keepdims=True)).astype("float32")
    x = standardize(x) if prepared else x
    start: Any = "he_normal" if prepared else keras.initializers.RandomUniform(0, 1)
    layers = [L.Dense(n, "relu", kernel_initializer=start) for n in (100, 20, 10)]
    layers.append(L.Dense(1, kernel_initializer=start))
    return sequential((11,), layers, keras.optimizers.SGD(0.001), "mse"), x, y


def mirrored_sigmoid(negative: bool) -> tuple:
    seed()
    x = np.linspace(-1, 1, 111, dtype="float32")[:, None]
    y = 1 / (np.exp(10 * x) + 1)
    optimizer = keras.optimizers.Adam(0.01)
    return sequential((1,), [L.Dense(1, "sigmoid")], optimizer, "mse"), x, -y if negative else y
