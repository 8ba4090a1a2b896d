"""OR006: a loss that reads something else than what the last layer gives."""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Head, Loss
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register


PROBABILITIES = {
    "binary_crossentropy": "one probability a unit",
    "categorical_crossentropy": "probabilities that add up to 1",
    "sparse_categorical_crossentropy": "probabilities that add up to 1",
    "kl_divergence": "probabilities that add up to 1",
}
CLASSES = ("categorical_crossentropy", "sparse_categorical_crossentropy")


def _three(
    keras: ModuleType,
    activation: str | None,
    loss: str | Callable[[ModuleType], Any],
    one_hot: bool = True,
) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    labels = (x[:, :3]).argmax(axis=1)
    y = np.eye(3, dtype="float32")[labels] if one_hot else labels[:, None]
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(16, "tanh"),
            keras.layers.Dense(3, activation, name="last"),
        ]
    )
    loss = loss(keras) if callable(loss) else loss
    model.compile(keras.optimizers.SGD(0.1), loss)
    return model, x, y


def _two(
    keras: ModuleType, activation: str | None, loss: str | Callable[[ModuleType], Any]
) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(16, "tanh"),
            keras.layers.Dense(1, activation, name="last"),
        ]
    )
    loss = loss(keras) if callable(loss) else loss
    model.compile(keras.optimizers.SGD(0.1), loss)
    return model, x, (x[:, :1] > 0).astype("float32")


@register(
    "OR006", "the loss does not read what the last layer gives",
    """A cross-entropy without from_logits reads probabilities. A linear, relu or tanh layer gives
    none: Keras divides by the sum and clips to [1e-7, 1 - 1e-7], where the gradient is 0 and, with
    all zeros, the quotient NaN. Independent sigmoids do not add up to 1, so a categorical
    cross-entropy over them is that of another, normalized, prediction (on TensorFlow: of the
    softmax of the logits). PROVED is a fact of the last operation and the declared loss. Softmax
    with a squared error trains, slowly where it is confidently wrong, and is only suspected.""",
    Example(
        lambda k: _three(k, None, "categorical_crossentropy"),
        lambda k: _three(k, None, lambda k: k.losses.CategoricalCrossentropy(from_logits=True)),
    ),
    Example(
        lambda k: _two(k, None, "binary_crossentropy"),
        lambda k: _two(k, None, lambda k: k.losses.BinaryCrossentropy(from_logits=True)),
    ),
    Example(
        lambda k: _three(k, "sigmoid", "categorical_crossentropy"),
        lambda k: _three(k, "sigmoid", "binary_crossentropy"),
    ),
    Example(
        lambda k: _three(k, "relu", "categorical_crossentropy"),
        lambda k: _three(k, "softmax", "categorical_crossentropy"),
    ),
    Example(
        lambda k: _three(k, None, "sparse_categorical_crossentropy", False),
        lambda k: _three(k, "softmax", "sparse_categorical_crossentropy", False),
    ),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Compare the head of each output with its loss."""
    for loss in case.program.losses:
        head = case.head(loss)
        if head is None or not loss.known:
            continue
        if loss.name in PROBABILITIES and not loss.from_logits:
            found = _probabilities(case, loss, head)
        elif loss.name in ("mean_squared_error", "mean_absolute_error"):
            found = _squared(case, loss, head)
        else:
            found = None
        if found is not None:
            level, message, fix = found
            yield rule.found(
                level, head.layer, message, fix,
                holds_for="all weights: it is a fact of the last layer and the loss"
                if level is Level.PROVED else "",
            )  # fmt: skip


def _probabilities(case: DiagnosisContext, loss: Loss, head: Head) -> tuple[Level, str, str] | None:
    wants = PROBABILITIES[loss.name]
    short = loss.name.replace("_", " ")
    if loss.name == "categorical_crossentropy" and head.width == 1:
        return Level.PROVED, (
            f"{short} over a single unit is 0 whatever the unit returns: the loss divides the "
            "output by its own sum."
        ), 'Dense(1, activation="sigmoid") with loss="binary_crossentropy"'  # fmt: skip
    if head.activation in ("linear", "relu", "tanh"):
        gives = {"linear": "any number", "relu": "any number from 0 on", "tanh": "[-1, 1]"}
        name = '"sigmoid"' if loss.name == "binary_crossentropy" else '"softmax"'
        camel = "".join(word.capitalize() for word in loss.name.split("_"))
        fix = f"activation={name} in the last layer"
        if head.activation == "linear" and loss.name != "kl_divergence":
            fix += f"   or   loss=keras.losses.{camel}(from_logits=True)"
        return Level.PROVED, (
            f"{short} reads {wants}, and the last layer ({head.activation}) gives "
            f"{gives[head.activation]}. {_outside(case, loss)}"
        ), fix  # fmt: skip
    if head.activation == "sigmoid" and loss.name in (*CLASSES, "kl_divergence"):
        what = (
            "on this backend the loss reads the logits behind the sigmoid, so a softmax is trained "
            "while predict() returns sigmoids"
            if head.recovered else "the loss divides each row by its sum, predict() does not"
        )  # fmt: skip
        return (
            Level.PROVED,
            (f"{short} reads {wants}, and {head.width} sigmoids need not; {what}."),
            'activation="softmax" (one class a row), or loss="binary_crossentropy" (several)',
        )
    if head.activation == "softmax" and loss.name == "binary_crossentropy" and head.width > 1:
        fix = 'loss="categorical_crossentropy"'
        if head.recovered:
            return Level.PROVED, (
                "on this backend the loss reads the logits behind the softmax and trains "
                f"{head.width} independent sigmoids, while predict() returns their softmax."
            ), fix  # fmt: skip
        return Level.SUSPECTED, (
            f"binary crossentropy over a softmax of {head.width} classes; the accuracy shown "
            "beside it is then binary accuracy, which looks too good."
        ), fix  # fmt: skip
    return None


def _outside(case: DiagnosisContext, loss: Loss) -> str:
    """How many predictions are no probabilities now, and what becomes of them."""
    if not case.predictions:
        return "Where it is outside [0, 1] the loss clips it, and its gradient is 0."
    output = case.predictions[loss.output].astype(np.float64)
    what = "it"
    if loss.name in CLASSES:
        what = "the share of the row's sum, which the loss reads,"
        with np.errstate(all="ignore"):
            output = output / output.sum(axis=-1, keepdims=True)
    bad = ~((output >= 0) & (output <= 1))
    count = int(bad.reshape(len(output), -1).any(axis=1).sum())
    if not count:
        return "Nothing keeps it a probability, although it is one at your rows now."
    text = f"At {count:,} of {len(output):,} rows {what} is outside [0, 1] now"
    measured = case.measured
    if measured is not None and not measured.error and not np.isfinite(measured.loss):
        return text + ", and the loss is not a finite number."
    return text + ", where the loss clips it and its gradient is 0."


def _squared(case: DiagnosisContext, loss: Loss, head: Head) -> tuple[Level, str, str] | None:
    y = case.targets(loss)
    if y is None or head.activation != "softmax" or head.width < 2:
        return None
    if not np.isin(y, (0.0, 1.0)).all() or y.shape[-1] != head.width:
        return None
    return Level.SUSPECTED, (
        "a squared error over a softmax has a small gradient exactly where the softmax is sure and "
        "wrong; with one-hot targets the crossentropy is its partner."
    ), 'loss="categorical_crossentropy"'  # fmt: skip
