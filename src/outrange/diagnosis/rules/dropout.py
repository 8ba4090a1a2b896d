"""OR027: dropout that takes more than it gives."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ..changes import Change
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import names, short


MOST = 0.7
"""Rate from which on little is left."""

DROPOUTS = ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout")


def _dropped(keras: ModuleType, rate: float) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(128, 4)).astype("float32")
    y = x[:, :1] * x[:, 1:2]
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(16, "relu"),
            keras.layers.Dropout(rate),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    return model, x, y


@register(
    "OR027", "dropout takes too much",
    """A dropout of 0.7 and more leaves less than a third of the units in a step, and several in a
    row multiply. SUSPECTED; MEASURED where copies trained without dropout get much further in the
    same steps, in every training. A dropout before a batch normalization is SUSPECTED too: the
    variance that it collects in training is that of dropped values, and at inference nothing is
    dropped.""",
    Example(lambda k: _dropped(k, 0.9), lambda k: _dropped(k, 0.2), level=Level.SUSPECTED),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """The rates of dropout layers, and what stands behind them."""
    layers = case.program.layers
    strong = {one.path: one.rate for one in layers if one.kind in DROPOUTS and one.rate >= MOST}
    if strong:
        gained = case.trials.gain(Change(without="noise"))
        kept = float(np.prod([1.0 - rate for rate in strong.values()]))
        text = (
            f"{names(strong)} drop{'s' if len(strong) == 1 else ''} {short(max(strong.values()))} "
            f"of {'its' if len(strong) == 1 else 'their'} units"
        )
        if len(strong) > 1:
            text += f"; a path through all of them is left with probability {short(kept)}"
        text += "."
        if gained is not None:
            text += f" {case.trials.said(gained, 'without dropout')}"
        yield rule.found(
            Level.SUSPECTED if gained is None else Level.MEASURED, next(iter(strong)), text,
            "keras.layers.Dropout(0.2)", cost={"rate": max(strong.values())},
            holds_for="" if gained is None else "trainings from the stored weights",
        )  # fmt: skip
    for i, layer in enumerate(layers):
        before = [one for one in layers[:i] if one.kind in DROPOUTS and one.rate > 0]
        if layer.kind == "BatchNormalization" and before:
            yield rule.found(
                Level.SUSPECTED, layer.path,
                f"it stands behind the dropout {before[-1].path!r}: the variance it learns is that "
                "of dropped values, which inference does not see.",
                "BatchNormalization before Dropout", title="dropout before batch normalization",
            )  # fmt: skip
            break
