"""The questions of a new user about five trained models: time, tightness, and advice.

    python benchmarks/first_hour.py --limit 10
    python benchmarks/first_hour.py --models lstm --limit 20

The models are trained here on generated data: a tabular regression with units, a classifier with
batch normalization, a convnet on 28 x 28 images, an LSTM on 24 x 4 sequences, and a small
transformer. Every public question is asked about each model with the same limit, after the model is
loaded. An answer is late if it exceeds the limit by more than max(1 s, 5 %).
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np


os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
from keras import layers as L
from rich.console import Console
from rich.table import Table

import outrange
from outrange import y


def trained(model, x, targets, loss, metrics=()):
    """Fit a model for a few epochs, and return it."""
    model.compile(keras.optimizers.Adam(3e-3), loss, metrics=list(metrics))
    model.fit(x, targets, epochs=12, batch_size=64, verbose=0)
    return model


def tabular(rng):
    low, high = np.zeros(12), np.linspace(1, 40, 12)
    x = rng.uniform(low, high, (2000, 12)).astype("float32")
    target = np.sin(x[:, 0]) + 0.1 * x[:, 5] - 0.002 * x[:, 11] * x[:, 3]
    scaling = L.Normalization()
    scaling.adapt(x)
    layers = [scaling, *(L.Dense(64, "relu") for _ in range(3)), L.Dense(1)]
    model = keras.Sequential([keras.Input((12,)), *layers])
    return trained(model, x, target, "mse"), x, target, (low, high), 0.01 * high


def normalized(rng):
    x = rng.normal(size=(2000, 10)).astype("float32")
    labels = (x[:, 0] * x[:, 1] > 0).astype(int) + (x[:, 2] > 0.5)
    layers = [one for _ in range(2) for one in (L.Dense(32), L.BatchNormalization(), L.ReLU())]
    model = keras.Sequential([keras.Input((10,)), *layers, L.Dense(3, "softmax")])
    return trained(model, x, labels, "sparse_categorical_crossentropy"), x, labels, None, 0.02


def pictures(rng):
    x = rng.uniform(0, 0.3, (1500, 28, 28, 1)).astype("float32")
    labels = rng.integers(0, 4, 1500)
    for picture, label in zip(x, labels, strict=True):
        row, column = 4 + 14 * (label // 2), 4 + 14 * (label % 2)
        picture[row : row + 6, column : column + 6] += 0.6
    model = keras.Sequential([
        keras.Input((28, 28, 1)), L.Conv2D(8, 3, 2, activation="relu"),
        L.Conv2D(8, 3, 2, activation="relu"), L.Flatten(), L.Dense(4, "softmax"),
    ])  # fmt: skip
    return trained(model, x, labels, "sparse_categorical_crossentropy"), x, labels, None, 0.01


def series(rng):
    x = rng.normal(size=(1500, 24, 4)).astype("float32").cumsum(axis=1) / 5
    labels = (x[:, -1].sum(axis=1) > 0).astype(int)
    model = keras.Sequential([keras.Input((24, 4)), L.LSTM(16), L.Dense(1, "sigmoid")])
    return trained(model, x, labels, "binary_crossentropy"), x, labels, None, 0.01


def transformer(rng):
    x = rng.normal(size=(1500, 8, 6)).astype("float32")
    labels = x.max(axis=(1, 2)) > 2.4
    given = keras.Input((8, 6))
    h = L.Dense(8)(given)
    h = L.LayerNormalization()(h + L.MultiHeadAttention(2, 4)(h, h))
    h = L.GlobalAveragePooling1D()(h)
    model = keras.Model(given, L.Dense(2, "softmax")(L.Dense(8, "relu")(h)))
    labels = labels.astype(int)
    return trained(model, x, labels, "sparse_categorical_crossentropy"), x, labels, None, 0.005


MODELS = {
    "tabular": tabular, "batch norm": normalized, "convnet": pictures, "lstm": series,
    "transformer": transformer,
}  # fmt: skip


def questions(case: tuple, limit: float) -> dict[str, Callable[[Any], Any]]:
    """Return every public question about a model, as a function of the network."""
    _, x, targets, box, eps = case
    near = outrange.ball(x[0], eps) if np.isscalar(eps) else (x[0] - eps, x[0] + eps)
    wide = near if box is None else box
    classes = not np.issubdtype(targets.dtype, np.floating)
    time_limit = {"time_limit": limit}
    asked = {
        "output_range": lambda n: outrange.output_range(n, near, **time_limit),
        "summary": lambda n: outrange.summary(n, wide),
        "verify": lambda n: outrange.verify(n, y[0] <= float(n.predict(x[:1].reshape(1, -1))[0, 0])
                                            + 0.25, near, **time_limit),
        "maximize": lambda n: outrange.maximize(n, y[0], near, **time_limit),
        "gradient_range": lambda n: outrange.gradient_range(n, near, **time_limit),
        "monotone": lambda n: outrange.monotone(n, near, **time_limit),
        "lipschitz": lambda n: outrange.lipschitz(n, near, **time_limit),
        "bad_inputs": lambda n: outrange.bad_inputs(n, y[0] <= 0.5, near, **time_limit),
        "sample_range": lambda n: outrange.sample_range(n, near),
    }  # fmt: skip
    if classes:
        asked["robustness"] = lambda n: outrange.robustness(n, x[0], **time_limit)
        asked["robust_accuracy"] = lambda n: outrange.robust_accuracy(
            n, x[:10], targets[:10], eps=eps, each=limit / 10
        )
    return asked


def told(answer: Any) -> str:
    """Return the first line of an answer, and its advice on what would help."""
    lines = [line.strip() for line in str(answer).splitlines() if line.strip()]
    advice = [line for line in lines if "would help" in line or "may decide" in line]
    return f"{lines[0]} {' '.join(advice)}"[:160]


def main() -> None:
    """Ask all questions, and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--limit", type=float, default=10.0, help="seconds a question")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    late = 0
    for name in args.models:
        keras.utils.set_random_seed(args.seed)
        case = MODELS[name](np.random.default_rng(args.seed))
        began = time.perf_counter()
        network = outrange.load(case[0])
        table = Table("question", "seconds", "told", title=f"{name}: read in "
                      f"{time.perf_counter() - began:.1f} s")  # fmt: skip
        for question, ask in questions(case, args.limit).items():
            began = time.perf_counter()
            try:
                text = told(ask(network))
            except outrange.OutrangeError as error:
                text = f"{type(error).__name__}: {error}"[:160]
            seconds = time.perf_counter() - began
            over = seconds - args.limit > max(1.0, 0.05 * args.limit)
            late += over
            table.add_row(question, f"{seconds:.1f}{' LATE' if over else ''}", text)
        Console(width=140).print(table)
    print(f"{late} late")


if __name__ == "__main__":
    main()
