"""OR026: a penalty on the weights that outweighs the loss."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ..changes import Change
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..trials import ROWS
from ..wording import short


MOST = 0.5
"""Minimum penalty, as a fraction of the best constant's loss, for which copies without penalties
are trained."""


def _ridge(keras: ModuleType, strength: float) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(128, 5)).astype("float32")
    y = (x[:, :1] * x[:, 1:2] > 0).astype("float32")
    penalty = keras.regularizers.L2(strength)
    start = keras.initializers.GlorotUniform
    model = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(
                24, "tanh", kernel_initializer=start(seed=1), kernel_regularizer=penalty
            ),
            keras.layers.Dense(
                1, "sigmoid", kernel_initializer=start(seed=2), kernel_regularizer=penalty
            ),
        ]
    )
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
    return model, x, y


@register(
    "OR026", "a penalty outweighs the loss",
    """At the start, the penalties on weights or outputs (kernel_regularizer, activity_regularizer,
    add_loss) are at least half as large as the loss of the best constant prediction. The finding is
    MEASURED if copies of the model trained without penalties reach a much lower loss in the same
    number of steps, in every training run. It is SUSPECTED if the penalties are larger than the
    loss of the best constant prediction and no copies could be trained. A penalty should be a small
    part of the loss: usual L2 factors are 1e-4 to 1e-2.""",
    Example(lambda k: _ridge(k, 1.0), lambda k: _ridge(k, 1e-5), level=Level.MEASURED),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report large penalties if copies reach a lower loss without them (see `Trials.gain`).

    If no copy could be trained, penalties that exceed the best constant's loss are reported too.
    The penalties are computed as the measured total loss minus the loss on the data.
    """
    measured, trials = case.measurement, case.trials
    constant = trials.constant
    if measured is None or measured.error or not np.isfinite(measured.loss) or not constant:
        return
    data = trials.loss_of([p[:ROWS] for p in case.predictions])
    if data is None:
        return
    penalty = measured.loss - data
    if penalty < MOST * constant or penalty < 1e-3 * abs(measured.loss):
        return
    gained = trials.gain(Change(without="penalties"))
    if gained is None and (trials.run() is not None or penalty < constant):
        return
    message = (
        f"the penalties add {short(penalty)} to the loss, but the loss on the data is only "
        f"{short(data)}, and the best constant prediction has a loss of {short(constant)}."
    )
    if gained is not None:
        message += f" {trials.describe_gain(gained, 'without the penalties')}"
    yield rule.finding(
        Level.SUSPECTED if gained is None else Level.MEASURED, "", message,
        "kernel_regularizer=keras.regularizers.L2(1e-4)   # or none",
        cost={"penalty": penalty, "loss": data}, holds_for="the stored weights and your first rows",
    )  # fmt: skip
