"""OR034: a layer that often starts dead."""

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
"""Units of a layer beyond which they do not all start dead, unless something else is wrong."""

OFTEN = 0.05
"""Chance from which on it is worth a word."""

LOOK = 40
"""Fresh starts drawn first: if none of them is dead, a chance of 9 % is unlikely (2 %)."""

STARTS = 200
"""Fresh starts drawn to tell the chance: 18 dead ones are enough for `OFTEN`."""

SECONDS = 1.0
"""Of processor time for either: starts of an unrolled layer take a twentieth of a second each."""

FLAT = ("relu", "relu6", "hardsigmoid", "hardtanh", "hardshrink", "softshrink", "threshold")
"""Recorded operations with a flat piece."""


def _neuron(keras: ModuleType, weight: float, activation: str) -> ModelAndData:
    x = np.arange(1.0, 8.0)[:, None]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation, name="line")])
    model.set_weights([np.array([[weight]], "float32"), np.zeros(1, "float32")])
    model.compile("sgd", "mse")
    return model, x, 2 * x + 1


@register(
    "OR034", "the layer often starts dead",
    """The chance, over the layer's own initializers, that all units of a narrow layer (up to 8)
    start on a flat piece of their activation at every row of the data: in closed form where it is
    known, by symmetry where that bounds it (five relus: 1 in 32), else counted in 200 fresh starts
    (40 where none of them is dead; fewer where they take long), and told from 5 % on by the lower
    end of its confidence interval. Where the stored weights are such a start it is MEASURED: to
    draw again may not help for long. Where they are alive it is a note: this training is well,
    another may not be.""",
    Example(
        lambda k: _neuron(k, -1.5, "relu"), lambda k: _neuron(k, -1.5, "leaky_relu"),
        level=Level.MEASURED,
    ),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Ask for the chances where a layer is narrow enough."""
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
        asked = {"names": narrow, "least": OFTEN, "seconds": SECONDS}
        found = program.dead_start(trials=LOOK, **asked)
        if any(one.name in narrow and one.trials and one.all_dead > 0 for one in found.layers):
            found = program.dead_start(trials=STARTS, **asked)
    except OutrangeError:
        return  # a layer that is not described: its reason is in `unread` already
    for one in found.layers:
        if one.name in narrow and one.all_lo >= OFTEN:
            yield _finding(rule, case, narrow[one.name], one)


def _finding(rule: Rule, case: DiagnosisContext, layer: Layer, one: DeadLayer) -> Finding:
    rows = case.rows_of(layer.before)
    now = None if rows is None else behaviour_at(case, layer, rows.lo, rows.hi)
    dead = now is not None and bool(np.all(now.dead))
    chance = f"{short(100 * one.all_dead)} %"
    how = "exactly" if one.trials == 0 else (
        f"{short(100 * one.all_lo)} to {short(100 * one.all_hi)} %, of {one.trials} drawn"
    )  # fmt: skip
    who = "its only unit starts" if one.units == 1 else f"all of its {one.units} units start"
    return rule.found(
        Level.MEASURED, layer.path,
        f"in {chance} of fresh starts ({how}) {who} where the activation is flat at every row, and "
        f"nothing before it can learn; {'so it is' if dead else 'not so'} with the stored weights.",
        "more units, or leaky_relu in their place", note=not dead,
        cost={"chance": one.all_dead}, holds_for=f"the initializers and {case.these_rows}",
    )  # fmt: skip
