"""OR031: signs of a failed training run in its history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import NamedTuple

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Stepping
from ..budget.row_losses import RowLoss, row_loss
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import short


STILL = 1e-4
"""Largest relative change of the loss over a whole training run that is regarded as no change."""

GREW = 2.0
"""In a diverging training run, the last loss exceeds the first one by more than this factor."""

FAR = 10.0
"""Ratio of the last loss to the first that shows divergence whatever the losses in between are."""

SWING = 0.3
"""A loss oscillates only if its median change per epoch exceeds this fraction of the median
loss."""

DEPARTS = 1.3
"""A model overfits if its last validation losses exceed the least one by more than this factor."""

NEAR = 0.98
"""Nothing was learned if the last losses are at least this fraction of the best constant's loss."""


def _line(keras: ModuleType) -> ModelAndData:
    x = np.linspace(-1, 1, 32)[:, None].astype("float32")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model, x, 2 * x


def _history_option(*losses: float, **more: list[float]) -> dict[str, dict[str, list[float]]]:
    return {"history": {"loss": list(losses), **more}}


@register(
    "OR031", "the training went badly",
    """This rule needs `history`, the result of `fit`. The finding is MEASURED from the losses that
    were logged after each epoch. It is reported if a loss is NaN or infinite, if the losses jump up
    and down, if the last loss is far above the first, if all losses are the same, if the last loss
    is no lower than the loss of the best constant prediction, or if the validation loss rose while
    the training loss fell. The other rules look for the cause; this rule proposes a remedy for the
    symptom.""",
    Example(
        _line, _line, Level.MEASURED,
        options=_history_option(1.0, 5.0, 90.0, float("nan")),
        twin_options=_history_option(1.0, 0.3, 0.1, 0.05),
    ),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report at most one symptom in the training loss, and a rising validation loss."""
    history = case.history
    if history is None or "loss" not in history:
        return
    losses = history["loss"]
    for look in (_not_finite, _oscillates, _diverges, _never_moved, _as_a_constant):
        symptom = look(case, losses)
        if symptom is not None:
            yield _make_finding(rule, case, losses, symptom)
            break
    validation = history.get("val_loss")
    if validation is not None and len(validation) == len(losses):
        symptom = _departs(case, losses, validation)
        if symptom is not None:
            yield _make_finding(rule, case, validation, symptom)


class Symptom(NamedTuple):
    """The text of a finding.

    Args:
        title: The title; empty for the title of the rule.
        message: The symptom, in full sentences.
        fix: Change of the program that removes the symptom.
        target: The loss at which the fix aims, if it aims at one.
    """

    title: str
    message: str
    fix: str
    target: float | None = None


Look = Callable[[DiagnosisContext, np.ndarray], Symptom | None]


def _make_finding(
    rule: Rule, case: DiagnosisContext, losses: np.ndarray, symptom: Symptom
) -> Finding:
    layer = case.program.heads[0].layer if case.program.heads else ""
    target = {} if symptom.target is None else {"target_loss": symptom.target}
    return rule.finding(
        Level.MEASURED, layer, symptom.message, symptom.fix, title=symptom.title,
        cost={"losses": losses.tolist()} | target, holds_for="the training whose history you gave",
    )  # fmt: skip


def _slower(case: DiagnosisContext, factor: float = 10.0) -> str:
    """Propose the optimizer with a learning rate divided by `factor` and clipped gradients."""
    stepping: Stepping | None = case.program.stepping
    optimizer = case.program.optimizer
    if stepping is None or optimizer is None or optimizer.rate <= 0:
        return "a smaller learning rate"
    rate = short(optimizer.rate / factor)
    return f"keras.optimizers.{stepping.kind}({rate}, clipnorm=1.0)"


def _not_finite(case: DiagnosisContext, losses: np.ndarray) -> Symptom | None:
    bad = np.flatnonzero(~np.isfinite(losses))
    if not bad.size:
        return None
    first = int(bad[0])
    if first == 0:
        before = "already in the first epoch"
    else:
        before = f"in epoch {first + 1} (it was {short(losses[0])} in the first epoch"
        if first > 1:
            before += f" and {short(losses[first - 1])} in the previous one"
        before += ")"
    return Symptom(
        "the loss became NaN or infinite",
        f"the training loss became {losses[first]} {before}. After that, the weights are useless.",
        _slower(case),
    )


def _diverges(case: DiagnosisContext, losses: np.ndarray) -> Symptom | None:
    if len(losses) < 2 or not losses[-1] > GREW * losses[0] > 0:
        return None
    early, late = np.array_split(losses, 2)
    if not (losses[-1] > FAR * losses[0] or np.median(late) > GREW * np.median(early)):
        return None
    top = int(losses.argmax())
    over = f", with a peak of {short(losses[top])}" if losses[top] > 1.2 * losses[-1] else ""
    return Symptom(
        "the training diverged",
        f"the training loss rose from {short(losses[0])} to {short(losses[-1])} in "
        f"{len(losses)} epochs{over}.",
        _slower(case),
    )


def _never_moved(case: DiagnosisContext, losses: np.ndarray) -> Symptom | None:
    spread = float(np.ptp(losses))
    if len(losses) < 3 or spread > STILL * float(np.abs(losses).max()):
        return None
    what = "did not change at all" if spread == 0 else f"changed by only {short(spread)}"
    return Symptom(
        "the loss never moved",
        f"the training loss was {short(losses[0])} in the first epoch and {short(losses[-1])} "
        f"after {len(losses)} epochs: it {what}.",
        f"see the other findings, or {_faster(case)}",
    )


def _faster(case: DiagnosisContext) -> str:
    optimizer = case.program.optimizer
    if optimizer is None or not 0 < optimizer.rate < 1e-2:
        return "keras.optimizers.Adam(1e-3)"
    return f"keras.optimizers.{optimizer.kind}({short(10 * optimizer.rate)})"


def _oscillates(case: DiagnosisContext, losses: np.ndarray) -> Symptom | None:
    """Report losses that jump up and down by more than `SWING` times their median and hardly fall.

    Only the last two thirds of the epochs are examined. From the first half of these epochs to the
    second, the mean loss falls by less than the median jump.
    """
    if len(losses) < 8:
        return None
    late = losses[len(losses) // 3 :]
    steps = np.diff(late)
    typical = float(np.median(np.abs(steps)))
    ups = int((steps > 0).sum())
    level = float(np.median(late))
    fell = float(late[: len(late) // 2].mean() - late[len(late) // 2 :].mean())
    if level > FAR * losses[0]:
        return None  # it diverged
    if not (typical > SWING * level > 0 and 0.3 <= ups / len(steps) <= 0.7 and fell < typical):
        return None
    return Symptom(
        "the loss jumps up and down",
        f"the training loss is about {short(level)} and typically changes by {short(typical)} from "
        f"one epoch to the next; it rose after {ups} of the last {len(steps)} epochs.",
        _slower(case),
    )


def _row_loss(case: DiagnosisContext) -> RowLoss | None:
    """Return the only loss of a program as a function of each row's output.

    Returns None if there is not exactly one loss, or if the loss or its targets are not supported.
    """
    if len(case.program.losses) != 1:
        return None
    loss = case.program.losses[0]
    head, y = case.head(loss), case.targets(loss)
    if head is None or y is None or not np.isfinite(y).all():
        return None
    return row_loss(loss, head, y, case.program.outputs[loss.output][1])


def _as_a_constant(case: DiagnosisContext, losses: np.ndarray) -> Symptom | None:
    """Report a training run that ends with at least `NEAR` times the best constant's loss."""
    rows = _row_loss(case)
    if rows is None or len(losses) < 2:
        return None
    last = float(losses[-max(1, len(losses) // 5) :].min())
    if last < NEAR * rows.constant or rows.constant <= 0:
        return None
    falls = float(losses[-2] - losses[-1])
    message = (
        f"after {len(losses)} epochs the training loss is {short(losses[-1])}, but predicting "
        f"{rows.says} for every row already gives a loss of {short(rows.constant)}."
    )
    if falls > 0 and last > 1.05 * rows.constant:
        left = (last - rows.constant) / falls
        message += f" The training loss still fell by {short(falls)} in the last epoch"
        far = (
            ""
            if left > 1e6
            else (
                "; at this pace, it would reach the loss of the constant prediction after "
                f"{short(np.ceil(left))} more epochs"
            )
        )
        epochs = int(min(3 * (left + len(losses)), 100_000))
        fix = f"model.fit(x, y, epochs={epochs})   # or {_faster(case)}"
        return Symptom("the training ended too early", message + far + ".", fix, rows.constant)
    return Symptom(
        "nothing was learned beyond a constant prediction",
        message, f"see the other findings, or {_faster(case)}",
    )  # fmt: skip


def _departs(case: DiagnosisContext, losses: np.ndarray, validation: np.ndarray) -> Symptom | None:
    """Report a validation loss that rose while the training loss fell."""
    if len(losses) < 4 or not (np.isfinite(losses).all() and np.isfinite(validation).all()):
        return None
    least = int(validation.argmin())
    late = float(np.median(validation[-max(1, len(validation) // 10) :]))
    if least >= len(validation) - 2 or not late > DEPARTS * validation[least] > 0:
        return None
    if not losses[-1] < losses[least]:
        return None
    return Symptom(
        "the validation loss rises while the training loss falls",
        f"the validation loss was lowest in epoch {least + 1}, at {short(validation[least])}, and "
        "is "
        f"{short(validation[-1])} after {len(validation)} epochs, while the training loss kept "
        f"falling from {short(losses[least])} to {short(losses[-1])}.",
        'keras.callbacks.EarlyStopping("val_loss", patience=5, restore_best_weights=True)'
        "\nor keras.layers.Dropout(0.3) after the hidden layers   or a smaller model",
    )
