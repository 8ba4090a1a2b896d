"""OR006: a loss that does not fit the outputs of the last layer."""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Head, Loss
from ..changes import Change
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..trials import LEARNED
from ..wording import span
from .fitting_losses import accepts_targets, fitting_crossentropy, fitting_loss
from .hinge import HINGES, hinge_floor
from .low_ends import computed_ends
from .probabilities import CLASSES, outside
from .shapes import as_read


PROBABILITIES = {
    "binary_crossentropy": "one probability per unit",
    "categorical_crossentropy": "probabilities that add up to 1",
    "sparse_categorical_crossentropy": "probabilities that add up to 1",
    "kl_divergence": "probabilities that add up to 1",
}
GIVES = (
    "linear",
    "relu",
    "tanh",
    "softsign",
    "elu",
    "selu",
    "gelu",
    "swish",
    "mish",
    "leaky_relu",
    "relu6",
    "softplus",
    "exponential",
)
"""Activations that do not return probabilities."""

POSITIVE = ("softplus", "exponential")
"""Activations whose outputs become probabilities when a loss divides them by their sum."""


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
    "OR006", "the loss does not match the last layer",
    """A cross-entropy without from_logits expects probabilities, and a linear, relu or tanh layer
    does not return probabilities. Keras divides such outputs by their sum and clips them to [1e-7,
    1 - 1e-7]; where it clips, the gradient is 0. If all outputs are 0, the quotient is NaN. The
    outputs of independent sigmoids do not add up to 1, so a categorical cross-entropy scores a
    different, normalized prediction (on TensorFlow, the softmax of the logits). A hinge loss
    expects outputs on both sides of 0. For a softmax or sigmoid, a hinge loss has a positive lower
    bound, which the rule computes. The finding is PROVED, because it follows from the last
    operation and the declared loss. A model with a softmax or sigmoid and a squared or absolute
    error does train, but slowly where its output is confidently wrong. This combination is
    SUSPECTED. It is MEASURED if copies of the model trained with the cross-entropy have a much
    smaller squared or absolute error after the same number of steps, in every training run.""",
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
        lambda k: _two(k, "selu", "binary_crossentropy"),
        lambda k: _two(k, "sigmoid", "binary_crossentropy"),
    ),
    Example(
        lambda k: _two(k, "sigmoid", "hinge"),
        lambda k: _two(k, "tanh", "hinge"),
    ),
    Example(
        lambda k: _three(k, None, "sparse_categorical_crossentropy", False),
        lambda k: _three(k, "softmax", "sparse_categorical_crossentropy", False),
    ),
    may_be_harmless=True,
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report losses that expect a different kind of output than the last layer returns."""
    for loss in case.program.losses:
        head = case.head(loss)
        if head is None or not loss.native:
            continue
        if loss.name in PROBABILITIES and not loss.from_logits:
            result = _probabilities(case, loss, head)
        elif not loss.known:
            result = None
        elif loss.name in ("mean_squared_error", "mean_absolute_error"):
            result = _check_distance(case, loss, head)
        elif loss.name in HINGES:
            result = hinge_floor(case, loss, head)
        else:
            result = None
        if result is not None:
            level, message, fix = result
            yield rule.finding(
                level, head.layer, message, fix,
                holds_for="all weights, because it follows from the last layer and the loss"
                if level is Level.PROVED else "",
            )  # fmt: skip


def _probabilities(case: DiagnosisContext, loss: Loss, head: Head) -> tuple[Level, str, str] | None:
    wants = PROBABILITIES[loss.name]
    short = loss.name.replace("_", " ")
    read = as_read(case, loss)
    rows = read is not None and read[1][1:] != case.program.outputs[loss.output][1]
    if rows and loss.name != "binary_crossentropy":
        return None  # Keras squeezes the output, so rows of the loss are not those of the last axis
    if loss.known and loss.name == "categorical_crossentropy" and head.width == 1:
        return Level.PROVED, (
            f"{short} over a single unit is always 0, because the loss divides the output by its "
            "own sum."
        ), fitting_loss(case, loss, head)  # fmt: skip
    if head.activation in GIVES and _within_one(case, loss):
        return None  # a tanh of a sigmoid
    if head.activation in GIVES and not (head.activation in POSITIVE and loss.name in CLASSES):
        fix = _activation_for(case, loss, head)
        return Level.PROVED if _leaves(case, loss, head) else Level.SUSPECTED, (
            f"{short} expects {wants}, but the last layer ({head.activation}) returns "
            f"{_gives(case, loss, head)}. {outside(case, loss)}"
        ), fix  # fmt: skip
    if not loss.known:
        return None
    if head.activation == "sigmoid" and loss.name in (*CLASSES, "kl_divergence"):
        what = (
            "on TensorFlow the loss is computed from the logits before the sigmoid, so training "
            "fits a softmax of the logits, while predict() returns sigmoids"
            if head.recovered
            else "the loss divides each row by its sum, but predict() does not"
            if loss.name in CLASSES
            else (
                "the loss does not scale the outputs to sum to 1, and the loss is smallest if all "
                "outputs are 1"
            )
        )  # fmt: skip
        return (
            Level.PROVED,
            f"{short} expects {wants}, but nothing makes the outputs of {head.width} sigmoids "
            f"add up to 1; {what}.",
            _one_or_several(case, loss, head),
        )
    if head.activation == "softmax" and loss.name == "binary_crossentropy" and head.width > 1:
        return _binary_of_classes(case, loss, head)
    return None


def _binary_of_classes(case: DiagnosisContext, loss: Loss, head: Head) -> tuple[Level, str, str]:
    """Describe a binary cross-entropy of a softmax over several classes."""
    fix = fitting_loss(case, loss, head)
    if head.recovered:
        return Level.PROVED, (
            "on TensorFlow the loss is computed from the logits before the softmax, so "
            f"training fits {head.width} independent sigmoids, while predict() returns a "
            "softmax."
        ), fix  # fmt: skip
    if not accepts_targets(case, loss) and case.y is not None:
        return Level.SUSPECTED, (
            f"binary crossentropy expects one target for each of the {head.width} outputs of "
            f"the softmax, but the targets have shape {case.y[loss.output].shape}."
        ), fix  # fmt: skip
    counts = [m.name for m in case.program.metrics if m.kind == "BinaryAccuracy"]
    high = "".join(
        f" The metric `{name}` counts every entry of a row, so it is misleadingly high."
        for name in counts[:1]
    )
    return Level.SUSPECTED, (
        f"binary crossentropy is applied to a softmax of {head.width} classes: it scores each "
        f"class as a separate question, as if the outputs did not add up to 1.{high}"
    ), fix  # fmt: skip


def _activation_for(case: DiagnosisContext, loss: Loss, head: Head) -> str:
    """Propose an activation for a cross-entropy, or its form that reads logits.

    The proposed loss is another one if the targets do not fit the loss.
    """
    name = loss.name
    if not accepts_targets(case, loss):
        name = fitting_crossentropy(case, loss)
        if not name:
            return fitting_loss(case, loss, head)
    activation = "sigmoid" if name == "binary_crossentropy" else "softmax"
    fix = f'activation="{activation}" in the last layer'
    fix += "" if name == loss.name else f' with loss="{name}"'
    if head.activation == "linear" and name != "kl_divergence":
        camel = "".join(word.capitalize() for word in name.split("_"))
        fix += f"   or   loss=keras.losses.{camel}(from_logits=True)"
    return fix


def _one_or_several(case: DiagnosisContext, loss: Loss, head: Head) -> str:
    """Propose a fix for sigmoids with a categorical loss: a softmax, a binary loss, or either.

    The fix depends on whether each row of labels adds up to 1.
    """
    single = 'activation="softmax" in the last layer'
    several = 'loss="binary_crossentropy"   # a row may have several labels'
    y = case.targets(loss)
    if not accepts_targets(case, loss):
        return fitting_loss(case, loss, head)
    if loss.name.startswith("sparse") or y is None or y.ndim < 2:
        return single
    alone = bool(np.all(np.abs(y.sum(axis=-1) - 1.0) < 1e-3))
    return f"{single}\nor {several}" if alone else several


def _gives(case: DiagnosisContext, loss: Loss, head: Head) -> str:
    """Describe in a phrase the numbers that the last layer returns."""
    ends = computed_ends(case, case.program.output_tensors[loss.output])
    lo, hi = (-np.inf, np.inf) if ends is None else (float(ends[0].min()), float(ends[1].max()))
    if np.isfinite(lo) or np.isfinite(hi):
        return f"numbers in {span(lo, hi)}"
    free = head.activation == "linear" and head.moved == "bias" and not _is_constrained(case, head)
    return "any number" if free else "numbers that are not confined to [0, 1]"


def _within_one(case: DiagnosisContext, loss: Loss) -> bool:
    """Return whether the output is proved to lie in [0, 1] for all weights, up to 1e-9."""
    ends = computed_ends(case, case.program.output_tensors[loss.output])
    return ends is not None and bool(np.all(ends[0] >= -1e-9) and np.all(ends[1] <= 1 + 1e-9))


def _is_constrained(case: DiagnosisContext, head: Head) -> bool:
    """Return whether a constraint may exclude some values of the last layer's weights."""
    trained = [w for w in case.program.weights if w.trainable]
    last = [w for w in trained if w.layer == head.layer.split("/")[-1]]
    return any(w.constrained for w in last or trained)


