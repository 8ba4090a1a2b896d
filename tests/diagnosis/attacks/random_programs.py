"""Random compiled models with data, odd on purpose: what is proved of any of them must be true.

Layers of few shapes, so that a backend that compiles does so rarely; weights of every size,
regularizers, frozen layers, heads and losses that fit or do not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np


ROWS, WIDTH = 12, 4

HIDDEN = ("relu", "relu", "tanh", "sigmoid", "elu", "selu", "gelu", "silu", "softplus", "softsign",
          "hard_sigmoid", "leaky_relu", "relu6", "softmax", "exponential", "linear", "linear",
          "mish", "hard_tanh")  # fmt: skip
ENDS = (None, None, "sigmoid", "sigmoid", "softmax", "softmax", "tanh", "relu", "softplus",
        "exponential", "softsign", "elu", "hard_sigmoid", "selu", "relu6")  # fmt: skip
LOSSES = ("MeanSquaredError", "MeanSquaredError", "MeanAbsoluteError", "BinaryCrossentropy",
          "BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy",
          "Hinge", "SquaredHinge", "CategoricalHinge", "Huber", "LogCosh", "Poisson",
          "KLDivergence", "MeanSquaredLogarithmicError", "CosineSimilarity")  # fmt: skip


@dataclass(frozen=True)
class RandomProgram:
    """A compiled model, its data, and what diagnosis is told besides."""

    model: Any
    x: np.ndarray
    y: Any
    losses: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)
    compiled: dict[Any, Any] = field(default_factory=dict)

    @property
    def targets(self) -> tuple[np.ndarray, ...]:
        """One array an output."""
        return tuple(self.y) if isinstance(self.y, list) else (self.y,)


class Builder:
    """Draws the layers of one program."""

    def __init__(self, keras: ModuleType, seed: int) -> None:
        self.keras, self.rng = keras, np.random.default_rng([seed, 18])

    def one(self, *options: Any) -> Any:
        """One of some options."""
        return options[int(self.rng.integers(len(options)))]

    def chance(self, part: float) -> bool:
        """True in so many cases."""
        return bool(self.rng.uniform() < part)

    def extras(self) -> dict[str, Any]:
        """Regularizers, and whether a layer is trained."""
        found: dict[str, Any] = {}
        penalty = {"class_name": self.one("L1", "L2"), "config": {}}
        if self.chance(0.1):
            found["kernel_regularizer"] = penalty
        if self.chance(0.05):
            found["bias_regularizer"] = penalty
        if self.chance(0.04):
            found["activity_regularizer"] = penalty
        if self.chance(0.08):
            found["trainable"] = False
        if self.chance(0.15):
            found["use_bias"] = False
        return found

    def dense(self, units: int = WIDTH) -> Any:
        """A dense layer."""
        return self.keras.layers.Dense(units, self.one(*HIDDEN), **self.extras())

    def pointwise(self) -> Any:
        """A layer each entry of whose result depends on one entry, or a wall."""
        L, ops = self.keras.layers, self.keras.ops
        kind = self.one(*HIDDEN)
        return self.one(
            L.ReLU, L.LeakyReLU, L.PReLU, L.ELU, lambda: L.Activation(kind),
            lambda: L.Activation(kind), lambda: L.Dropout(0.3), lambda: L.Rescaling(-2.0, 0.3),
            L.LayerNormalization, L.BatchNormalization, lambda: L.ReLU(6.0, 0.1, 0.5),
            lambda: L.GaussianNoise(0.1), lambda: L.Lambda(self.one(
                ops.round, ops.stop_gradient, ops.square, ops.abs, ops.sign, ops.sin,
                lambda t: ops.clip(t, -1.0, 0.5), lambda t: ops.where(t > 0, t, 0.0),
                lambda t: t * 0.0, lambda t: ops.floor(t) + t, lambda t: ops.log(ops.abs(t) + 0.1),
            )),
        )()  # fmt: skip

    def join_branches(self, z: Any) -> Any:
        """A way around some layers, or two that meet."""
        L = self.keras.layers
        width = z.shape[-1]
        inner = L.Dense(width, self.one(*HIDDEN), **self.extras())(z)
        if self.chance(0.4):
            inner = self.pointwise()(inner)
        meet = self.one(L.Add, L.Add, L.Multiply, L.Subtract, L.Average, L.Maximum, L.Minimum)
        return meet()([z, inner])

    def vector(self, z: Any) -> Any:
        """One or a few more layers on vectors."""
        kind = self.rng.uniform()
        if kind < 0.5:
            return self.dense()(z)
        if kind < 0.85:
            return self.pointwise()(z)
        if kind < 0.93:
            return self.join_branches(z)
        if kind < 0.96:
            return self.dense(1)(z)
        layer = self.dense(z.shape[-1])  # a layer that is called twice
        return layer(self.pointwise()(layer(z)))

    def steps(self, z: Any) -> Any:
        """One more layer on sequences."""
        L = self.keras.layers
        extra = {k: v for k, v in self.extras().items() if k != "activity_regularizer"}
        return self.one(
            lambda z: L.Conv1D(WIDTH, 2, activation=self.one(*HIDDEN), padding="same", **extra)(z),
            lambda z: L.SimpleRNN(WIDTH, return_sequences=True, **extra)(z),
            lambda z: L.GRU(WIDTH, return_sequences=True, **extra)(z),
            lambda z: L.LSTM(WIDTH, return_sequences=True, **extra)(z),
            lambda z: L.TimeDistributed(self.dense())(z), self.dense(), self.join_branches,
            lambda z: self.pointwise()(z), lambda z: self.pointwise()(z),
        )(z)  # fmt: skip

    def image(self, z: Any) -> Any:
        """One more layer on images."""
        L = self.keras.layers
        extra = {k: v for k, v in self.extras().items() if "regularizer" not in k}
        act = self.one(*(h for h in HIDDEN if h != "softmax"))
        return self.one(
            lambda z: L.Conv2D(WIDTH, 2, activation=act, padding="same", **extra)(z),
            lambda z: L.Conv2D(WIDTH, 3, activation=act, padding="same", **extra)(z),
            lambda z: L.DepthwiseConv2D(2, activation=act, padding="same", **extra)(z),
            lambda z: self.pointwise()(z), lambda z: self.pointwise()(z),
        )(z)  # fmt: skip


def random_program(keras: ModuleType, seed: int) -> RandomProgram:
    """The program of a seed."""
    keras.utils.clear_session(free_memory=False)  # to collect garbage takes half a second
    keras.utils.set_random_seed(seed)
    draw = Builder(keras, seed)
    x, z, inputs = _body(keras, draw)
    count = 2 if draw.chance(0.12) else 1
    outputs, losses, targets = [], [], []
    for _ in range(count):
        out = _head(keras, draw, z)
        loss, y = _loss(keras, draw, tuple(out.shape[1:]))
        outputs.append(out)
        losses.append(loss)
        targets.append(y)
    model = keras.Model(inputs, outputs if count > 1 else outputs[0])
    _weights(draw, model)
    unwrap = lambda parts: parts if count > 1 else parts[0]  # noqa: E731
    metrics = ["accuracy"] if count == 1 else None
    model.compile(_optimizer(keras, draw), unwrap(losses), metrics=metrics)
    options: dict[str, Any] = {"train": 0}
    if draw.chance(0.3):
        options |= {"epochs": draw.one(1, 3), "batch_size": draw.one(4, 12)}
    return RandomProgram(model, x, unwrap(targets), tuple(losses), options)


def _body(keras: ModuleType, draw: Builder) -> tuple[np.ndarray, Any, Any]:
    """Data, the last hidden tensor and the input."""
    L = keras.layers
    kind = draw.one("vector", "vector", "vector", "steps", "image", "tokens")
    shape = {"vector": (WIDTH,), "steps": (3, WIDTH), "image": (4, 4, 2), "tokens": (3,)}[kind]
    if kind == "tokens":
        x = draw.rng.integers(0, 7, (ROWS, *shape)).astype("int32")
    else:
        x = draw.rng.normal(size=(ROWS, *shape)) * draw.one(1.0, 1.0, 1.0, 0.01, 100.0)
        x = (np.abs(x) if draw.chance(0.2) else x).astype("float32")
        if draw.chance(0.03):
            x.flat[3] = np.nan
    inputs = keras.Input(shape, dtype=x.dtype.name)
    z = inputs
    if kind == "tokens":
        z = L.Embedding(7, WIDTH)(z)
    more = {"vector": draw.vector, "image": draw.image}.get(kind, draw.steps)
    for _ in range(int(draw.rng.integers(0 if kind == "vector" else 1, 4))):
        z = more(z)
    if len(z.shape) > 2 and not (len(z.shape) == 3 and draw.chance(0.15)):
        pools = (L.GlobalAveragePooling1D, L.GlobalMaxPooling1D) if len(z.shape) == 3 else (
            L.GlobalAveragePooling2D, L.GlobalMaxPooling2D)  # fmt: skip
        z = draw.one(L.Flatten, *pools)()(z)
    for _ in range(int(draw.rng.integers(0, 4))):
        z = draw.vector(z) if len(z.shape) == 2 else draw.steps(z)
    return x, z, inputs


def _head(keras: ModuleType, draw: Builder, z: Any) -> Any:
    L = keras.layers
    out = L.Dense(draw.one(1, 1, 3), draw.one(*ENDS), **draw.extras())(z)
    if draw.chance(0.15):
        out = L.Activation(draw.one("softmax", "sigmoid", "relu", "tanh", "linear"))(out)
    if draw.chance(0.05):
        out = L.Dropout(0.4)(out)
    if draw.chance(0.05):
        out = draw.pointwise()(out)
    return out


def _loss(keras: ModuleType, draw: Builder, shape: tuple[int, ...]) -> tuple[Any, np.ndarray]:
    """A loss and targets of the kind it reads, or of another."""
    name, width = draw.one(*LOSSES), shape[-1]
    options: dict[str, Any] = {}
    if name.endswith("Crossentropy"):
        options = {"from_logits": draw.chance(0.3)}
        if name != "SparseCategoricalCrossentropy" and draw.chance(0.1):
            options["label_smoothing"] = 0.1
    loss: Any = getattr(keras.losses, name)(**options)
    if draw.chance(0.05):
        ops = keras.ops
        loss = draw.one(
            lambda t, p: ops.mean(ops.square(t - ops.round(p))),
            lambda t, p: ops.mean(ops.square(t - 10.0 * p)), lambda t, p: ops.mean(t) + 0.0 * p,
            lambda t, p: ops.mean(ops.abs(t - ops.cast(p > 0.5, "float32"))),
        )  # fmt: skip
    kind = {"SparseCategoricalCrossentropy": "index", "CategoricalCrossentropy": "rows",
            "CategoricalHinge": "rows", "KLDivergence": "rows", "BinaryCrossentropy": "bits",
            "Hinge": "signs", "SquaredHinge": "bits"}.get(name, "numbers")  # fmt: skip
    if draw.chance(0.2):
        kind = draw.one("index", "rows", "bits", "signs", "numbers", "shifted", "one")
    if name == "SparseCategoricalCrossentropy" and kind not in ("index", "shifted", "one"):
        kind = "index"
    rng, whole = draw.rng, (ROWS, *shape)
    y = {
        "index": lambda: rng.integers(0, max(width, 2), (ROWS, *shape[:-1], 1)),
        "shifted": lambda: rng.integers(1, width + 1, (ROWS, *shape[:-1], 1)),
        "rows": lambda: np.eye(width)[rng.integers(0, width, whole[:-1])],
        "bits": lambda: rng.integers(0, 2, whole), "one": lambda: np.ones((ROWS, *shape[:-1], 1)),
        "signs": lambda: 2 * rng.integers(0, 2, whole) - 1,
        "numbers": lambda: rng.normal(size=whole) * draw.one(0.3, 1.0, 50.0) + draw.one(0, 0, 5),
    }[kind]()  # fmt: skip
    return loss, y.astype("float32")


def _optimizer(keras: ModuleType, draw: Builder) -> Any:
    kind = draw.one("SGD", "SGD", "Adam", "RMSprop", "AdamW", "Nadam", "Adagrad", "Lion", "Adamax")
    options: dict[str, Any] = {"learning_rate": draw.one(0.0, 1e-4, 1e-3, 1e-2, 0.1, 5.0)}
    if kind == "SGD":
        options["momentum"] = draw.one(0.0, 0.0, 0.9)
    if draw.chance(0.2):
        options[draw.one("clipnorm", "clipvalue", "global_clipnorm")] = draw.one(1e-3, 1.0)
    return getattr(keras.optimizers, kind)(**options)


def _weights(draw: Builder, model: Any) -> None:
    """Some layers get other weights than their initializers drew."""
    rng = draw.rng
    ways: tuple[Callable[[tuple[int, ...]], np.ndarray], ...] = (
        lambda s: rng.normal(size=s), lambda s: 1e-9 * rng.normal(size=s),
        lambda s: 30 * rng.normal(size=s), np.zeros, np.ones, lambda s: -np.ones(s),
        lambda s: -10 * np.ones(s), lambda s: 0.3 * rng.normal(size=s),
        lambda s: np.round(rng.normal(size=s)), lambda s: np.abs(rng.normal(size=s)),
    )  # fmt: skip
    odd = draw.one(0.0, 0.3, 0.3, 0.8)
    for layer in model.layers:
        for variable in layer.weights:
            if str(variable.dtype) != "float32" or not draw.chance(odd):
                continue
            array = draw.one(*ways)(tuple(variable.shape))
            array = np.abs(array) + 0.1 if "variance" in variable.path else array
            variable.assign(array.astype("float32"))
