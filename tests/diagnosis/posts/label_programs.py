"""Programs of the posts on labels, losses and output layers."""

from typing import Any

import keras
import numpy as np
from keras import ops

from diagnosis.posts.scale_programs import seed, sequential


L = keras.layers


def grades(first: int) -> tuple:
    rng = seed()
    x = rng.normal(size=(400, 6)).astype("float32")
    steps = np.clip(np.round(2 * (x[:, 0] + x[:, 1])), -6, 6).astype("int32")
    layers = [L.Dense(32, "relu"), L.Dense(13, "softmax")]
    optimizer = keras.optimizers.Adam(0.01)
    y = steps + 6 + first
    return sequential((6,), layers, optimizer, "sparse_categorical_crossentropy"), x, y


def topics(rng: np.random.Generator, classes: int, rows: int = 240) -> tuple:
    """Draw sequences of words, of which half belong to the topic of the row."""
    y = rng.integers(0, classes, rows)
    own = 1 + 6 * y[:, None] + rng.integers(0, 6, (rows, 10))
    other = rng.integers(1, 1 + 6 * classes, own.shape)
    x = np.where(rng.uniform(size=own.shape) < 0.5, own, other)
    return x.astype("int32"), y


def newspaper(first: int) -> tuple:
    x, y = topics(seed(), 5)
    layers = [L.Embedding(31, 8), L.GlobalAveragePooling1D(), L.Dense(24, "relu")]
    layers.append(L.Dense(5, "softmax"))
    optimizer = keras.optimizers.Adam(0.01)
    return sequential((10,), layers, optimizer, "sparse_categorical_crossentropy"), x, y + first


def six_topics(units: int) -> tuple:
    x, y = topics(seed(), 6)
    layers = [L.Embedding(37, 8), L.LSTM(12), L.Dropout(0.2), L.Dense(units, "softmax")]
    loss = "binary_crossentropy" if units == 1 else "sparse_categorical_crossentropy"
    return sequential((10,), layers, keras.optimizers.Adam(0.01), loss), x, y[:, None]


def three_shapes(rng: np.random.Generator, rows: int = 150) -> tuple:
    """Draw noisy images with a bar at one of three heights."""
    y = np.arange(rows) % 3
    x = rng.uniform(0, 0.6, (rows, 12, 12, 1))
    for row, label in enumerate(y):
        x[row, 1 + 4 * label : 3 + 4 * label] += 0.4
    return x.astype("float32"), y


def photographs(units: int) -> tuple:
    x, y = three_shapes(seed())
    layers = [L.Conv2D(6, 3, activation="relu"), L.MaxPooling2D(), L.Flatten()]
    layers += [L.Dense(16, "relu"), L.Dropout(0.5)]
    optimizer = keras.optimizers.RMSprop(0.003)
    if units == 1:
        layers.append(L.Dense(1, "sigmoid"))
        return sequential((12, 12, 1), layers, optimizer, "binary_crossentropy"), x, y
    layers.append(L.Dense(3, "softmax"))
    y = np.eye(3, dtype="float32")[y]
    return sequential((12, 12, 1), layers, optimizer, "categorical_crossentropy"), x, y


def tags(last: str, loss: str) -> tuple:
    rng = seed()
    x = rng.normal(size=(400, 10)).astype("float32")
    y = (x[:, :6] + 0.5 * x[:, 4:10] > 0).astype("float32")
    layers = [L.Dense(48, "relu"), L.Dropout(0.1), L.Dense(24, "relu"), L.Dropout(0.1)]
    layers.append(L.Dense(6, last))
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)
    return sequential((10,), layers, optimizer, loss), x, y


def encoded_features(loss: str) -> tuple:
    rng = seed()
    x = rng.integers(0, 4, (300, 5, 10)).astype("float32")
    y = (x[:, -1, 0] + x[:, -1, 1] > 3).astype("float32")[:, None]
    layers = [L.LSTM(16), L.Dense(1, "sigmoid")]
    return sequential((5, 10), layers, keras.optimizers.Adam(0.01), loss), x, y


