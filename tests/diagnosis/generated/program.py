"""A program as data: layers, losses, optimizer, rows; mutations rewrite it, `build` makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Spec:
    """One layer: the name of a class of `keras.layers` or of `COMPOSED`, and its arguments."""

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def but(self, **options: Any) -> Spec:
        """Return a copy of the layer with other arguments."""
        return Spec(self.kind, {**self.options, **options})

    @property
    def activation(self) -> str | None:
        """The activation named in the arguments."""
        return self.options.get("activation")


def spec(kind: str, *units: int, **options: Any) -> Spec:
    """`spec("Dense", 8, activation="relu")`; the first number is what the layer calls it."""
    names = {"Dense": ("units",), "Conv1D": ("filters", "kernel_size"),
             "Conv2D": ("filters", "kernel_size"), "SeparableConv2D": ("filters", "kernel_size"),
             "SeparableConv1D": ("filters", "kernel_size"), "Dropout": ("rate",),
             "LSTM": ("units",), "GRU": ("units",), "SimpleRNN": ("units",),
             "Embedding": ("input_dim", "output_dim"), "Residual": ("units",)}  # fmt: skip
    return Spec(kind, dict(zip(names.get(kind, ()), units, strict=False)) | options)


@dataclass(frozen=True)
class Head:
    """The layers of one output, its loss, and what its predictions are judged by.

    Args:
        layers: The last one has the output's activation.
        loss: A class of `keras.losses`, or one of `LOSSES`.
        task: `"regression"`, `"binary"`, `"classes"`, `"labels"` or `"counts"`.
        options: Keyword arguments of the class of the loss.
    """

    layers: tuple[Spec, ...]
    loss: str
    task: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def last(self) -> Spec:
        """The layer of the output."""
        return self.layers[-1]

    def but(self, **options: Any) -> Head:
        """Return a copy of the head whose last layer has other arguments."""
        return replace(self, layers=(*self.layers[:-1], self.last.but(**options)))


Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Program:
    """A program that is trained.

    Args:
        base: The name of the family it was drawn from.
        seed: What it was drawn with.
        x: The inputs it is trained on.
        y: The targets, one array a head.
        x_new: Inputs nobody trained on.
        y_new: Their true targets, in the units of `y`.
        branches: Layers behind each input.
        trunk: Layers behind all of them, joined.
        heads: The heads in the order of the outputs, one each.
        optimizer: A class of `keras.optimizers`, and its arguments.
        epochs: How often all rows are seen.
        batch: Rows of a step.
        split: The share of rows, the last ones, kept from training as `validation_split` does.
        metrics: Names of the metrics that training reports.
    """

    base: str
    seed: int
    x: Arrays
    y: Arrays
    x_new: Arrays
    y_new: Arrays
    branches: tuple[tuple[Spec, ...], ...]
    trunk: tuple[Spec, ...]
    heads: tuple[Head, ...]
    optimizer: tuple[str, Mapping[str, Any]] = ("Adam", {})
    epochs: int = 20
    batch: int = 32
    split: float = 0.0
    metrics: tuple[str, ...] = ()

    def map_hidden(self, change: Callable[[Spec], Spec]) -> Program:
        """Rewrite every layer but those of the heads' ends."""
        return replace(
            self,
            branches=tuple(tuple(map(change, part)) for part in self.branches),
            trunk=tuple(map(change, self.trunk)),
            heads=tuple(
                replace(h, layers=(*map(change, h.layers[:-1]), h.last)) for h in self.heads
            ),
        )

    def map_layers(self, change: Callable[[Spec], Spec]) -> Program:
        """Rewrite every layer."""
        hidden = self.map_hidden(change)
        heads = tuple(replace(h, layers=(*h.layers[:-1], change(h.last))) for h in hidden.heads)
        return replace(hidden, heads=heads)

    def with_head(self, change: Callable[[Head], Head], at: int = 0) -> Program:
        """Rewrite one head."""
        heads = tuple(change(h) if i == at else h for i, h in enumerate(self.heads))
        return replace(self, heads=heads)

    @property
    def hidden(self) -> tuple[Spec, ...]:
        """All layers but those of the heads' ends."""
        ends = tuple(s for head in self.heads for s in head.layers[:-1])
        return (*(s for part in self.branches for s in part), *self.trunk, *ends)

    @property
    def fit(self) -> dict[str, Any]:
        """The arguments of `model.fit`."""
        extra = {"validation_split": self.split} if self.split else {}
        return {"epochs": self.epochs, "batch_size": self.batch} | extra


