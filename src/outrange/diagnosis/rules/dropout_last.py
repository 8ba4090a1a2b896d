"""OR019: a dropout behind the output."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import short


def _last(keras: ModuleType, rate: float, last: bool) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    y = np.eye(3, dtype="float32")[x[:, :3].argmax(axis=1)]
    middle = [] if last else [keras.layers.Dropout(rate)]
    end = [keras.layers.Dropout(rate, name="last")] if last else []
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(16, "tanh"),
            *middle,
            keras.layers.Dense(3, "softmax"),
            *end,
        ]
    )
    model.compile("adam", "categorical_crossentropy")
    return model, x, y


@register(
    "OR019", "dropout is applied to the output",
    """The last layer is a dropout: in training every output is set to 0 with that probability and
    otherwise enlarged, so the loss compares targets with random zeros, and a softmax no longer adds
    up to 1. PROVED is a fact of the structure. Dropout belongs between hidden layers.""",
    Example(lambda k: _last(k, 0.5, True), lambda k: _last(k, 0.5, False)),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """A dropout layer that returns the output itself."""
    for head in case.program.heads:
        if head.dropped > 0:
            yield rule.found(
                Level.PROVED, head.layer,
                f"a dropout comes last: in training each output is 0 with probability "
                f"{short(head.dropped)}{_otherwise(head.dropped)}, whatever the target is.",
                "take the last Dropout away, or put it before the last layer",
                cost={"share": head.dropped}, holds_for="every step of training",
            )  # fmt: skip


def _otherwise(rate: float) -> str:
    return f", and {short(1 / (1 - rate))} times as large otherwise" if rate < 1 else ""
