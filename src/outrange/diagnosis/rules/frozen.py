"""OR029: layers that are frozen at their random initial weights."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Weight
from ..changes import Change
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..trials import HALFWAY
from ..wording import names, of_constant, share


def _frozen_model(keras: ModuleType, frozen: bool) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(128, 4)).astype("float32")
    y = (x[:, :1] * x[:, 1:2] > 0).astype("float32")
    layers = [keras.layers.Dense(8, "tanh", name=f"hidden_{i}") for i in range(3)]
    for layer in layers:
        layer.trainable = not frozen
    model = keras.Sequential([keras.Input((4,)), *layers, keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
    return model, x, y


@register(
    "OR029", "layers are frozen at random weights",
    """Some kernels are not trainable, although they look as if an initializer had just drawn them:
    their entries have mean 0 and the usual standard deviation for the fan-in and fan-out, and the
    biases are 0. Pretrained layers, which are frozen on purpose, do not look like this. The finding
    is SUSPECTED. It is MEASURED if copies of the model with all layers trainable reach a much lower
    loss in the same number of steps, in every training run. It is a note if copies of the model
    learn well with the frozen layers, whose outputs then serve as random features.""",
    Example(
        lambda k: _frozen_model(k, True), lambda k: _frozen_model(k, False), level=Level.SUSPECTED
    ),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report frozen kernels that look as if an initializer had just drawn them."""
    kernels = [w for w in case.program.weights if len(w.shape) >= 2 and "embed" not in w.path]
    moved = {w.layer for w in case.program.weights if not w.trainable and np.any(_bias(w))}
    fresh = [w for w in kernels if not w.trainable and w.layer not in moved and _looks_drawn(w)]
    if not fresh or len(fresh) == len(kernels) or not any(w.trainable for w in kernels):
        return
    gained = case.trials.gain(Change(without="freezing"))
    text = (
        f"{share(len(fresh), len(kernels))} kernels are frozen at their random initial values: "
        f"{names(w.path for w in fresh)}."
    )
    ratios = case.trials.ratios()
    learns = gained is None and bool(ratios) and max(ratios) < HALFWAY
    if gained is not None:
        text += f" {case.trials.describe_gain(gained, 'with all layers trainable')}"
    if learns:
        text += (
            " Trained copies of the model learn nevertheless: they reach "
            f"{of_constant(max(ratios))}."
        )
    yield rule.finding(
        Level.SUSPECTED if gained is None else Level.MEASURED, fresh[0].layer, text,
        "layer.trainable = True, then compile again", cost={"kernels": len(fresh)}, note=learns,
        holds_for="" if gained is None else "training from the stored weights",
    )  # fmt: skip


def _bias(weight: Weight) -> np.ndarray:
    return weight.read() if weight.path.endswith("bias") else np.zeros(1)


def _looks_drawn(weight: Weight) -> bool:
    """Return whether a kernel's mean and standard deviation are those of a usual initializer.

    The initializers are Glorot, He and LeCun, for the kernel's shape. The mean may differ from 0,
    and the standard deviation from that of an initializer, by four standard errors of a random
    draw.
    """
    kernel = np.asarray(weight.read(), np.float64)
    field = float(np.prod(weight.shape[:-2]))
    fans = field * weight.shape[-2], field * weight.shape[-1]
    spread, mean = float(kernel.std()), float(kernel.mean())
    if kernel.size < 8 or spread == 0:
        return False
    uses = np.sqrt([2 / sum(fans), 2 / fans[0], 1 / fans[0]])
    close = np.abs(spread / uses - 1.0) < 4.0 / np.sqrt(kernel.size)
    return bool(close.any()) and abs(mean) < 4.0 * spread / np.sqrt(kernel.size)
