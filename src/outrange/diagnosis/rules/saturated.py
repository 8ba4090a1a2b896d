"""OR004: a hidden layer in the flat tails of its activation."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ..activation import behaviour_at, behind_noise
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import span
from .scale import input_advice


MOST = 0.85
"""Minimum fraction of (unit, row) pairs in the flat tails for a layer to be saturated."""


def _powers(keras: ModuleType, scale: float) -> ModelAndData:
    x = np.linspace(-100.0, 100.0, 201)[:, None] * scale
    model = keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Dense(16, "sigmoid", name="hidden"),
            keras.layers.Dense(1),
        ]
    )
    rng = np.random.default_rng(1)
    kernel = rng.uniform(0.5, 1.0, (1, 16)) * rng.choice([-1, 1], (1, 16))
    zeros = np.zeros(16, "float32"), np.zeros(1, "float32")
    last = rng.normal(size=(16, 1)).astype("float32") / 4
    model.set_weights([kernel.astype("float32"), zeros[0], last, zeros[1]])
    model.compile("adam", "mse")
    return model, x, (x / np.abs(x).max()) ** 4


@register(
    "OR004", "a hidden layer is saturated",
    """A sigmoid or tanh far from 0 is flat: its slope is so small that hardly any gradient passes,
    and different inputs give nearly the same output. The rule bounds the inputs of the activation
    for each row. It then counts the (unit, row) pairs whose input provably lies in the flat tails.
    The finding is PROVED for the stored weights and the checked rows if such pairs make up at least
    85 % of all pairs. The usual cause is inputs that are not scaled, or initial weights that are
    too large.""",
    Example(lambda k: _powers(k, 1.0), lambda k: _powers(k, 0.01)),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report hidden layers most of whose (unit, row) pairs lie in the flat tails."""
    outputs = set(case.program.output_tensors)
    for layer in case.program.layers:
        rows = case.rows_of(layer.before)
        if rows is None or not rows.lo.size or layer.after in outputs:
            continue
        if behind_noise(case, layer):
            continue
        behaviour = behaviour_at(case, layer, rows.lo, rows.hi)
        part = float(behaviour.saturated.mean()) if behaviour is not None else 0.0
        if behaviour is None or part < MOST:
            continue
        lo, hi = float(rows.lo.min()), float(rows.hi.max())
        yield rule.finding(
            Level.PROVED, layer.path,
            f"{100 * part:.0f} % of the (unit, row) pairs of this layer lie in the flat tails of "
            "the activation, where the slope is close to 0. The inputs of the activation are in "
            f"{span(lo, hi)} on {case.these_rows}.",
            input_advice(case),
            interval=(lo, hi), cost={"share": part},
            holds_for=f"the stored weights and {case.these_rows}",
        )  # fmt: skip
