"""OR019: dropout applied to the output."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ..changes import Change
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import short


DISTANCES = ("mean_squared_error", "mean_absolute_error", "huber", "log_cosh")
"""Losses that, when dropout is applied to the output, are minimized by outputs that are too small.

The best output before the dropout is at most `1 - rate` times the target.
"""

HOLDS = {
    Level.PROVED: "every step of training",
    Level.MEASURED: "training from the stored weights",
    Level.SUSPECTED: "",
}
"""Map from the level of a finding to the scope in which it holds, as a phrase."""


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
    """The last layer is a dropout layer. In training it sets each output to 0 with a probability
    equal to its rate, and scales up the outputs that remain. So the loss compares targets with
    random zeros, and the outputs of a softmax no longer add up to 1. The finding is PROVED if the
    loss measures a distance to the targets, because such a loss then has its minimum at outputs
    that are too small. It is also PROVED if the rate is 1, so that all outputs are dropped. Under
    other losses, such as a cross-entropy, the largest output may still be the right one. The
    finding is then MEASURED if copies of the model trained without any dropout reach a lower loss
    on held-out rows, and SUSPECTED otherwise. Use dropout only between hidden layers.""",
    Example(lambda k: _last(k, True, "mse"), lambda k: _last(k, False, "mse")),
    Example(
        lambda k: _last(k, True, "categorical_crossentropy"),
        lambda k: _last(k, False, "categorical_crossentropy"),
        level=Level.SUSPECTED,
    ),
    may_be_harmless=True,
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report dropout layers whose result is an output of the model."""
    distances = {
        loss.output for loss in case.program.losses if loss.known and loss.name in DISTANCES
    }
    for i, head in enumerate(case.program.heads):
        if head.dropped <= 0:
            continue
        level, gained = Level.PROVED, None
        if i not in distances and head.dropped < 1:
            gained = case.trials.heldout_gain(Change(without="noise"))
            level = Level.SUSPECTED if gained is None else Level.MEASURED
        gain = (
            "" if gained is None else f" {case.trials.describe_gain(gained, 'without any dropout')}"
        )
        yield rule.finding(
            level, head.layer,
            f"the last layer is a dropout layer: in training each output is 0 with probability "
            f"{short(head.dropped)}{_otherwise(head.dropped)}, whatever the target is.{gain}",
            "remove the Dropout layer at the end, or move it before the last layer with weights",
            cost={"share": head.dropped},
            holds_for=HOLDS[level],
        )  # fmt: skip


def _otherwise(rate: float) -> str:
    return f", and {short(1 / (1 - rate))} times as large otherwise" if rate < 1 else ""
