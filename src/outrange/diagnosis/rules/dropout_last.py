"""OR019: a dropout behind the output."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ..changes import Change
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import short


DISTANCES = ("mean_squared_error", "mean_absolute_error", "huber", "log_cosh")
"""Losses that are least, over a dropped output, at (1 - rate) of the target or less."""

HOLDS = {
    Level.PROVED: "every step of training",
    Level.MEASURED: "trainings from the stored weights",
    Level.SUSPECTED: "",
}
"""What a finding of each level holds for."""


def _last(keras: ModuleType, last: bool, loss: str) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    y = np.eye(3, dtype="float32")[x[:, :3].argmax(axis=1)]
    middle = [] if last else [keras.layers.Dropout(0.5)]
    end = [keras.layers.Dropout(0.5, name="last")] if last else []
    activation = None if loss == "mse" else "softmax"
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(16, "tanh"),
            *middle,
            keras.layers.Dense(3, activation),
            *end,
        ]
    )
    model.compile("adam", loss)
    return model, x, y


@register(
    "OR019", "dropout is applied to the output",
    """The last layer is a dropout: in training every output is set to 0 with that probability and
    otherwise enlarged, so the loss compares targets with random zeros, and a softmax no longer adds
    up to 1. PROVED where the loss measures a distance to the targets (it is least at outputs that
    are too small), or where everything is dropped. Under other losses, such as a cross-entropy, the
    order of the outputs may survive: MEASURED where copies trained without any dropout get further
    on rows they have not seen, else SUSPECTED. Dropout belongs between hidden layers.""",
    Example(lambda k: _last(k, True, "mse"), lambda k: _last(k, False, "mse")),
    Example(
        lambda k: _last(k, True, "categorical_crossentropy"),
        lambda k: _last(k, False, "categorical_crossentropy"),
        level=Level.SUSPECTED,
    ),
    may_be_harmless=True,
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """A dropout layer that returns the output itself."""
    distances = {one.output for one in case.program.losses if one.known and one.name in DISTANCES}
    for i, head in enumerate(case.program.heads):
        if head.dropped <= 0:
            continue
        level, gained = Level.PROVED, None
        if i not in distances and head.dropped < 1:
            gained = case.trials.gain_unseen(Change(without="noise"))
            level = Level.SUSPECTED if gained is None else Level.MEASURED
        said = "" if gained is None else f" {case.trials.said(gained, 'without any dropout')}"
        yield rule.found(
            level, head.layer,
            f"a dropout comes last: in training each output is 0 with probability "
            f"{short(head.dropped)}{_otherwise(head.dropped)}, whatever the target is.{said}",
            "take the last Dropout away, or put it before the last layer",
            cost={"share": head.dropped},
            holds_for=HOLDS[level],
        )  # fmt: skip


def _otherwise(rate: float) -> str:
    return f", and {short(1 / (1 - rate))} times as large otherwise" if rate < 1 else ""
