"""OR040: a metric that cannot become high, because the targets are not of the kind it expects."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import at_most, share
from .hinge import HINGES
from .shapes import as_read


MOST = 0.9
"""Largest value of the metric for a finding."""


def _line(keras: ModuleType, metric: str) -> ModelAndData:
    x = np.linspace(-1, 1, 20)[:, None]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.1), "mse", metrics=[metric])
    return model, x, 3 * x + 0.5


@register(
    "OR040", "the metric does not fit the targets",
    """For an output of one unit, Keras resolves the metric "accuracy" to BinaryAccuracy. It turns
    each output into 0 or 1 by a threshold, and counts how often the result equals the target. A
    target that is neither 0 nor 1 never equals it, so the metric is at most the fraction of targets
    that are 0 or 1, however good the predictions are. The finding is PROVED, because it follows
    from the targets. It concerns the reported number only, since metrics have no effect on
    training.""",
    Example(lambda k: _line(k, "accuracy"), lambda k: _line(k, "mae")),
    Example(lambda k: _line(k, "binary_accuracy"), lambda k: _line(k, "mse")),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report a binary accuracy of targets other than 0 and 1."""
    if len(case.program.losses) != 1:
        return
    (loss,) = case.program.losses
    head, read = case.head(loss), as_read(case, loss)
    # Without a known loss, the output may be masked, and then some targets do not count.
    if read is None or head is None or not loss.known or read[0].shape != read[1]:
        return
    y = read[0].astype(np.float32)
    wrong = int((~np.isin(y, (0.0, 1.0))).sum())
    most = (y.size - wrong) / max(y.size, 1)
    for metric in case.program.metrics:
        if metric.kind != "BinaryAccuracy" or not wrong or most > MOST:
            continue
        fix = 'metrics=["mae"]   # or keras.metrics.R2Score(), for a regression'
        if loss.name in HINGES and np.isin(y, (-1.0, 1.0)).all():
            fix = "keras.metrics.BinaryAccuracy(threshold=0.0), with y = (y + 1) / 2"
        elif loss.name == "binary_crossentropy":
            fix = 'metrics=["mae"]   # or compare y > 0.5 with the outputs'
        yield rule.finding(
            Level.PROVED, head.layer,
            f"the metric `{metric.name}` compares outputs that are rounded to 0 or 1 with the "
            f"targets, of which {share(wrong, y.size)} are neither 0 nor 1. It is "
            f"{_limit(most)}, however good the predictions are. Training ignores it.",
            fix, cost={"most": most}, holds_for="all weights, on these rows",
        )  # fmt: skip


def _limit(most: float) -> str:
    return f"at most {at_most(100 * most)} %" if most else "always 0"
