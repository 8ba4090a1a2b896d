"""Shared parts of the rebuilt programs: a case, seeded dense networks, data of the right kind."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """One question.

    Args:
        source: Where it was asked: `"SO 62641394"` (stackoverflow.com/questions/62641394).
        about: The symptom, and what the answer says is wrong.
        faulty: `faulty(keras)` to `(model, x, y)`.
        fixed: The same program as the answer has it.
        codes: The rules that name the cause; any of them is a detection.
    """

    source: str
    about: str
    faulty: Callable[[Any], tuple]
    fixed: Callable[[Any], tuple]
    codes: tuple[str, ...]


def net(keras, inputs, layers, loss, optimizer=None, init="glorot_uniform", seed=11):
    """A Sequential of Dense layers with seeded weights.

    Args:
        inputs: Number of input features.
        layers: `(units, activation)` each; a number is the rate of a dropout.
        loss: The loss that `compile` takes.
        optimizer: The optimizer that `compile` takes; Adam by default.
        init: A kernel initializer or its name.
        seed: Seed of the first layer; each layer has its own.
    """
    model = keras.Sequential([keras.Input((inputs,))])
    for i, layer in enumerate(layers):
        if isinstance(layer, float):
            model.add(keras.layers.Dropout(layer))
            continue
        if not isinstance(layer, tuple):
            model.add(layer)
            continue
        kernel = init
        if isinstance(init, str) and init not in ("zeros", "ones"):
            kernel = keras.initializers.get({"class_name": init, "config": {"seed": seed + i}})
        model.add(keras.layers.Dense(*layer, kernel_initializer=kernel))
    model.compile(optimizer or keras.optimizers.Adam(), loss)
    return model


def fixed_weights(model, *kernels):
    """Put kernels in, biases 0."""
    for layer, kernel in zip(model.layers, kernels, strict=True):
        kernel = np.asarray(kernel, "float32")
        layer.set_weights([kernel, np.zeros(kernel.shape[1], "float32")])
    return model


def line(n=7):
    """y = 2 x + 1."""
    x = np.arange(1.0, n + 1.0)[:, None]
    return x, 2 * x + 1


def gate(kind):
    """The four rows of a logic gate."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    a, b = x[:, :1] > 0, x[:, 1:] > 0
    y = {"and": a & b, "or": a | b, "xor": a ^ b}[kind]
    return x, y.astype("float32")


def two_classes(n=80, features=6, seed=0):
    """Labels 0 and 1 in a column."""
    x = np.random.default_rng(seed).normal(size=(n, features)).astype("float32")
    return x, (x[:, :1] + 0.5 * x[:, 1:2] > 0).astype("float32")


def many_classes(classes, n=90, features=8, seed=0, one_hot=True):
    """Rows of a one-hot label, or labels in a column."""
    x = np.random.default_rng(seed).normal(size=(n, features)).astype("float32")
    labels = (x @ np.random.default_rng(seed + 1).normal(size=(features, classes))).argmax(axis=1)
    return x, np.eye(classes, dtype="float32")[labels] if one_hot else labels[:, None]


def several_labels(labels, n=90, features=8, seed=0):
    """Rows of 0 and 1 with any number of ones."""
    x = np.random.default_rng(seed).normal(size=(n, features)).astype("float32")
    return x, (x[:, :labels] + x[:, 1 : labels + 1] > 0).astype("float32")
