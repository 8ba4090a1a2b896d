"""Recurrent layers whose state grows without a bound, for rule OR012."""

from collections.abc import Iterator

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import ModelChange
from ..context import DiagnosisContext
from ..divergence import WILD
from ..registry import Rule
from ..repairs.read_fix import Repair
from ..repairs.trial import apply_repair
from ..short_trainings import SEEDS
from ..trials import Trials
from ..wording import short


CELLS = ("LSTMCell", "GRUCell", "SimpleRNNCell")

UNBOUNDED = ("relu", "leakyrelu", "elu", "selu", "celu", "softplus", "gelu", "silu", "mish")
"""Names of recorded activations without an upper bound, in lower case."""

CALM = 1.5
"""Largest factor by which the loss of a calm training run exceeds its start."""


def check_recurrence(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report an unbounded activation of a recurrent layer if the loss jumps only with it.

    The loss of a copy must rise to more than `WILD` times its start. With tanh instead, the loss
    must stay below `CALM` times its start in every training run.
    """
    for path, activation in _unbounded_cells(case).items():
        highest = _highest(case, case.trials)
        if highest is None or highest[1] <= WILD * highest[0]:
            return
        layer = path.rpartition("/")[0]
        change = ModelChange("activation", layer, "tanh")
        fixed = apply_repair(case, Repair("", (change,), ()))
        calm = None if fixed is None else _highest(fixed, fixed.trials)
        if calm is None or calm[1] > CALM * calm[0]:
            continue
        peak = short(highest[1]) if np.isfinite(highest[1]) else "NaN or infinity"
        yield rule.finding(
            Level.MEASURED, layer,
            f"the activation of this recurrent layer ({activation}) has no upper bound, so its "
            "state can grow with every time step, and its gradient too. In short training runs of "
            f"copies, the loss rises from {short(highest[0])} to {peak}; with tanh instead, it "
            f"never exceeds {short(calm[1])}.",
            'activation="tanh"', title="the state of a recurrent layer grows without a bound",
            cost={"highest": highest[1], "highest_with_tanh": calm[1]},
            holds_for="training from the stored weights",
        )  # fmt: skip


def _unbounded_cells(case: DiagnosisContext) -> dict[str, str]:
    """Return a map from the path of each recurrent cell to its unbounded activation, if any."""
    cells = {layer.path for layer in case.program.layers if layer.kind in CELLS}
    return {
        step.layer: step.kind.lower() for step in case.program.steps
        if step.layer in cells and step.kind.lower() in UNBOUNDED
    }  # fmt: skip


def _highest(case: DiagnosisContext, trials: Trials) -> tuple[float, float] | None:
    """Return the first and the highest loss over all training runs; None if a run failed.

    A highest loss that is not finite is infinite. A first loss below that of the best constant
    prediction is replaced by the latter.
    """
    runs = trials.all()
    if len(runs) < SEEDS or case.measurement is None or not np.isfinite(runs[0].looks[0][1]):
        return None
    losses = [loss for run in runs for _, loss in run.looks] + [x for r in runs for x in r.losses]
    first = max(abs(runs[0].looks[0][1]), trials.constant or 0.0)
    return first, float(np.max(losses)) if np.isfinite(losses).all() else np.inf
