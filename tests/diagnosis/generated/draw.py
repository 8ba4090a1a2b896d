"""Shared parts of the bases: random choices, rows of several kinds, heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from .program import Arrays, Head, Spec, spec


T = TypeVar("T")
NEW = 200
"""Rows that are kept to judge by."""


class Draw:
    """Random choices of one program."""

    def __init__(self, seed: Sequence[int]) -> None:
        self.rng = np.random.default_rng(seed)

    def one(self, *options: T) -> T:
        """One of some options."""
        return options[int(self.rng.integers(len(options)))]

    def whole(self, least: int, most: int) -> int:
        """A whole number, both ends included."""
        return int(self.rng.integers(least, most + 1))

    def between(self, least: float, most: float) -> float:
        """A number, evenly by its logarithm, with two digits."""
        value = np.exp(self.rng.uniform(np.log(least), np.log(most)))
        return float(f"{value:.2g}")

    def activation(self, *more: str) -> str:
        """Draw the number of units of a hidden layer."""
        return self.one("relu", "relu", "tanh", "elu", "selu", "gelu", "swish", *more)

    def rows(self) -> int:
        """Draw the number of training rows."""
        return 32 * self.whole(8, 14)

    def normal(self, *shape: int) -> np.ndarray:
        """Standard normal numbers."""
        return self.rng.normal(size=shape)

    def optimizer(self) -> tuple[str, dict[str, Any]]:
        """One that a small network learns with in some hundred steps."""
        kind = self.one("Adam", "Adam", "RMSprop", "SGD", "Nadam", "AdamW")
        if kind == "SGD":
            momentum = self.one(0.0, 0.9)
            rate = self.between(0.005, 0.02) if momentum else self.between(0.03, 0.1)
            return kind, {"learning_rate": rate} | ({"momentum": momentum} if momentum else {})
        return kind, {"learning_rate": self.between(0.003, 0.01)}

    def dense(self, depth: tuple[int, int] = (1, 3), width: tuple[int, int] = (12, 40),
              activation: str | None = None) -> tuple[Spec, ...]:  # fmt: skip
        """A few dense layers of one activation."""
        name, layers = activation or self.activation(), []
        start = {"kernel_initializer": "he_normal"} if name == "relu" and self.one(0, 1) else {}
        for _ in range(self.whole(*depth)):
            layers.append(spec("Dense", self.whole(*width), activation=name, **start))
        if self.rng.uniform() < 0.25:
            layers.append(spec("Dropout", self.one(0.1, 0.2)))
        return tuple(layers)


def smooth(draw: Draw, x: np.ndarray, outputs: int = 1) -> np.ndarray:
    """A curved function of the columns, standardized: a few random bumps and slopes."""
    size = x.shape[1]
    inner = x @ draw.normal(size, 6) / np.sqrt(size)
    parts = np.concatenate([np.sin(1.3 * inner[:, :3]), np.abs(inner[:, 3:])], axis=1)
    y = parts @ draw.normal(6, outputs) + 0.3 * x @ draw.normal(size, outputs)
    return (y - y.mean(axis=0)) / y.std(axis=0)


def clusters(draw: Draw, rows: int, size: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Two clouds a class, so that no plane parts them; labels in a row."""
    centers = 2.0 * draw.normal(2 * classes, size)
    kinds = draw.rng.integers(0, 2 * classes, rows)
    x = centers[kinds] + 0.8 * draw.normal(rows, size)
    return (x - x.mean(axis=0)) / x.std(axis=0), kinds % classes


def regression_head(draw: Draw, outputs: int = 1) -> Head:
    """A linear layer under a loss of differences."""
    kind = draw.one("MeanSquaredError", "MeanSquaredError", "Huber", "MeanAbsoluteError")
    return Head((spec("Dense", outputs),), kind, "regression")


def binary_head(draw: Draw) -> Head:
    """One sigmoid, or its logit."""
    if draw.rng.uniform() < 0.25:
        return Head((spec("Dense", 1),), "BinaryCrossentropy", "binary", {"from_logits": True})
    return Head((spec("Dense", 1, activation="sigmoid"),), "BinaryCrossentropy", "binary")


def class_head(draw: Draw, classes: int) -> tuple[Head, bool]:
    """A softmax or logits; and whether the labels are rows."""
    one_hot = draw.one(True, False)
    kind = "CategoricalCrossentropy" if one_hot else "SparseCategoricalCrossentropy"
    if draw.rng.uniform() < 0.25:
        return Head((spec("Dense", classes),), kind, "classes", {"from_logits": True}), one_hot
    return Head((spec("Dense", classes, activation="softmax"),), kind, "classes"), one_hot


def label_array(labels: np.ndarray, classes: int, one_hot: bool) -> np.ndarray:
    """Rows of 0 and 1, or a column of whole numbers."""
    return np.eye(classes)[labels] if one_hot else labels[:, None]


def arrays(*parts: np.ndarray) -> Arrays:
    """Arrays in the types that are fed: float32, and int32 for tokens and labels."""
    return tuple(np.asarray(a, np.int32 if a.dtype.kind in "iu" else np.float32) for a in parts)


def split_rows(parts: Sequence[np.ndarray]) -> tuple[Arrays, Arrays]:
    """Split arrays into training rows and the last `NEW` rows."""
    return arrays(*(a[:-NEW] for a in parts)), arrays(*(a[-NEW:] for a in parts))