def answer_in_image(last: str, loss: str) -> tuple:
    rng = seed()
    y = rng.integers(0, 2, (128, 1)).astype("float32")
    x = rng.uniform(size=(128, 12, 8, 2)).astype("float32")
    x[..., 1] = y[:, :, None]
    layers = [L.Conv2D(6, 3, activation="relu"), L.Conv2D(8, 3, activation="relu")]
    layers += [L.Flatten(), L.Dense(1, last)]
    return sequential((12, 8, 2), layers, "adam", loss), x, y


def digits(last: str | None) -> tuple:
    rng = seed()
    y = rng.integers(0, 10, 400)
    x = 0.5 * rng.uniform(size=(10, 64))[y] + 0.5 * rng.uniform(size=(400, 64))
    layers = [L.Dense(32, "relu"), L.Dense(10, last)]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return sequential((64,), layers, keras.optimizers.Adam(0.003), loss), x.astype("float32"), y


def hard_loss(y: Any, p: Any) -> Any:
    return ops.mean(ops.square(y - ops.cast(p > 0.5, "float32")))


def thresholded(loss: Any) -> tuple:
    x = seed().normal(size=(300, 6)).astype("float32")
    y = (x[:, :1] - x[:, 1:2] > 0).astype("float32")
    layers = [L.Dense(16, "relu"), L.Dense(1, "sigmoid")]
    return sequential((6,), layers, keras.optimizers.Adam(0.01), loss), x, y


def focal_loss(epsilon: float) -> Any:
    """Build the binary focal loss with `epsilon` added inside its logarithms."""

    def loss(y: Any, p: Any) -> Any:
        right: Any = ops.where(y == 1, p, 1.0)
        wrong: Any = ops.where(y == 0, p, 0.0)
        ones: Any = (1.0 - right) ** 2 * ops.log(right + epsilon)
        zeros: Any = wrong**2 * ops.log(1.0 - wrong + epsilon)
        return -ops.sum(0.25 * ones + 0.75 * zeros)

    return loss


def focal(epsilon: float) -> tuple:
    x = (20 * seed().normal(size=(300, 8))).astype("float32")
    y = (x[:, :1] + x[:, 1:2] > 0).astype("float32")
    layers = [L.Dense(32, "relu"), L.Dense(1, "sigmoid")]
    return sequential((8,), layers, keras.optimizers.Adam(0.003), focal_loss(epsilon)), x, y


def contrastive_loss(similar: int) -> Any:
    """Build the contrastive loss in which the label `similar` marks similar pairs."""

    def loss(y: Any, distance: Any) -> Any:
        near = y if similar == 1 else 1.0 - y
        far = ops.square(ops.maximum(1.0 - distance, 0.0))
        return ops.mean(near * ops.square(distance) + (1.0 - near) * far)

    return loss


def signatures(floor: float, similar: int) -> tuple:
    rng = seed()
    people = rng.uniform(size=(8, 20))
    left = rng.integers(0, 8, 300)
    y = np.arange(300) % 2
    right = np.where(y == 1, (left + rng.integers(1, 8, 300)) % 8, left)
    a, b = (people[i] + 0.05 * rng.normal(size=(300, 20)) for i in (left, right))
    b[:4:2] = a[:4:2]
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential([keras.Input((20,)), L.Dense(24, "relu"), L.Dense(8)])
    inputs = [keras.Input((20,)), keras.Input((20,))]
    difference = L.Subtract()([encoder(one) for one in inputs])
    squares = L.Lambda(lambda d: ops.sum(ops.square(d), -1, keepdims=True), (1,))(difference)
    distance = L.Lambda(lambda s: ops.sqrt(ops.maximum(s, floor)), (1,))(squares)
    model = keras.Model(inputs, distance)
    model.compile(keras.optimizers.RMSprop(0.003), contrastive_loss(similar))
    return model, [a.astype("float32"), b.astype("float32")], y[:, None].astype("float32")
