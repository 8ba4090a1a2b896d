"""OR010: labels that do not fit the loss."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Head, Loss
from ..baselines import EPSILON
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import share, short, span
from .fitting_losses import accepts_targets, fitting_loss
from .probabilities import CLASSES
from .shapes import as_read


def _sparse(
    keras: ModuleType,
    shift: int = 0,
    scale: float = 1.0,
    units: int = 3,
    loss: str = "sparse_categorical_crossentropy",
) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    labels = (x[:, :3].argmax(axis=1)[:, None] + shift) * scale
    activation = "softmax" if units > 1 else "sigmoid"
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(16, "relu"),
            keras.layers.Dense(units, activation),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1), loss)
    return model, x, labels


def _line(keras: ModuleType, loss: str, least: float) -> ModelAndData:
    x = np.arange(8.0)[:, None]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(0.01), loss)
    return model, x, x + least


@register(
    "OR010", "labels do not fit the loss",
    """A sparse categorical cross-entropy over K units expects classes 0 to K-1. A label outside
    this range raises an error on TensorFlow and PyTorch, and is silently ignored on JAX. Fractions
    are truncated to integers. A categorical cross-entropy expects rows of K numbers that add up to
    1. A binary cross-entropy expects labels in [0, 1]. With labels outside this interval, the loss
    can become negative. If such a loss is computed from logits, it has no lower bound. A mean
    absolute percentage error divides by 1e-7 where the target is 0, so these rows outweigh all
    others. A mean squared logarithmic error replaces negative targets by 1e-7. The finding is
    PROVED, because it follows from the given labels. Rows that do not add up to 1 are only
    SUSPECTED.""",
    Example(lambda k: _sparse(k, shift=1), lambda k: _sparse(k)),
    Example(lambda k: _sparse(k, scale=1 / 255), lambda k: _sparse(k)),
    Example(
        lambda k: _sparse(k, units=1, loss="binary_crossentropy"),
        lambda k: _sparse(k, units=3),
    ),
    Example(lambda k: _line(k, "mape", 0.0), lambda k: _line(k, "mape", 1.0)),
    Example(lambda k: _line(k, "msle", -3.0), lambda k: _line(k, "msle", 0.0)),
    may_be_harmless=True,
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report labels whose values or shapes differ from those that the loss expects."""
    for loss in case.program.losses:
        head, read = case.head(loss), as_read(case, loss)
        if head is None or read is None or not loss.known or not np.isfinite(read[0]).all():
            continue
        # The loss casts labels to its type, which may round them to integers.
        y, shape = read[0].astype(loss.options.get("dtype", "float32")).astype(np.float64), read[1]
        if shape[1:] != case.program.outputs[loss.output][1] and loss.name in CLASSES:
            continue  # Keras squeezes the output, so its last axis does not count the classes
        look = {
            "sparse_categorical_crossentropy": _of_classes,
            "categorical_crossentropy": _of_rows,
            "binary_crossentropy": _of_probabilities,
            "mean_absolute_percentage_error": _of_divisors,
            "mean_squared_logarithmic_error": _of_logarithms,
        }.get(loss.name)
        skipped = loss.options.get("ignore_class")
        if skipped is not None:
            y = np.where(y == skipped, 0.0, y)
        for message, fix, cost in look(case, loss, y, head) if look else ():
            level = Level.SUSPECTED if "rows" in cost else Level.PROVED
            yield rule.finding(
                level, head.layer, message, fix, cost=cost,
                interval=(float(y.min()), float(y.max())), holds_for="the labels you gave",
            )  # fmt: skip


IGNORED = -100
"""The label that PyTorch's losses ignore."""

SCALES = (2.0, 9.0, 10.0, 100.0, 255.0)
"""Common divisors for scaling inputs such as images, by which class numbers are sometimes divided
by mistake."""

Complaint = tuple[str, str, dict[str, Any]]
"""The message, the fix and the cost of a finding."""


def _of_classes(
    case: DiagnosisContext, loss: Loss, y: np.ndarray, head: Head
) -> Iterator[Complaint]:
    shape = case.program.outputs[loss.output][1]
    if y.shape[1:] == shape and head.width > 1:
        yield (
            f"sparse categorical crossentropy expects one class number per row, but gets rows of "
            f"{y.shape[-1]} numbers.", 'loss="categorical_crossentropy"', {},
        )  # fmt: skip
        return
    fractions = y != np.floor(y)
    if fractions.any():
        classes = np.unique(np.trunc(y))
        yield (
            f"{share(int(fractions.sum()), y.size)} labels are not integers; the loss truncates "
            f"them, which leaves {len(classes)} class{'es' if len(classes) > 1 else ''}.",
            _restore_classes(y, head.width), {},
        )  # fmt: skip
    outside = (np.trunc(y) < 0) | (np.trunc(y) > head.width - 1)
    if outside.any():
        least, most = int(y.min()), int(y.max())
        ends = {
            "jax": "On JAX the loss silently ignores the rows with these labels.",
            "tensorflow": (
                "On TensorFlow `fit` raises InvalidArgumentError, or the loss is NaN on "
                "a GPU or with jit_compile=True."
            ),
        }.get(case.program.backend, "On PyTorch `fit` raises an out-of-bounds error.")
        if case.program.backend == "torch" and (np.trunc(y)[outside] == IGNORED).all():
            ends = f"PyTorch silently ignores labels of {IGNORED}."
        fix = f"y = y - {least}" if most - least < head.width else f"Dense({most + 1})"
        yield (
            f"{share(int(outside.sum()), y.size)} labels are outside 0..{head.width - 1}, the "
            f"classes of {head.width} units; your labels range from {least} to {most}. {ends}",
            fix, {"outside": int(outside.sum())},
        )  # fmt: skip


