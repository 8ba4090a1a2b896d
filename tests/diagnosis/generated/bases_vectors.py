"""Healthy programs on vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .draw import (
    NEW,
    Draw,
    binary_head,
    class_head,
    clusters,
    label_array,
    regression_head,
    smooth,
    split_rows,
)  # fmt: skip
from .program import Head, Program, Spec, spec


def assemble(
    name: str, seed: int, draw: Draw, x: Sequence[np.ndarray], y: Sequence[np.ndarray],
    branches: tuple[tuple[Spec, ...], ...], trunk: tuple[Spec, ...], heads: tuple[Head, ...],
    **more: Any,
) -> Program:  # fmt: skip
    """A program of these parts, with a random optimizer, batch size and number of epochs."""
    (x, x_new), (y, y_new) = split_rows(x), split_rows(y)
    options = {"optimizer": draw.optimizer(), "epochs": draw.whole(30, 50),
               "batch": draw.one(16, 32, 32, 64)} | more  # fmt: skip
    return Program(name, seed, x, y, x_new, y_new, branches, trunk, heads, **options)


def regression(seed: int, draw: Draw) -> Program:
    """A smooth function of a few columns."""
    x = draw.normal(draw.rows() + NEW, draw.whole(2, 6))
    outputs = draw.one(1, 1, 2)
    return assemble("regression", seed, draw, [x], [smooth(draw, x, outputs)],
                    (draw.dense((2, 3)),), (), (regression_head(draw, outputs),))  # fmt: skip


def binary(seed: int, draw: Draw) -> Program:
    """Two classes of several clouds."""
    x, labels = clusters(draw, draw.rows() + NEW, draw.whole(3, 8), 2)
    return assemble("binary", seed, draw, [x], [labels[:, None]], (draw.dense(),), (),
                    (binary_head(draw),))  # fmt: skip


def classes(seed: int, draw: Draw) -> Program:
    """Three to six classes of two clouds each."""
    count = draw.whole(3, 6)
    x, labels = clusters(draw, draw.rows() + NEW, draw.whole(4, 10), count)
    head, one_hot = class_head(draw, count)
    return assemble("classes", seed, draw, [x], [label_array(labels, count, one_hot)],
                    (draw.dense(),), (), (head,))  # fmt: skip


def several_labels(seed: int, draw: Draw) -> Program:
    """Any number of labels a row."""
    count = draw.whole(2, 5)
    x = draw.normal(draw.rows() + NEW, draw.whole(4, 8))
    y = (smooth(draw, x, count) > 0).astype(float)
    head = Head((spec("Dense", count, activation="sigmoid"),), "BinaryCrossentropy", "labels")
    return assemble("several labels", seed, draw, [x], [y], (draw.dense((2, 3)),), (), (head,))


def autoencoder(seed: int, draw: Draw) -> Program:
    """Columns that a few hidden numbers make, through a bottleneck."""
    size, inner = draw.whole(8, 14), draw.whole(2, 3)
    hidden = draw.normal(draw.rows() + NEW, inner)
    x = np.tanh(hidden @ draw.normal(inner, size) / 1.5) + 0.05 * draw.normal(len(hidden), size)
    wide, name = draw.whole(16, 32), draw.activation()
    trunk = (spec("Dense", wide, activation=name), spec("Dense", inner + draw.whole(1, 2)),
             spec("Dense", wide, activation=name))  # fmt: skip
    head = Head((spec("Dense", size),), "MeanSquaredError", "regression")
    return assemble("autoencoder", seed, draw, [x], [x], (trunk,), (), (head,))


def tabular(seed: int, draw: Draw) -> Program:
    """Columns in their own units behind a layer that scales them; a standardized target."""
    rows = draw.rows() + NEW
    age, income = draw.rng.uniform(18, 80, rows), draw.rng.lognormal(10, 0.5, rows)
    share, rooms = draw.rng.uniform(0, 1, rows), draw.rng.integers(1, 9, rows).astype(float)
    x = np.stack([age, income, share, rooms], axis=1)
    mean, variance = x.mean(axis=0), x.var(axis=0)
    scaled = (x - mean) / np.sqrt(variance)
    scale = spec("Normalization", mean=mean.tolist(), variance=variance.tolist())
    if draw.one(0, 1):
        y, head = (smooth(draw, scaled) > 0).astype(float), binary_head(draw)
    else:
        y, head = smooth(draw, scaled), regression_head(draw)
    return assemble("tabular", seed, draw, [x], [y], ((scale, *draw.dense((2, 3))),), (), (head,))


def counts(seed: int, draw: Draw) -> Program:
    """Numbers of events under a Poisson loss."""
    x = draw.normal(draw.rows() + NEW, draw.whole(2, 5))
    y = draw.rng.poisson(np.exp(1.0 + 0.7 * smooth(draw, x))).astype(float)
    head = Head((spec("Dense", 1, activation=draw.one("softplus", "exponential")),), "Poisson",
                "counts")  # fmt: skip
    return assemble("counts", seed, draw, [x], [y], (draw.dense((1, 2)),), (), (head,))


def fractions(seed: int, draw: Draw) -> Program:
    """Targets between 0 and 1 under a sigmoid."""
    x = draw.normal(draw.rows() + NEW, draw.whole(2, 6))
    y = 1 / (1 + np.exp(-2 * smooth(draw, x)))
    kind = draw.one("MeanSquaredError", "BinaryCrossentropy", "MeanAbsoluteError")
    head = Head((spec("Dense", 1, activation="sigmoid"),), kind, "regression")
    return assemble("fractions", seed, draw, [x], [y], (draw.dense((2, 3)),), (), (head,))


def deep(seed: int, draw: Draw) -> Program:
    """Six to ten layers, with batch normalization before each activation or layer normalization."""
    count = draw.whole(2, 5)
    x, labels = clusters(draw, draw.rows() + NEW, draw.whole(4, 10), count)
    kind, name = draw.one("BatchNormalization", "LayerNormalization"), draw.one("relu", "elu")
    width, layers = draw.whole(12, 24), []
    for _ in range(draw.whole(5, 8)):
        layers += [spec("Dense", width), Spec(kind), spec("Activation", activation=name)]
    head, one_hot = class_head(draw, count)
    return assemble("deep", seed, draw, [x], [label_array(labels, count, one_hot)],
                    (tuple(layers),), (), (head,), optimizer=("Adam", {"learning_rate": 0.005}),
                    batch=32)  # fmt: skip


def residual(seed: int, draw: Draw) -> Program:
    """Dense blocks with a way around each."""
    x = draw.normal(draw.rows() + NEW, draw.whole(2, 6))
    width, name = draw.whole(12, 24), draw.activation()
    blocks = [spec("Residual", width, activation=name) for _ in range(draw.whole(2, 4))]
    layers = (spec("Dense", width, activation=name), *blocks)
    return assemble("residual", seed, draw, [x], [smooth(draw, x)], (layers,), (),
                    (regression_head(draw),),
                    optimizer=("Adam", {"learning_rate": 0.005}))  # fmt: skip


def several_heads(seed: int, draw: Draw) -> Program:
    """Two inputs, joined; a number and a class are asked for."""
    rows, count = draw.rows() + NEW, draw.whole(2, 4)
    first, labels = clusters(draw, rows, draw.whole(3, 6), count)
    second = draw.normal(rows, draw.whole(2, 4))
    head, one_hot = class_head(draw, count)
    number = Head((spec("Dense", 12, activation="relu"), spec("Dense", 1)), "MeanSquaredError",
                  "regression")  # fmt: skip
    y = smooth(draw, second)
    return assemble("several heads", seed, draw, [first, second],
                    [y, label_array(labels, count, one_hot)],
                    (draw.dense((1, 1)), draw.dense((1, 1))), draw.dense((1, 2)),
                    (number, head))  # fmt: skip


BASES = (regression, binary, classes, several_labels, autoencoder, tabular, counts, fractions,
         deep, residual, several_heads)  # fmt: skip
