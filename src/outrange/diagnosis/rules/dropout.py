"""OR027: dropout that does more harm than good."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ..changes import Change
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import names, short


MOST = 0.7
"""Dropout rate at or above which a layer is reported."""

DROPOUTS = ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout")


def _dropout_model(keras: ModuleType, rate: float) -> ModelAndData:
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
    "OR027", "dropout removes too many units",
    """A dropout rate of 0.7 or more leaves fewer than a third of the units in each training step.
    If a model has several such layers, the fractions of units that remain are multiplied. The
    finding is SUSPECTED. It is MEASURED if copies of the model trained without dropout reach a much
    lower loss in the same number of steps, in every training run. Dropout before batch
    normalization is also SUSPECTED: in training, the normalization learns the variance of values
    after dropout, but at inference nothing is dropped.""",
    Example(
        lambda k: _dropout_model(k, 0.9), lambda k: _dropout_model(k, 0.2), level=Level.SUSPECTED
    ),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report dropout rates of at least `MOST`, and dropout before a batch normalization."""
    layers = case.program.layers
    strong = {
        layer.path: layer.rate for layer in layers if layer.kind in DROPOUTS and layer.rate >= MOST
    }
    if strong:
        gained = case.trials.gain(Change(without="noise"))
        survival = float(np.prod([1.0 - rate for rate in strong.values()]))
        text = (
            f"{names(strong)} drop{'s' if len(strong) == 1 else ''} units at "
            f"{'a rate' if len(strong) == 1 else 'rates'} of {'' if len(strong) == 1 else 'up to '}"
            f"{short(max(strong.values()))}"
        )
        if len(strong) > 1:
            text += (
                "; the probability that a path through all of these layers contains no dropped "
                f"unit is {short(survival)}"
            )
        text += "."
        if gained is not None:
            text += f" {case.trials.describe_gain(gained, 'without dropout')}"
        yield rule.finding(
            Level.SUSPECTED if gained is None else Level.MEASURED, next(iter(strong)), text,
            "keras.layers.Dropout(0.2)", cost={"rate": max(strong.values())},
            holds_for="" if gained is None else "training from the stored weights",
        )  # fmt: skip
    for i, layer in enumerate(layers):
        before = [layer for layer in layers[:i] if layer.kind in DROPOUTS and layer.rate > 0]
        if layer.kind == "BatchNormalization" and before:
            yield rule.finding(
                Level.SUSPECTED, layer.path,
                f"this layer follows the dropout layer {before[-1].path!r}, so in training it "
                "learns the variance of values after dropout, but at inference nothing is dropped.",
                "BatchNormalization before Dropout", title="dropout before batch normalization",
            )  # fmt: skip
            break