def _restore_classes(y: np.ndarray, classes: int) -> str:
    """Propose code that restores class numbers that were divided by a scale.

    The scale is the first of `SCALES` that fits. If none fits, the code only converts the labels to
    integers.
    """
    for scale in SCALES:
        near = np.abs(y * scale - np.rint(y * scale)).max() < 1e-3
        if near and np.rint(y.max() * scale) < classes:
            return f"y = np.rint(y * {scale:g})   # undo the scaling of the class numbers"
    return "y = y.astype(int)   # pass the class numbers without scaling"


def _of_rows(case: DiagnosisContext, loss: Loss, y: np.ndarray, head: Head) -> Iterator[Complaint]:
    if head.width == 1:
        return
    if y.ndim == 1 or y.shape[-1] != head.width:
        yield (
            f"categorical crossentropy expects rows of {head.width} numbers, but gets labels of "
            f"shape {y.shape}.", fitting_loss(case, loss, head), {},
        )  # fmt: skip
        return
    sums = y.sum(axis=-1)
    wrong = (np.abs(sums - 1.0) > 1e-3) & (sums != 0)  # rows of zeros are masked on purpose
    if wrong.any():
        yield (
            f"{share(int(wrong.sum()), sums.size)} rows of labels do not add up to 1 (their sums "
            f"are in {span(float(sums.min()), float(sums.max()))}), so no softmax can fit them.",
            'several labels per row: activation="sigmoid" with loss="binary_crossentropy"',
            {"rows": int(wrong.sum())},
        )  # fmt: skip


def _of_probabilities(
    case: DiagnosisContext, loss: Loss, y: np.ndarray, head: Head
) -> Iterator[Complaint]:
    values = np.unique(y)
    y = y * (1 - loss.smoothing) + 0.5 * loss.smoothing
    outside = (y < -ROUNDING) | (y > 1 + ROUNDING)
    if not outside.any():
        return
    fix = "y = (y + 1) / 2" if set(values) == {-1.0, 1.0} else "labels in [0, 1]"
    if len(values) == 2 and set(values) != {-1.0, 1.0}:
        fix = "y = (y - y.min()) / (y.max() - y.min())   # labels 0 and 1"
    if len(values) > 2 and (values == np.floor(values)).all() and len(values) <= 1000:
        most = int(values.max())
        fix = f'Dense({most + 1}, "softmax") with loss="sparse_categorical_crossentropy"'
        if values.min() < 0 or y[0].size > 1:
            fix = 'loss="mse" and activation=None   # the targets are not probabilities'
    elif len(values) > 2:
        fix = 'loss="mse" and activation=None   # the targets are not probabilities'
    if not accepts_targets(case, loss):
        fix = fitting_loss(case, loss, head)
    smoothed = f" after label_smoothing={loss.smoothing:g}" if loss.smoothing else ""
    yield (
        f"{share(int(outside.sum()), y.size)} targets are outside [0, 1]{smoothed} (they are in "
        f"[{_exact(float(y.min()))}, {_exact(float(y.max()))}]); "
        f"{_consequence(case, loss, head)}", fix,
        {"outside": int(outside.sum())},
    )  # fmt: skip


def _of_divisors(
    case: DiagnosisContext, loss: Loss, y: np.ndarray, head: Head
) -> Iterator[Complaint]:
    zero = np.abs(y) < EPSILON
    if not zero.any() or zero.all():
        return
    middle = float(np.median(np.abs(y[~zero])))
    yield (
        f"{share(int(zero.sum()), y.size)} targets are 0, and the percentage error divides by "
        f"{EPSILON:g} there: an error at such a target counts {short(middle / EPSILON)} times as "
        f"much as the same error at a target of {short(middle)}.",
        'loss="mean_absolute_error"   # or drop the rows whose target is 0',
        {"zeros": int(zero.sum())},
    )  # fmt: skip


def _of_logarithms(
    case: DiagnosisContext, loss: Loss, y: np.ndarray, head: Head
) -> Iterator[Complaint]:
    negative = y < -ROUNDING
    if not negative.any():
        return
    yield (
        f"{share(int(negative.sum()), y.size)} targets are negative (the least is "
        f"{short(float(y.min()))}), and the logarithmic error replaces them and negative outputs "
        f"by {EPSILON:g}: such targets cannot be learned, and such outputs have no gradient.",
        'loss="mean_squared_error"', {"negative": int(negative.sum())},
    )  # fmt: skip


ROUNDING = 1e-6
"""Permitted distance of a label from [0, 1], which the rounding of a scaler may cause.

A label at this distance makes the loss only slightly negative: if the probability is clipped at
1e-7, one term of the loss is `-16.1 * 1e-6`, and the other is 1e-7.
"""


def _exact(value: float) -> str:
    """Format a number with four digits, or with nine if four do not distinguish it from 0 or 1."""
    text = short(value)
    return f"{value:.9g}" if text in ("0", "1") and value not in (0.0, 1.0) else text


def _consequence(case: DiagnosisContext, loss: Loss, head: Head) -> str:
    """Describe in a sentence the consequence of labels outside [0, 1]."""
    if case.program.backend == "torch" and not loss.from_logits:
        return "PyTorch rejects them with an error."
    if head.recovered or (loss.from_logits and head.activation == "linear"):
        return (
            "for such targets, binary crossentropy has no lower bound: it becomes negative and "
            "falls forever as the logit grows in one direction."
        )
    if loss.from_logits:
        return (
            "for such targets, binary crossentropy is lowest at one end of the range of the output."
        )
    return (
        "for such targets, binary crossentropy becomes negative, and its minimum is where Keras "
        "clips the prediction and the gradient vanishes."
    )
