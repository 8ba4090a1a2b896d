"""OR034: a layer whose random initialization is often dead."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.dead_start import DeadLayer
from ...answers.diagnosis import Finding, Level
from ...core import OutrangeError
from ...program import Layer
from ..activation import behaviour_at
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import short


FEW = 8
"""Maximum number of units of a checked layer. A wider layer hardly ever starts dead by chance."""

OFTEN = 0.05
"""A layer is reported if the lower bound on its probability of a dead start is at least this."""

LOOK = 40
"""Number of initializations drawn first. If the probability of a dead start is 9 %, the chance that
none of them is dead is 2 %."""

STARTS = 200
"""Number of initializations drawn if one of the first is dead. If 18 of them are dead, the lower
confidence bound reaches `OFTEN`."""

SECONDS = 1.0
"""Limit of processor time, in seconds, for each of the two estimates. An unrolled layer takes 0.05
s per initialization."""

FLAT = ("relu", "relu6", "hardsigmoid", "hardtanh", "hardshrink", "softshrink", "threshold")
"""Names of recorded operations that are constant on some interval."""


def _neuron(keras: ModuleType, weight: float, activation: str) -> ModelAndData:
    x = np.arange(1.0, 8.0)[:, None]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation, name="line")])
    model.set_weights([np.array([[weight]], "float32"), np.zeros(1, "float32")])
    model.compile("sgd", "mse")
    return model, x, 2 * x + 1


@register(
    "OR034", "the layer often starts dead",
    """The rule estimates how likely it is that all units of a narrow layer (at most 8 units) start
    dead. A unit starts dead if its random initial weights put it on a flat piece of its activation
    for every row of the data. This probability is computed in closed form if a closed form is
    known. A layer is skipped if symmetry proves that the probability is small (at most 1 in 32 for
    five relus). Otherwise, the dead starts are counted in 200 random initializations (in 40 if none
    of these is dead, and in fewer if the computation is slow). A layer is reported if the lower end
    of the confidence interval is at least 5 %. The finding is MEASURED if all units of the layer
    are dead with the stored weights, since new initial weights may be dead again. Otherwise, the
    finding is a note: the stored weights are fine, but other initial weights may not be.""",
    Example(
        lambda k: _neuron(k, -1.5, "relu"), lambda k: _neuron(k, -1.5, "leaky_relu"),
        level=Level.MEASURED,
    ),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report layers of at most `FEW` units that start dead with a probability of at least `OFTEN`.

    The layer's activation must be one of `FLAT`. The probability is a lower confidence bound over
    random initializations, or exact.
    """
    program = case.program
    flat = {step.layer for step in program.steps if step.kind.lower() in FLAT and step.inside}
    narrow = {
        layer.path: layer for layer in program.layers
        if layer.before is not None and layer.path in flat
        and layer.shape and layer.shape[-1] <= FEW
    }  # fmt: skip
    if not narrow or program.dead_start is None or not case.runs:
        return
    try:
        options = {"names": narrow, "least": OFTEN, "seconds": SECONDS}
        chances = program.dead_start(trials=LOOK, **options)
        if any(
            estimate.name in narrow and estimate.trials and estimate.all_dead > 0
            for estimate in chances.layers
        ):
            chances = program.dead_start(trials=STARTS, **options)
    except OutrangeError:
        return  # the layer is not supported; the reason is already in `unread`
    for estimate in chances.layers:
        if estimate.name in narrow and estimate.all_lo >= OFTEN:
            yield _finding(rule, case, narrow[estimate.name], estimate)


def _finding(rule: Rule, case: DiagnosisContext, layer: Layer, estimate: DeadLayer) -> Finding:
    rows = case.rows_of(layer.before)
    now = None if rows is None else behaviour_at(case, layer, rows.lo, rows.hi)
    dead = now is not None and bool(np.all(now.dead))
    chance = f"{short(100 * estimate.all_dead)} %"
    how = "exactly" if estimate.trials == 0 else (
        f"{short(100 * estimate.all_lo)} to {short(100 * estimate.all_hi)} %, estimated from "
        f"{estimate.trials} initializations"
    )  # fmt: skip
    who = (
        "its only unit starts"
        if estimate.units == 1
        else f"all of its {estimate.units} units start"
    )
    return rule.finding(
        Level.MEASURED, layer.path,
        f"in {chance} of random initializations ({how}), {who} dead: the activation is flat for "
        "every row, so no gradient passes through this layer. With the stored weights, the layer "
        f"is {'dead' if dead else 'not dead'}.",
        "more units, or leaky_relu instead", note=not dead,
        cost={"chance": estimate.all_dead}, holds_for=f"the initializers and {case.these_rows}",
    )  # fmt: skip
