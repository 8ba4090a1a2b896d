"""Programs of the posts on hidden layers, recurrent layers, normalization and optimizers."""

import keras
import numpy as np
from keras import ops

from diagnosis.posts.scale_programs import seed, sequential, standardize


L = keras.layers


def few_images(momentum: float) -> tuple:
    rng = seed()
    x = (150 + 8 * rng.normal(size=(3, 12, 12, 3))).astype("float32")
    layers = []
    for _ in range(3):
        layers += [L.Conv2D(8, 3), L.BatchNormalization(momentum=momentum), L.ReLU()]
    layers += [L.Flatten(), L.Dense(3, "softmax")]
    optimizer, loss = keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy"
    return sequential((12, 12, 3), layers, optimizer, loss), x, np.arange(3)


def relu_xor(units: int) -> tuple:
    x = seed().integers(0, 2, (200, 2)).astype("float32")
    y = (x[:, :1] != x[:, 1:]).astype("float32")
    layers = [L.Dense(units, "relu"), L.Dense(1, "sigmoid")]
    return sequential((2,), layers, keras.optimizers.Adam(0.01), "binary_crossentropy"), x, y


def sigmoid_xor(fast: bool) -> tuple:
    seed()
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    y = np.array([[0], [1], [1], [0]], "float32")
    layers = [L.Dense(2, "sigmoid"), L.Dense(1, "sigmoid")]
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True) if fast else "sgd"
    return sequential((2,), layers, optimizer, "binary_crossentropy"), x, y


def long_series(activation: str) -> tuple:
    rng = seed()
    y = np.arange(120) % 2
    time = np.linspace(0, 12, 120)
    x = np.sin(time * (1 + y[:, None])) + 0.3 * rng.normal(size=(120, 120))
    layers = [L.Conv1D(8, 3, activation="relu"), L.LSTM(24, activation), L.Dense(2, "softmax")]
    optimizer, loss = keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy"
    return sequential((120, 1), layers, optimizer, loss), 3 * x[..., None].astype("float32"), y


def codes(rounded: bool) -> tuple:
    rng = seed()
    x = rng.uniform(-1, 1, (400, 6)).astype("float32")
    y = x[:, :1] + x[:, 1:2] * x[:, 2:3]
    layers = [L.Dense(24, "relu"), L.Dense(3)]
    if rounded:
        layers.append(L.Lambda(lambda v: ops.round(ops.clip(v, 0.0, 1.0))))
    optimizer = keras.optimizers.Adam(0.01)
    return sequential((6,), [*layers, L.Dense(1)], optimizer, "mse"), x, y


def engine_noise(data_format: str) -> tuple:
    rng = seed()
    y = np.arange(200) % 2
    rise = np.linspace(0, 1, 50) ** 2
    x = np.where(y[:, None], rise, rise[::-1]) + 0.2 * rng.normal(size=(200, 50))
    x = standardize(x.T).T[..., None]
    inputs = keras.Input((50, 1))
    inner = L.Conv1D(4, 1, activation="relu")(inputs)
    hidden = L.Add()([inputs, L.Conv1D(1, 1)(inner)])
    pooled = L.GlobalAveragePooling1D(data_format=data_format)(hidden)
    outputs = L.Dense(2, "softmax")(L.Dense(32, "relu")(pooled))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy")
    return model, x, y
