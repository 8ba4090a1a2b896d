"""Healthy programs on images, sequences, tokens and time series."""

from __future__ import annotations

import numpy as np

from .bases_vectors import assemble
from .draw import NEW, Draw, binary_head, class_head, label_array, regression_head
from .program import Program, Spec, spec


def _pictures(draw: Draw, size: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Bars, boxes and blobs at random places, with noise; which one is the label."""
    rows = draw.rows() + NEW
    labels = draw.rng.integers(0, classes, rows)
    x = 0.25 * draw.normal(rows, size, size, 1)
    for i, kind in enumerate(labels):
        a, b = draw.rng.integers(0, size - 3, 2)
        if kind == 0:
            x[i, a, :, 0] += 1
        elif kind == 1:
            x[i, :, b, 0] += 1
        elif kind == 2:
            x[i, a : a + 3, b : b + 3, 0] += 1
        else:
            x[i, np.arange(size), np.arange(size), 0] += 1
    return x, labels


def images(seed: int, draw: Draw) -> Program:
    """Convolutions, a pooling, a dense layer."""
    count = draw.whole(2, 4)
    x, labels = _pictures(draw, draw.whole(7, 9), count)
    name = draw.one("relu", "relu", "elu", "tanh")
    layers = [spec("Conv2D", draw.whole(6, 10), 3, activation=name, padding="same"),
              spec("MaxPooling2D"),
              spec("Conv2D", draw.whole(8, 12), 3, activation=name)]  # fmt: skip
    layers += [spec(draw.one("Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D"))]
    layers += [spec("Dense", draw.whole(12, 24), activation=name)] if draw.one(0, 1) else []
    head, one_hot = class_head(draw, count)
    return assemble("images", seed, draw, [x], [label_array(labels, count, one_hot)],
                    (tuple(layers),), (), (head,), optimizer=("Adam", {"learning_rate": 0.008}),
                    epochs=draw.whole(20, 30), batch=32)  # fmt: skip


def _waves(draw: Draw, rows: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy waves of a few frequencies; which one is the label."""
    length = draw.whole(18, 26)
    labels = draw.rng.integers(0, classes, rows)
    phase = draw.rng.uniform(0, 2 * np.pi, (rows, 1))
    x = np.sin((0.4 + 0.5 * labels[:, None]) * np.arange(length) + phase)
    return (x + 0.3 * draw.normal(rows, length))[..., None], labels


def separable(seed: int, draw: Draw) -> Program:
    """Separable convolutions along time, with batch normalization."""
    count = draw.whole(2, 4)
    x, labels = _waves(draw, draw.rows() + NEW, count)
    layers = (spec("Conv1D", draw.whole(4, 6), 5, strides=2, activation="relu"),
              spec("SeparableConv1D", draw.whole(8, 12), 3, padding="same"),
              Spec("BatchNormalization"), spec("Activation", activation="relu"),
              spec("GlobalMaxPooling1D"))  # fmt: skip
    head, one_hot = class_head(draw, count)
    return assemble("separable convolutions", seed, draw, [x],
                    [label_array(labels, count, one_hot)], (layers,), (), (head,),
                    optimizer=("Adam", {"learning_rate": 0.01}), epochs=draw.whole(20, 30),
                    batch=32)  # fmt: skip


def signals(seed: int, draw: Draw) -> Program:
    """Waves of one of a few frequencies, by convolutions along time."""
    count = draw.whole(2, 4)
    x, labels = _waves(draw, draw.rows() + NEW, count)
    name = draw.one("relu", "elu", "swish")
    layers = [spec("Conv1D", draw.whole(8, 12), 5, activation=name), spec("MaxPooling1D"),
              spec("Conv1D", draw.whole(8, 12), 3, activation=name),
              spec(draw.one("GlobalMaxPooling1D", "Flatten"))]  # fmt: skip
    head, one_hot = class_head(draw, count)
    return assemble("signals", seed, draw, [x], [label_array(labels, count, one_hot)],
                    (tuple(layers),), (), (head,), optimizer=("Adam", {"learning_rate": 0.006}),
                    epochs=draw.whole(20, 30))  # fmt: skip


def text(seed: int, draw: Draw) -> Program:
    """Tokens of which a few decide."""
    rows, words, length = draw.rows() + NEW, draw.whole(30, 60), draw.whole(10, 16)
    tokens = draw.rng.integers(0, words, (rows, length))
    mood = np.where(draw.rng.uniform(size=words) < 0.5, draw.normal(words), 0.0)
    labels = (mood[tokens].sum(axis=1) > 0).astype(int)
    layers = (spec("Embedding", words, draw.whole(6, 12)), spec("GlobalAveragePooling1D"),
              spec("Dense", draw.whole(12, 24), activation="relu"))  # fmt: skip
    return assemble("text", seed, draw, [tokens], [labels[:, None].astype(float)], (layers,), (),
                    (binary_head(draw),), optimizer=("Adam", {"learning_rate": 0.01}))  # fmt: skip


def series(seed: int, draw: Draw) -> Program:
    """The next value of a noisy wave, by a recurrent layer."""
    rows, length = draw.rows() + NEW, draw.whole(8, 12)
    speed, phase = draw.rng.uniform(0.2, 0.7, (rows, 1)), draw.rng.uniform(0, 6.28, (rows, 1))
    wave = np.sin(speed * np.arange(length + 1) + phase) + 0.05 * draw.normal(rows, length + 1)
    kind = draw.one("LSTM", "GRU", "SimpleRNN")
    layers = [spec(kind, draw.whole(8, 16))]
    layers += [spec("Dense", 12, activation="relu")] if draw.one(0, 1) else []
    return assemble("series", seed, draw, [wave[:, :-1, None]], [wave[:, -1:]], (tuple(layers),),
                    (), (regression_head(draw),), optimizer=("Adam", {"learning_rate": 0.01}),
                    epochs=draw.whole(20, 30), batch=32)  # fmt: skip


def tagged(seed: int, draw: Draw) -> Program:
    """A label at every step of a sequence."""
    rows, length = draw.rows() + NEW, draw.whole(6, 9)
    x = draw.normal(rows, length, 2)
    total = np.cumsum(x[..., :1], axis=1)
    y = (total > 0).astype(float)
    kind = draw.one("LSTM", "GRU", "SimpleRNN")
    layers = (spec(kind, draw.whole(10, 16), return_sequences=True),)
    return assemble("tagged steps", seed, draw, [x], [y], (layers,), (), (binary_head(draw),),
                    optimizer=("Adam", {"learning_rate": 0.01}), epochs=draw.whole(20, 30),
                    batch=32)  # fmt: skip


def attention(seed: int, draw: Draw) -> Program:
    """Build a self-attention model for sequences whose class is the position of an outlier."""
    rows, length, width = draw.rows() + NEW, draw.whole(5, 8), draw.whole(4, 6)
    x = draw.normal(rows, length, width)
    at = np.abs(x[..., 0]).argmax(axis=1)
    y = (x[np.arange(rows), at, 1] + x[..., 2].mean(axis=1) > 0).astype(float)[:, None]
    layers = (spec("Dense", 16, activation="relu"),
              Spec("SelfAttention", {"heads": 2, "width": 8}), spec("GlobalAveragePooling1D"),
              spec("Dense", 16, activation="relu"))  # fmt: skip
    return assemble("attention", seed, draw, [x], [y], (layers,), (), (binary_head(draw),),
                    optimizer=("Adam", {"learning_rate": 0.005}), batch=32)  # fmt: skip


BASES = (images, separable, signals, text, series, tagged, attention)
