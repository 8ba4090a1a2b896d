"""OR007: a loss that treats the output of an activation as logits."""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...core import down
from ...program import Loss
from ..context import DiagnosisContext
from ..registry import Example, Rule, register
from ..wording import at_least, span
from .low_ends import computed_ends
from .mismatch import _three, _two
from .shapes import as_read
from .targets import as_shown, weight_shown


LOGITS = ("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy")


def _camel(name: str, from_logits: bool) -> Callable[[ModuleType], Any]:
    return lambda k: getattr(k.losses, name)(from_logits=from_logits)


@register(
    "OR007", "from_logits=True after an activation",
    """With from_logits=True the loss applies a softmax or sigmoid itself. If the last layer also
    has an activation, the logits are confined to the range of that activation. For a softmax or a
    sigmoid, the range is [0, 1], so no class can get a probability close to 1. The loss therefore
    has a lower bound, which is computed for all weights. The finding is PROVED on JAX and PyTorch.
    On TensorFlow, Keras recognizes an activation that is given by name, and uses the logits before
    it. The model then trains as intended, and the finding is only SUSPECTED, because the same
    program may be wrong on other backends. Use a linear last layer, or from_logits=False.""",
    Example(
        lambda k: _three(k, "softmax", _camel("CategoricalCrossentropy", True)),
        lambda k: _three(k, "softmax", _camel("CategoricalCrossentropy", False)),
        backends=("jax", "torch"),
    ),
    Example(
        lambda k: _two(k, "sigmoid", _camel("BinaryCrossentropy", True)),
        lambda k: _two(k, None, _camel("BinaryCrossentropy", True)),
        backends=("jax", "torch"),
    ),
    may_be_harmless=True,
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report losses whose logits lie in the range of an activation, whatever the weights are."""
    for loss in case.program.losses:
        head = case.head(loss)
        if head is None or loss.name not in LOGITS or not loss.from_logits or not loss.native:
            continue
        if head.activation not in ("softmax", "sigmoid", "tanh", "relu"):
            continue
        fix = "activation=None in the last layer"
        if head.activation == ("sigmoid" if loss.name.startswith("binary") else "softmax"):
            fix += "   or   from_logits=False"
        if head.recovered:
            yield rule.finding(
                Level.SUSPECTED, head.layer,
                f"as written, the {head.activation} is applied twice. On TensorFlow, Keras "
                "recognizes this mistake, and the model trains as intended. On JAX and PyTorch, it "
                "would not train as intended.", fix,
            )  # fmt: skip
            continue
        ends = computed_ends(case, case.program.output_tensors[loss.output])
        if ends is None:
            continue
        lo, hi = float(ends[0].min()), float(ends[1].max())
        floor, weight = None, weight_shown(case, loss)
        read = as_read(case, loss)
        if read is not None and loss.known and weight > 0:
            floor = _floor(loss, read[0], read[1][-1], lo, hi)
        message = (
            f"the loss applies a {'sigmoid' if loss.name.startswith('b') else 'softmax'} to the "
            f"output, but the {head.activation} of the last layer already confines the output to "
            f"{span(lo, hi)}"
        )
        cost = {}
        if floor is not None and floor > 0:
            cost["loss_floor"] = floor = float(down(floor * weight))
            message += f"; the loss can never fall below {at_least(as_shown(case, floor))}"
        yield rule.finding(
            Level.PROVED, head.layer, message + ".", fix, interval=(lo, hi), cost=cost,
            holds_for="all trainable weights, and all inputs within the range of your data",
        )  # fmt: skip


def _floor(loss: Loss, y: np.ndarray, width: int, lo: float, hi: float) -> float | None:
    """Compute a lower bound on the mean loss over all logits in `[lo, hi]`; None if unknown."""
    if loss.smoothing or not np.isfinite(y).all():
        return None
    if loss.name == "binary_crossentropy":
        if not ((y >= 0) & (y <= 1)).all():
            return None
        with np.errstate(divide="ignore"):
            best = np.clip(np.log(y) - np.log1p(-y), lo, hi)
        best = np.where(np.isfinite(best), best, 0.0)
        values = np.logaddexp(0.0, best) - y * best
        unbounded = ((y == 1) & np.isposinf(hi)) | ((y == 0) & np.isneginf(lo))
        values = np.where(unbounded, 0.0, values)
    else:
        if not np.isfinite(hi - lo):
            return 0.0
        least = np.log1p((width - 1) * np.exp(lo - hi))
        if loss.name == "categorical_crossentropy":
            if not np.isin(y, (0.0, 1.0)).all():
                return None
            counted = y.any(axis=-1)  # a row of zeros adds nothing to the loss
        else:
            skipped = loss.options.get("ignore_class")
            counted = (np.trunc(y) >= 0) & (np.trunc(y) <= width - 1) & (y != skipped)
        values = np.where(counted, least, 0.0)
    return max(0.0, float(down(float(np.mean(values)) * (1 - 1e-12))))
