"""OR032: initial weights that hinder learning."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Weight
from ..changes import Change
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import names, share, short


LARGE, SMALL = 3.0, 0.1
"""Factors that define unusual standard deviations of kernels. A standard deviation is unusual if it
is at least `LARGE` times that of every common initializer, or at most `SMALL` times that of every
common initializer."""


def _start(keras: ModuleType, deviation: float) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(128, 4)).astype("float32")
    y = 1 / (1 + np.exp(-3 * x[:, :1]))
    initializer = keras.initializers.RandomNormal
    layers = [
        keras.layers.Dense(
            units, activation, kernel_initializer=initializer(stddev=deviation, seed=i)
        )
        for i, (units, activation) in enumerate([(16, "relu"), (16, "relu"), (1, "sigmoid")])
    ]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model, x, y.astype("float32")


@register(
    "OR032", "the initial weights hinder learning",
    """The entries of some kernels are spread at least three times as widely as those of any usual
    initializer for the same fan-in and fan-out, or at most a tenth as widely. Such weights make the
    activations saturate, explode or vanish. They may still be intended, for example in a pretrained
    model. So the finding is always MEASURED. It is reported only if the loss of copies that start
    from the stored weights remains a large fraction of the loss of the best constant prediction,
    and copies with newly drawn weights (glorot_uniform) reach a much lower loss in the same number
    of steps, in each of three training runs.""",
    Example(lambda k: _start(k, 10.0), lambda k: _start(k, 0.4), level=Level.MEASURED),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report unusual spreads of kernels if copies with newly drawn weights reach a lower loss.

    `Trials.gain` defines the required difference in loss. The spread of a kernel is its standard
    deviation.
    """
    kernels = [
        w for w in case.program.weights
        if w.trainable and len(w.shape) >= 2 and "embed" not in w.path
    ]  # fmt: skip
    times = {w.path: ratio for w in kernels if (ratio := _times(w)) is not None}
    odd = {path: ratio for path, ratio in times.items() if not SMALL < ratio < LARGE}
    if not odd:
        return
    gained = case.trials.gain(Change(redrawn=True))
    if gained is None:
        return
    most = max(odd.values(), key=lambda ratio: abs(np.log(ratio)))
    yield rule.finding(
        Level.MEASURED, next(w.layer for w in kernels if w.path in odd),
        f"{share(len(odd), len(kernels))} kernels start with entries {short(most)} times as large "
        f"as those of usual initializers: {names(odd)}. "
        f"{case.trials.describe_gain(gained, 'with newly drawn weights')}",
        'kernel_initializer="glorot_uniform" in every layer', cost={"times": most},
        holds_for="training from the stored weights",
    )  # fmt: skip


def _times(weight: Weight) -> float | None:
    """Return the ratio of a kernel's standard deviation to the closest usual one; None if unknown.

    The usual standard deviations are those of common initializers. The ratio is 1 if the deviation
    lies between the smallest and the largest of them.
    """
    kernel = np.asarray(weight.read(), np.float64)
    spread = float(kernel.std())
    if kernel.size < 4 or not spread > 0 or not np.isfinite(spread):
        return None
    field = float(np.prod(weight.shape[:-2]))
    fans = field * weight.shape[-2], field * weight.shape[-1]
    usual = np.sqrt([2 / sum(fans), 2 / fans[0], 1 / fans[0]])
    return spread / float(np.clip(spread, usual.min(), usual.max()))
