"""OR004: a hidden layer in the flat tails of its activation."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ..activation import behaviour_at, behind_noise
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import span


MOST = 0.85
"""Share of (unit, row) pairs in the tails from which on a layer counts as saturated."""


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
    """A sigmoid or tanh far from 0 is flat: its slope there is so small that hardly any gradient
    passes, and different inputs give the same output. The inputs of the activation are enclosed at
    each row; the share of (unit, row) pairs proved to lie in the tails is counted. PROVED from 85 %
    on, for the stored weights and the rows looked at. Almost always the inputs are not scaled, or
    the weights started too large.""",
    Example(lambda k: _powers(k, 1.0), lambda k: _powers(k, 0.01)),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Count the pairs of unit and row in the tails."""
    outputs = set(case.program.output_tensors)
    for layer in case.program.layers:
        rows = case.rows_of(layer.before)
        if rows is None or not rows.lo.size or layer.after in outputs:
            continue
        if behind_noise(case, layer):
            continue
        found = behaviour_at(case, layer, rows.lo, rows.hi)
        part = float(found.saturated.mean()) if found is not None else 0.0
        if found is None or part < MOST:
            continue
        lo, hi = float(rows.lo.min()), float(rows.hi.max())
        yield rule.found(
            Level.PROVED, layer.path,
            f"{100 * part:.0f} % of its (unit, row) pairs lie in the flat tails of the activation: "
            f"what enters it is in {span(lo, hi)} on {case.these_rows}. There its slope is a small "
            "part of its steepest.",
            "keras.layers.Normalization() first, adapted to x\nor   x = (x - x.mean(0)) / x.std(0)",
            interval=(lo, hi), cost={"share": part},
            holds_for=f"the stored weights and {case.these_rows}",
        )  # fmt: skip
