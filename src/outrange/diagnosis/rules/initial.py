"""OR032: initial weights from which the network hardly learns."""

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
"""Spread of a kernel, over the largest and the least that initializers give it, that is unusual."""


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
    """Kernels whose entries spread three times as far as any usual initializer draws them for their
    fans, or a tenth as far. Such weights saturate, explode or pass nothing on, and may be wanted
    all the same (a model that was trained before has them). MEASURED only: copies from the stored
    weights keep most of the best constant's loss, and copies with weights drawn anew
    (glorot_uniform) get much further in the same steps, in each of three trainings.""",
    Example(lambda k: _start(k, 10.0), lambda k: _start(k, 0.4), level=Level.MEASURED),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Compare the spread of each kernel with what initializers draw; then train copies."""
    kernels = [
        w for w in case.program.weights
        if w.trainable and len(w.shape) >= 2 and "embed" not in w.path
    ]  # fmt: skip
    times = {w.path: found for w in kernels if (found := _times(w)) is not None}
    odd = {path: ratio for path, ratio in times.items() if not SMALL < ratio < LARGE}
    if not odd:
        return
    gained = case.trials.gain(Change(redrawn=True))
    if gained is None:
        return
    most = max(odd.values(), key=lambda ratio: abs(np.log(ratio)))
    yield rule.found(
        Level.MEASURED, next(w.layer for w in kernels if w.path in odd),
        f"{share(len(odd), len(kernels))} kernels start with entries {short(most)} times as large "
        f"as initializers draw them: {names(odd)}. "
        f"{case.trials.said(gained, 'with weights drawn anew')}",
        'kernel_initializer="glorot_uniform" in every layer', cost={"times": most},
        holds_for="trainings from the stored weights",
    )  # fmt: skip


def _times(weight: Weight) -> float | None:
    """A kernel's spread over the nearest of what initializers give it; 1 between them."""
    kernel = np.asarray(weight.read(), np.float64)
    spread = float(kernel.std())
    if kernel.size < 4 or not spread > 0 or not np.isfinite(spread):
        return None
    field = float(np.prod(weight.shape[:-2]))
    fans = field * weight.shape[-2], field * weight.shape[-1]
    usual = np.sqrt([2 / sum(fans), 2 / fans[0], 1 / fans[0]])
    return spread / float(np.clip(spread, usual.min(), usual.max()))