def _leaves(case: DiagnosisContext, loss: Loss, head: Head) -> bool:
    """Return whether the output provably lies outside [0, 1] for some weights.

    This is proved in three cases. First, the last layer has a trained bias without constraints.
    Second, it has a trained kernel without constraints and a nonzero input for some row. The input
    is nonzero if the activation maps 0 to 0 and an output is nonzero. Third, a current output is
    already outside [0, 1].
    """
    free = bool(head.moved) and not _is_constrained(case, head)
    if free and head.moved == "bias":
        return True
    if not case.predictions:
        return False
    output = case.predictions[loss.output]
    if free and head.activation not in POSITIVE and bool((output != 0).any()):
        return True
    return bool(((output < 0) | (output > 1)).any())


def _check_distance(
    case: DiagnosisContext, loss: Loss, head: Head
) -> tuple[Level, str, str] | None:
    y = case.targets(loss)
    if y is None or head.activation not in ("softmax", "sigmoid"):
        return None
    if not np.isin(y, (0.0, 1.0)).all() or (y.ndim > 1 and y.shape[-1] != head.width):
        return None
    if head.activation == "softmax" and head.width < 2:
        return None
    what = loss.name.replace("mean_", "").replace("_", " ")
    name = "binary_crossentropy"
    if head.activation == "softmax":
        name = fitting_crossentropy(case, loss)
    elif not accepts_targets(case, loss):
        return None
    alone = len(case.program.losses) == 1
    gained = case.trials.gain(Change(loss=name)) if alone else None
    level, more = Level.SUSPECTED, ""
    if gained is not None:
        # If the original loss learns too, the other one is merely faster.
        level = Level.MEASURED if gained[0] > LEARNED else Level.SUSPECTED
        more = f" {case.trials.describe_gain(gained, 'with the crossentropy', what)}"
    elif head.activation == "sigmoid":
        return None
    article = "an" if what[0] == "a" else "a"
    return level, (
        f"{article} {what} of a {head.activation} has a small gradient exactly where the "
        f"{head.activation} is confident and wrong; for labels of 0 and 1, the crossentropy does "
        f"not have this problem.{more}"
    ), f'loss="{name}"'  # fmt: skip
