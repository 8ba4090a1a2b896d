"""OR021: a program in which training changes no weight."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Optimizer
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from .gradient_path import LOOK_IN_MODEL


RESTS = ("SGD", "RMSprop", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "Nadam", "Lion")
"""Optimizers that move no weight at a rate of 0, except through momentum from earlier steps."""


def _plain(keras: ModuleType, rate: float = 0.1, trainable: bool = True) -> ModelAndData:
    x = np.linspace(-1, 1, 16)[:, None].astype("float32")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.layers[0].trainable = trainable
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model, x, 2 * x + 1


@register(
    "OR021", "no weight is trained",
    """This rule reports three cases: no weight is trainable, the learning rate is 0 or negative, or
    all gradients at the stored weights are exactly 0 on the data. The first two cases are PROVED,
    but a learning rate of 0 is only SUSPECTED if the optimizer may still move weights. The last
    case is MEASURED; look for its cause in the other findings.""",
    Example(lambda k: _plain(k, rate=0.0), lambda k: _plain(k)),
    Example(lambda k: _plain(k, trainable=False), lambda k: _plain(k)),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report a program that has no trainable weight, no positive rate, or only zero gradients."""
    program = case.program
    if program.optimizer is None or not program.losses:
        return
    trainable = [i for i, w in enumerate(program.weights) if w.trainable]
    if not trainable:
        yield rule.finding(
            Level.PROVED, "", "no weight of the model is trainable.",
            "layer.trainable = True, then compile again", holds_for="all data",
        )  # fmt: skip
        return
    if program.optimizer.rate <= 0 and not program.optimizer.scheduled:
        yield _no_rate(rule, case, program.optimizer)
        return
    measured = case.measurement
    if case.batch_normalized or measured is None or measured.error:
        return
    if not np.isfinite(measured.loss) or measured.loss == 0:
        return
    if not measured.has_nonzero_gradient:
        yield rule.finding(
            Level.MEASURED, "",
            f"the gradients of all {len(trainable)} trainable weights are exactly 0 on your data, "
            "so training does not change these weights.",
            f"see the other findings, or {LOOK_IN_MODEL}",
            holds_for="the stored weights and your first rows",
        )  # fmt: skip


def _no_rate(rule: Rule, case: DiagnosisContext, optimizer: Optimizer) -> Finding:
    """Return the finding for a learning rate that is 0 or negative."""
    fix = f"keras.optimizers.{optimizer.kind}(1e-3)"
    if optimizer.rate < 0:
        return rule.finding(
            Level.PROVED, "",
            f"the learning rate is {optimizer.rate:g}, so each step moves the weights in a "
            "direction that increases the loss.",
            fix, title="the learning rate is negative", holds_for="all data",
        )  # fmt: skip
    stepping = case.program.stepping
    rests = (
        optimizer.kind in RESTS
        and stepping is not None
        and not stepping.refusal
        and not stepping.taken
        and not optimizer.options.get("use_ema")
    )
    return rule.finding(
        Level.PROVED if rests else Level.SUSPECTED, "", "the learning rate is 0.", fix,
        holds_for="all data" if rests else "",
    )  # fmt: skip
