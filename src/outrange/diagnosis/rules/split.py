"""OR028: rows kept for validation that are of another kind."""

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
"""Share of rows that would have to change class for both parts to be alike; the same where all rows
are in the order of their classes."""

FAR = 5.0
"""Deviations by which the mean of a feature may differ."""


def _flowers(keras: ModuleType, order: bool) -> ModelAndData:
    model, x, y = three_classes(keras)
    if order:
        at = np.argsort(y, kind="stable")
        x, y = x[at], y[at]
    return model, x, y[:, None]


@register(
    "OR028", "the rows kept for validation are of another kind",
    """`validation_split` takes the last rows, before any shuffling. Where rows are sorted by class,
    whole classes are never trained, and the validation measures those alone. PROVED are classes
    that only the kept rows have, facts of the data; MEASURED are shares of the classes that differ
    by half of the rows or more (a fifth, where the rows are in the order of their classes), and
    targets of a regression that lie outside of all that is
    trained; SUSPECTED are inputs whose mean differs by five deviations. Needs `validation_split` in
    the call.""",
    Example(
        lambda k: _flowers(k, True), lambda k: _flowers(k, False),
        options={"validation_split": 0.3},
    ),
    may_be_harmless=True,
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Compare targets and inputs of the two parts."""
    if case.held_out is None:
        return
    x, targets = case.held_out
    said = False
    for loss in case.program.losses:
        y = case.targets(loss)
        if y is None or loss.output >= len(targets) or (loss.native and not loss.known):
            continue
        kept = np.asarray(targets[loss.output], np.float64)
        head = case.head(loss)
        found = _classes(loss, y, kept) or _numbers(loss, y, kept)
        if found is not None:
            said = True
            level, message = found
            yield rule.found(
                level, head.layer if head else "", message,
                "order = np.random.permutation(len(x)); x, y = x[order], y[order]   # before fit",
                holds_for="the data and the split you gave",
            )  # fmt: skip
    if not said:
        yield from _inputs(rule, case, x)


def _labels(loss: Loss, y: np.ndarray) -> np.ndarray | None:
    """Class numbers of hard labels; None of numbers that may be measured, or shares of classes."""
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


def _classes(loss: Loss, y: np.ndarray, kept: np.ndarray) -> tuple[Level, str] | None:
    if not len(kept) or not (kept == np.floor(kept)).all():
        return None
    if loss.name in REGRESSION and not all(np.isin(a, (-1.0, 0.0, 1.0)).all() for a in (y, kept)):
        return None  # two numbers that were measured
    trained, unseen = _labels(loss, y), _labels(loss, kept)
    if loss.name == "binary_crossentropy" and y[0].size == 1 and (y == np.floor(y)).all():
        trained = y.reshape(-1)  # of one class only, too
    if trained is None or (unseen is None and loss.name == "categorical_crossentropy"):
        return None
    unseen = kept.reshape(-1) if unseen is None else unseen
    values = np.union1d(trained, unseen)
    if len(values) > max(50, 0.2 * len(trained)):
        return None
    new = np.setdiff1d(unseen, trained)
    rises = np.diff(np.concatenate([trained, unseen]))
    in_order = len(rises) > 20 and bool((rises >= 0).all() or (rises <= 0).all())
    sorted_rows = " The rows are sorted." if in_order else ""
    if len(new):
        count = int(np.isin(unseen, new).sum())
        return Level.PROVED, (
            f"class {names(f'{v:g}' for v in new)} occurs in the rows kept for validation only "
            f"({share(count, len(unseen))} of them): no row of it is trained.{sorted_rows}"
        )
    shares = [np.mean(part[:, None] == values, axis=0) for part in (trained, unseen)]
    apart = float(np.abs(shares[0] - shares[1]).sum() / 2)
    if apart < (SORTED if in_order else APART):
        return None
    return Level.MEASURED, (
        f"the classes of the rows kept for validation are others: {100 * apart:.0f} % of them "
        f"would have to change class to be as in training.{sorted_rows}"
    )


def _numbers(loss: Loss, y: np.ndarray, kept: np.ndarray) -> tuple[Level, str] | None:
    if loss.name.endswith("crossentropy") or not kept.size or not np.isfinite(kept).all():
        return None
    y, kept = y.reshape(len(y), -1), kept.reshape(len(kept), -1)
    if y.shape[1] != 1 or len(kept) < 10:
        return None
    outside = (kept < y.min()) | (kept > y.max())
    if outside.mean() < 0.9:
        return None
    rises = np.diff(np.concatenate([y, kept]), axis=0)
    in_order = bool((rises >= 0).all() or (rises <= 0).all())
    return Level.MEASURED, (
        f"the targets of {share(int(outside.sum()), outside.size)} rows kept for validation lie "
        f"outside of all that is trained: {span(float(kept.min()), float(kept.max()))} instead of "
        f"{span(float(y.min()), float(y.max()))}.{' The rows are sorted.' * in_order}"
    )


def _inputs(rule: Rule, case: DiagnosisContext, x: list[np.ndarray]) -> Iterator[Finding]:
    kept = np.concatenate([np.asarray(a, np.float64).reshape(len(a), -1) for a in x], axis=1)
    spread = case.flat.std(axis=0)
    moving = spread > 0
    if not moving.any() or not np.isfinite(kept).all() or not case.sound_rows.all():
        return
    apart = np.abs(kept.mean(axis=0) - case.flat.mean(axis=0))[moving] / spread[moving]
    if apart.max() > FAR:
        at = int(np.flatnonzero(moving)[apart.argmax()])
        name = f"`{case.names[at]}`" if len(case.names) == len(moving) else f"feature {at}"
        yield rule.found(
            Level.SUSPECTED, "",
            f"the mean of {name} in the rows kept for validation is {apart.max():.1f} deviations "
            "from that of the rows trained on.",
            "order = np.random.permutation(len(x)); x, y = x[order], y[order]   # before fit",
        )  # fmt: skip