def _residual(keras: ModuleType, z: Any, units: int, activation: str) -> Any:
    h = keras.layers.Dense(units, activation)(z)
    return keras.layers.Add()([z, keras.layers.Dense(z.shape[-1])(h)])


def _attention(keras: ModuleType, z: Any, heads: int, width: int) -> Any:
    layer = keras.layers.MultiHeadAttention(num_heads=heads, key_dim=width)
    return keras.layers.LayerNormalization()(keras.layers.Add()([z, layer(z, z)]))


def _stop_gradient(keras: ModuleType, z: Any) -> Any:
    return keras.layers.Lambda(keras.ops.stop_gradient)(z)


def _whole(keras: ModuleType, z: Any) -> Any:
    return keras.layers.Lambda(keras.ops.round)(z)


COMPOSED: dict[str, Callable[..., Any]] = {
    "Residual": _residual, "SelfAttention": _attention, "StopGradient": _stop_gradient,
    "Round": _whole,
}  # fmt: skip
"""What is more than one layer of Keras."""


def rounded_loss(keras: ModuleType) -> Callable[[Any, Any], Any]:
    """Return a loss of rounded predictions, which has no gradient."""
    return lambda t, p: keras.ops.mean(keras.ops.square(t - keras.ops.round(p)))


LOSSES: dict[str, Callable[[ModuleType], Any]] = {"rounded": rounded_loss}


def build(keras: ModuleType, program: Program, seed: int | None = None) -> Any:
    """The compiled model, its weights drawn with `seed`, or with the program's own."""
    keras.utils.clear_session(free_memory=False)  # to collect garbage takes half a second
    keras.utils.set_random_seed(program.seed if seed is None else seed)
    inputs = [keras.Input(a.shape[1:], dtype=a.dtype.name) for a in program.x]
    parts = [_chain(keras, z, layers) for z, layers in zip(inputs, program.branches, strict=True)]
    z = parts[0] if len(parts) == 1 else keras.layers.Concatenate()(parts)
    z = _chain(keras, z, program.trunk)
    outputs = [_chain(keras, z, head.layers) for head in program.heads]
    model = keras.Model(one_or_list(inputs), one_or_list(outputs))
    model.compile(
        getattr(keras.optimizers, program.optimizer[0])(**program.optimizer[1]),
        one_or_list([loss(keras, head) for head in program.heads]),
        metrics=one_or_list([list(program.metrics) for _ in program.heads])
        if program.metrics
        else None,
    )
    return model


def loss(keras: ModuleType, head: Head) -> Any:
    """The loss of a head."""
    if head.loss in LOSSES:
        return LOSSES[head.loss](keras)
    return getattr(keras.losses, head.loss)(**head.options)


def data(program: Program) -> tuple[Any, Any]:
    """`x` and `y` as `fit` takes them."""
    return one_or_list(program.x), one_or_list(program.y)


def _chain(keras: ModuleType, z: Any, layers: tuple[Spec, ...]) -> Any:
    for layer in layers:
        if layer.kind in COMPOSED:
            z = COMPOSED[layer.kind](keras, z, **layer.options)
        else:
            z = getattr(keras.layers, layer.kind)(**layer.options)(z)
    return z


def one_or_list(parts: Any) -> Any:
    parts = list(parts)
    return parts[0] if len(parts) == 1 else parts
