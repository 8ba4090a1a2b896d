"""OR020: units that are dead, always on, or copies of others on the given data.

Healthy networks also contain some such units.
"""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Layer
from ..activation import behaviour_at, behind_noise
from ..context import DiagnosisContext, UnitRanges
from ..registry import Example, ModelAndData, Rule, register
from ..wording import share


MOST = 0.9
"""Fraction of dead units at or above which a wide layer is reported as a finding."""

WIDE = 10
"""Minimum number of units of a wide layer. A layer this wide hardly ever starts with nine tenths of
its units dead by chance."""


def _wide(keras: ModuleType, dead: int) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (60, 3)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(40, "relu", name="hidden"),
            keras.layers.Dense(1),
        ]
    )
    kernel = np.abs(rng.normal(size=(3, 40)))
    kernel[:, :dead] *= -1
    last = rng.normal(size=(40, 1)) / 6
    zeros = np.zeros(40, "float32"), np.zeros(1, "float32")
    model.set_weights([kernel.astype("float32"), zeros[0], last.astype("float32"), zeros[1]])
    model.compile("adam", "mse")
    return model, x, x.sum(axis=1, keepdims=True)


@register(
    "OR020", "units do nothing on your data",
    """This rule reports dead units (the activation is flat for all rows), units that compute the
    same numbers as other units, and layers whose units are all always on (the activation is linear
    over the whole range of the data). Dead units and layers that are always on are PROVED by
    bounds. But dead units are normal: in a new first layer with positive inputs, as many as half of
    the relus may be dead. So these findings are usually notes. Only a layer with at least ten
    units, at least nine tenths of which are dead, is reported as a finding. Rule OR003 reports
    layers that are completely dead.""",
    Example(lambda k: _wide(k, 38), lambda k: _wide(k, 18)),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report dead units, duplicate units, and layers that are linear in the range of the data."""
    outputs = set(case.program.output_tensors)
    for layer in case.program.layers:
        rows = case.rows_of(layer.before)
        if rows is None or not rows.lo.size or layer.after in outputs:
            continue
        behaviour = behaviour_at(case, layer, rows.lo, rows.hi)
        if behaviour is None or behind_noise(case, layer):
            continue
        dead = np.all(behaviour.dead, axis=0)
        count, total = int(dead.sum()), dead.size
        if 0 < count < total:
            part = count / total
            yield rule.finding(
                Level.PROVED, layer.path,
                f"{share(count, total)} units are dead: their activation is flat on "
                f"{case.these_rows}.",
                'kernel_initializer="he_normal"   or   activation="leaky_relu"',
                note=not (part >= MOST and total >= WIDE),
                cost={"share": part, "units": np.flatnonzero(dead).tolist()},
                holds_for=f"the stored weights and {case.these_rows}",
            )  # fmt: skip
        yield from _always_on(rule, case, layer)
        yield from _copies(rule, layer, rows, dead)


def _always_on(rule: Rule, case: DiagnosisContext, layer: Layer) -> Iterator[Finding]:
    ends = case.box_ends(layer.before)
    behaviour = None if ends is None else behaviour_at(case, layer, *ends)
    if behaviour is not None and behaviour.always_on.all():
        yield rule.finding(
            Level.PROVED, layer.path,
            f"all {behaviour.always_on.size} units are always on: over the range of your data, "
            "their activation is linear, so the layer is linear in this range.",
            "no change is needed, unless the network is too simple for the task",
            note=True, holds_for="the stored weights and all inputs within the range of your data",
        )  # fmt: skip


def _copies(rule: Rule, layer: Layer, rows: UnitRanges, dead: np.ndarray) -> Iterator[Finding]:
    """Report units that are not dead and whose lower input bounds equal those of another unit.

    The bounds, rounded to 12 decimals, must be equal for all rows.
    """
    if len(rows.lo) < 3 or not np.isfinite(rows.lo).all():
        return
    live = np.flatnonzero(~dead)
    columns = np.round(rows.lo[:, live], 12)
    kinds = np.unique(columns, axis=1).shape[1] if live.size else 0
    if kinds < live.size:
        yield rule.finding(
            Level.MEASURED, layer.path,
            f"{live.size - kinds} of {live.size} units compute the same numbers as other units on "
            "your rows.",
            "fewer units, or another initializer", note=True,
        )  # fmt: skip
