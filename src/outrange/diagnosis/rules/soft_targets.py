"""OR022: soft targets, whose entropy is a lower bound on the cross-entropy."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...core import down
from ...program import Head, Loss
from .. import baselines
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import at_least, short
from .targets import add_weight, as_shown, weight_shown


MOST = 0.9
"""Minimum lower bound on the loss for a finding, as a fraction of the best constant's loss.
Training can then reduce that loss by the remaining fraction at most."""

SHARES = ("softmax", "sigmoid", "relu", "softplus", "exponential", "hard_sigmoid")
"""Nonnegative activations, whose outputs divided by their sum are probabilities."""


def _votes(keras: ModuleType, sure: bool) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 4)).astype("float32")
    y = np.eye(3)[x[:, :3].argmax(axis=1)]
    if not sure:
        y = 0.05 * y + 0.95 / 3
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(16, "relu"),
            keras.layers.Dense(3, "softmax"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy")
    return model, x, y.astype("float32")


@register(
    "OR022", "soft targets limit how low the loss can get",
    """A cross-entropy loss is never less than the entropy of its targets. With labels strictly
    between 0 and 1, or with label smoothing, even a perfect network has a loss of at least this
    entropy. The bound is PROVED for all weights. It is usually reported as a note, because a loss
    close to the bound is good. It is reported as a finding only if the entropy is at least 90 % of
    the loss of the best constant prediction. In that case, almost nothing can be learned.""",
    Example(lambda k: _votes(k, False), lambda k: _votes(k, True)),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report the mean entropy of soft targets as a lower bound on their loss."""
    for loss in case.program.losses:
        head, y = case.head(loss), case.targets(loss)
        floor = None if head is None or y is None else _floor(loss, y, head)
        weight = weight_shown(case, loss)
        if head is None or y is None or floor is None or floor < 1e-3 or weight <= 0.0:
            continue
        constant = baselines.constant(loss, y, head.width)
        hopeless = constant is not None and floor >= MOST * constant
        smoothed = f" with label_smoothing={loss.smoothing:g}" if loss.smoothing else ""
        shown = at_least(as_shown(case, floor * weight))
        entropy, limit = (shown, "this value") if weight == 1.0 else (at_least(floor), shown)
        text = (
            f"the targets{smoothed} have a mean entropy of {entropy}: no network can get the "
            f"{add_weight('cross-entropy', weight)} below {limit}"
        )
        if constant is not None:
            text += f"; the best constant prediction gives {short(constant * weight)}"
        yield rule.finding(
            Level.PROVED, head.layer, text + ".",
            "use the original labels of 0 and 1, if the targets are averages of labels" if hopeless
            else "no change is needed; compare the loss with this value",
            note=not hopeless, cost={"loss_floor": float(down(floor * weight))},
            holds_for="all weights",
        )  # fmt: skip


def _floor(loss: Loss, y: np.ndarray, head: Head) -> float | None:
    """Return a lower bound on the loss from the entropy of the targets; None if unknown."""
    if not loss.known or not np.isfinite(y).all() or y.min() < 0 or y.max() > 1:
        return None
    width = head.width
    if loss.name == "binary_crossentropy":
        y = y * (1 - loss.smoothing) + 0.5 * loss.smoothing
        mean, slack = float(np.mean(_terms(y) + _terms(1 - y))), 0.0
    elif loss.name == "categorical_crossentropy" and y.shape[-1] == width > 1:
        if np.abs(y.sum(axis=-1) - 1.0).max() > 1e-6:
            return None
        if not (loss.from_logits or head.activation in SHARES):
            return None  # division by a sum with mixed signs may clip several outputs to 1
        y = y * (1 - loss.smoothing) + loss.smoothing / width
        # Probabilities that are clipped to at least 1e-7 may add up to slightly more than 1.
        mean, slack = float(np.mean(_terms(y).sum(axis=-1))), np.log1p(width * 2e-6)
    else:
        return None
    return max(0.0, float(down((mean - slack) * (1 - 1e-12))))


def _terms(share: np.ndarray) -> np.ndarray:
    return -share * np.log(np.where(share > 0, share, 1.0))
