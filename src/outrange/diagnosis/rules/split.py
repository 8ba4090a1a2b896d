"""OR028: rows held out for validation that differ from the training rows."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Loss
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import names, share, span
from .data import three_classes
from .targets import REGRESSION


APART, SORTED = 0.5, 0.2
"""Thresholds for a finding about the validation rows: the fraction of these rows that would have to
change class to match the class frequencies of the training rows. The first threshold applies to
unordered rows, the second to rows sorted by class."""

FAR = 5.0
"""Permitted difference between the means of a feature in the training rows and in the validation
rows, in standard deviations."""


def _flowers(keras: ModuleType, order: bool) -> ModelAndData:
    model, x, y = three_classes(keras)
    if order:
        at = np.argsort(y, kind="stable")
        x, y = x[at], y[at]
    return model, x, y[:, None]


@register(
    "OR028", "the validation rows differ from the training rows",
    """This rule applies only to calls with `validation_split`. Keras uses the last rows for
    validation and splits them off before it shuffles the rows. If the rows are sorted by class, the
    model is never trained on some classes, and the validation measures only those classes. The
    finding is PROVED if some class occurs only in the validation rows. It is MEASURED if at least
    half of the validation rows (a fifth if the rows are sorted by class) would have to change class
    to match the class distribution of the training rows. It is also MEASURED if at least 90 % of
    the validation targets of a regression lie outside the range of the training targets. It is
    SUSPECTED if the mean of an input in the validation rows is more than five standard deviations
    away from its mean in the training rows.""",
    Example(
        lambda k: _flowers(k, True), lambda k: _flowers(k, False),
        options={"validation_split": 0.3},
    ),
    may_be_harmless=True,
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report validation rows whose targets or inputs have another distribution than in training.

    `APART`, `SORTED` and `FAR` contain the thresholds. Inputs are compared only if no targets are
    reported.
    """
    if case.held_out is None:
        return
    x, targets = case.held_out
    reported = False
    for loss in case.program.losses:
        y = case.targets(loss)
        if y is None or loss.output >= len(targets) or (loss.native and not loss.known):
            continue
        validation = np.asarray(targets[loss.output], np.float64)
        head = case.head(loss)
        result = _classes(loss, y, validation) or _numbers(loss, y, validation)
        if result is not None:
            reported = True
            level, message = result
            yield rule.finding(
                level, head.layer if head else "", message,
                "order = np.random.permutation(len(x)); x, y = x[order], y[order]   # before fit",
                holds_for="the data and the split you gave",
            )  # fmt: skip
    if not reported:
        yield from _inputs(rule, case, x)


def _labels(loss: Loss, y: np.ndarray) -> np.ndarray | None:
    """Return the class number of each target; None if they are not recognized as classes."""
    if not (y == np.floor(y)).all():
        return None
    if loss.name == "sparse_categorical_crossentropy":
        return y.reshape(-1)
    if loss.name == "categorical_crossentropy" and y.ndim > 1 and y.shape[-1] > 1:
        alone = np.isin(y, (0.0, 1.0)).all() and (y.sum(axis=-1) == 1.0).all()
        return y.argmax(axis=-1).reshape(-1) if alone else None
    if y[0].size == 1 and len(np.unique(y)) == 2:
        return y.reshape(-1)
    return None


def _classes(loss: Loss, y: np.ndarray, validation: np.ndarray) -> tuple[Level, str] | None:
    if not len(validation) or not (validation == np.floor(validation)).all():
        return None
    if loss.name in REGRESSION and not all(
        np.isin(a, (-1.0, 0.0, 1.0)).all() for a in (y, validation)
    ):
        return None  # the two numbers may be measurements
    trained, unseen = _labels(loss, y), _labels(loss, validation)
    if loss.name == "binary_crossentropy" and y[0].size == 1 and (y == np.floor(y)).all():
        trained = y.reshape(-1)  # even if there is only one class
    if trained is None or (unseen is None and loss.name == "categorical_crossentropy"):
        return None
    unseen = validation.reshape(-1) if unseen is None else unseen
    values = np.union1d(trained, unseen)
    if len(values) > max(50, 0.2 * len(trained)):
        return None
    new = np.setdiff1d(unseen, trained)
    rises = np.diff(np.concatenate([trained, unseen]))
    in_order = len(rises) > 20 and bool((rises >= 0).all() or (rises <= 0).all())
    sorted_rows = " The rows are sorted by class." if in_order else ""
    if len(new):
        count = int(np.isin(unseen, new).sum())
        return Level.PROVED, (
            f"no training row belongs to {'class' if len(new) == 1 else 'one of the classes'} "
            f"{names(f'{v:g}' for v in new)}, but {share(count, len(unseen))} validation rows do, "
            f"so the model is never trained on such rows.{sorted_rows}"
        )
    shares = [np.mean(part[:, None] == values, axis=0) for part in (trained, unseen)]
    apart = float(np.abs(shares[0] - shares[1]).sum() / 2)
    if apart < (SORTED if in_order else APART):
        return None
    return Level.MEASURED, (
        "the training rows and the validation rows have different class distributions: "
        f"{100 * apart:.0f} % of the validation rows would have to change class to match the "
        f"training rows.{sorted_rows}"
    )


def _numbers(loss: Loss, y: np.ndarray, validation: np.ndarray) -> tuple[Level, str] | None:
    if (
        loss.name.endswith("crossentropy")
        or not validation.size
        or not np.isfinite(validation).all()
    ):
        return None
    y, validation = y.reshape(len(y), -1), validation.reshape(len(validation), -1)
    if y.shape[1] != 1 or len(validation) < 10:
        return None
    outside = (validation < y.min()) | (validation > y.max())
    if outside.mean() < 0.9:
        return None
    rises = np.diff(np.concatenate([y, validation]), axis=0)
    in_order = bool((rises >= 0).all() or (rises <= 0).all())
    return Level.MEASURED, (
        f"the targets of {share(int(outside.sum()), outside.size)} validation rows lie outside the "
        "range of the training targets: the validation targets are in "
        f"{span(float(validation.min()), float(validation.max()))}, and the training targets are "
        f"in {span(float(y.min()), float(y.max()))}.{' The rows are sorted by target.' * in_order}"
    )


def _inputs(rule: Rule, case: DiagnosisContext, x: list[np.ndarray]) -> Iterator[Finding]:
    validation = np.concatenate([np.asarray(a, np.float64).reshape(len(a), -1) for a in x], axis=1)
    spread = case.flat.std(axis=0)
    moving = spread > 0
    if not moving.any() or not np.isfinite(validation).all() or not case.finite_rows.all():
        return
    apart = np.abs(validation.mean(axis=0) - case.flat.mean(axis=0))[moving] / spread[moving]
    if apart.max() > FAR:
        at = int(np.flatnonzero(moving)[apart.argmax()])
        name = f"`{case.names[at]}`" if len(case.names) == len(moving) else f"feature {at}"
        yield rule.finding(
            Level.SUSPECTED, "",
            f"the mean of {name} in the validation rows is {apart.max():.1f} standard deviations "
            "away from its mean in the training rows.",
            "order = np.random.permutation(len(x)); x, y = x[order], y[order]   # before fit",
        )  # fmt: skip
