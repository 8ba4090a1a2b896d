"""Larger learning rates and Adam, with which copies learn more in the planned steps, for OR017."""

import numpy as np

from ...program import ModelChange, Optimizer, Rehearsal
from ..changes import Change
from ..context import DiagnosisContext
from ..harm.comparison import NEARLY
from ..harm.scores import scores
from ..repairs.read_fix import Repair
from ..repairs.trial import apply_repair
from ..short_trainings import SEEDS
from ..trials import LEAST, ROWS
from ..wording import short


USUAL, LARGEST = {True: 3e-3, False: 3e-2}, {True: 0.1, False: 1.0}
"""Usual learning rates of small networks, and the largest rates to try.

The key is False for the optimizers in `UNSCALED`, and True for all others.
"""

USUAL_OF = {"Adadelta": 1.0}
"""Usual learning rates of optimizers for which `USUAL` is far too small."""

UNSCALED = ("SGD", "Adadelta", "Adagrad", "Ftrl")
"""Optimizers for which larger rates are usual. Their key in `USUAL` and `LARGEST` is False."""

SLOW, DONE = 0.7, 0.1
"""Two conditions for slow gradient descent if there is no plan. The loss of the copies remains at
least `SLOW` times the best constant's loss. A larger rate reduces the final loss to at most `DONE`
times its value."""


def with_rate(optimizer: Optimizer, factor: float) -> str:
    """Return the code of the optimizer at `factor` times its learning rate."""
    return f"keras.optimizers.{optimizer.kind}({short(optimizer.rate * factor)})"


def learns_too_little(
    case: DiagnosisContext, optimizer: Optimizer, training: Rehearsal
) -> tuple[str, str] | None:
    """Report a rate at which copies learn less than at a larger rate in the same number of steps.

    The runs must include at least half of the planned steps. Their loss must be at least half of
    the best constant's loss, and a larger rate must at least halve it. Without a plan, the user may
    intend many more steps. Then only plain gradient descent is checked, with the thresholds `SLOW`
    and `DONE`.
    """
    trials, steps = case.trials, len(training.losses)
    plain = optimizer.kind == "SGD" and not optimizer.momentum
    if not (trials.complete or (case.plan is None and plain and steps >= LEAST)):
        return None
    least, most = (0.5, 0.5) if trials.complete else (SLOW, DONE)
    ratio = trials.ratio(training)
    if ratio is None or ratio < least or _predicts_well(case):
        return None
    for factor in larger_factors(optimizer)[:2]:
        gained = trials.gain(Change(rate=factor))
        if gained is not None and gained[0] >= least and gained[1] <= most * gained[0]:
            how = f"at a learning rate of {short(optimizer.rate * factor)}"
            return (
                f"the model learns slowly at a learning rate of {short(optimizer.rate)}. "
                f"{trials.describe_gain(gained, how)}"
            ), with_rate(optimizer, factor)
    return None


def needs_adam(case: DiagnosisContext, optimizer: Optimizer) -> tuple[str, str] | None:
    """Report gradient descent if copies learn much more with Adam in the planned steps.

    The thresholds are those of `learns_too_little` with a plan. Larger rates must not help.
    """
    trials = case.trials
    if optimizer.kind not in UNSCALED or not trials.complete:
        return None
    before = trials.ratios()
    if len(before) < SEEDS or not 0.5 <= min(before) < np.inf or _predicts_well(case):
        return None
    change = ModelChange("optimizer", value="Adam", options={"learning_rate": USUAL[True]})
    fixed = apply_repair(case, Repair("", (change,), ()))
    after = [] if fixed is None else fixed.trials.ratios()
    if len(after) < SEEDS or max(after) > 0.5 * min(before):
        return None
    adam = f"Adam({short(USUAL[True])})"
    how = f"with {adam}, which adapts the step of each weight"
    return (
        f"the model learns slowly with {optimizer.kind} at a learning rate of "
        f"{short(optimizer.rate)}. {trials.describe_gain((min(before), max(after)), how)}"
    ), f"keras.optimizers.{adam}"


def larger_factors(optimizer: Optimizer) -> list[float]:
    """Return up to three powers of 10 by which to multiply the rate, the most promising first.

    The first power brings the rate closest to the value in `USUAL` or `USUAL_OF`. No power brings
    it above `LARGEST`.
    """
    adaptive = optimizer.kind not in UNSCALED
    usual = USUAL_OF.get(optimizer.kind, USUAL[adaptive])
    factors = [10.0**i for i in range(1, 8) if optimizer.rate * 10.0**i <= LARGEST[adaptive]]
    return sorted(factors, key=lambda f: abs(np.log(optimizer.rate * f / usual)))[:3]


def _predicts_well(case: DiagnosisContext) -> bool:
    """Return whether every copy predicts nearly all classes although its loss is still high.

    The probabilities would only become sharper with more training. For other targets, a high loss
    excludes good predictions.
    """
    rows = np.arange(min(case.rows, ROWS))
    for training in case.trials.all():
        judged = scores(case, training.outputs, rows)
        values = [s.value for (_, what), s in judged.items() if what in ("right", "explained")]
        if not values or min(values) < NEARLY:
            return False
    return True
