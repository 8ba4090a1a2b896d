"""OR001: targets that the output cannot reach for any weights."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...answers.render.text import number
from ...core import Bounds, down
from ...program import Head, Loss
from .. import baselines
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import at_least, share, span
from .low_ends import computed_ends, in_16_bits
from .shapes import squeeze_shapes


POWERS = {
    "mean_squared_error": (2, "MSE"), "mean_absolute_error": (1, "MAE"),
}  # fmt: skip
"""Map from each loss that is the mean of `|target - output| ** power` to the power and the usual
abbreviation of the loss."""

REGRESSION = (
    *POWERS, "mean_absolute_percentage_error", "mean_squared_logarithmic_error", "huber",
    "log_cosh",
)  # fmt: skip
"""Keras losses for regression, which are least where the output equals the target."""

SLACK = 1e-5
"""Distance by which targets may lie outside the range, as a fraction of the size of the targets.

The size is the larger of their span and their largest absolute value. The rounding of a scaler may
move targets that far.
"""

LITTLE = 0.01
"""Lower bound, relative to the best constant's loss, below which a finding becomes a note."""


def _line(keras: ModuleType, activation: str | None) -> ModelAndData:
    x = np.arange(1.0, 8.0)[:, None]
    layer = keras.layers.Dense(1, activation=activation, kernel_initializer="ones")
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile("sgd", "mse")
    return model, x, 2 * x + 1


@register(
    "OR001", "targets are outside what the network can output",
    """The last layers confine the output to an interval, whatever the trainable weights are: (0, 1)
    for sigmoid, (-1, 1) for tanh, [0, inf) for relu, and other intervals for compositions of fixed
    operations after the last weights. Targets outside the interval are unreachable, and the loss
    has a lower bound above 0. The interval is not taken from a table of activations: it is the
    range of the computational graph with arbitrary trainable weights. The lower bound is rounded
    down. The finding is PROVED for all weights and all inputs within the range of the data. It is a
    note if the bound is below 1 % of the loss of the best constant prediction, because such a small
    bound hardly matters. Use an activation whose range contains the targets, or scale the targets
    into the range of the activation.""",
    Example(lambda k: _line(k, "sigmoid"), lambda k: _line(k, None)),
    Example(lambda k: _line(k, "tanh"), lambda k: _line(k, "relu")),
    may_be_harmless=True,
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report targets outside the range of the output for all weights."""
    for loss in case.program.losses:
        y, head = case.targets(loss), case.head(loss)
        if y is None or head is None or loss.name not in REGRESSION or not loss.known:
            continue
        tensor = case.program.output_tensors[loss.output]
        ends = computed_ends(case, tensor)
        name, shape = case.program.outputs[loss.output]
        seen = squeeze_shapes(y.shape, (len(y), *shape))
        if ends is None or seen[0] != seen[1] or not np.isfinite(y).all():
            continue  # OR011 reports shapes that only match by broadcasting
        y = y.reshape(len(y), -1)
        lo, hi = ends
        sums = None if in_16_bits(case.program, tensor) else _sums(head, loss, y)
        if sums is not None:
            yield _simplex(rule, case, loss, head, y, sums)
            continue
        with np.errstate(invalid="ignore"):
            miss = np.maximum(np.maximum(lo - y, y - hi), 0.0)
        missed = miss > SLACK * max(float(np.ptp(y)), float(np.abs(y).max()), 1e-30)
        if not missed.any() or np.all(lo == hi):
            continue
        yield _finding(rule, case, loss, head, name, y, (lo, hi), np.where(missed, miss, 0.0))


def _sums(head: Head, loss: Loss, y: np.ndarray) -> np.ndarray | None:
    """Return the distance between 1 and the sum of each target row, `(rows,)`.

    Returns None if the output is not a softmax trained with a squared error, if the targets do not
    fit it, or if all target rows add up to 1 within 1e-3.
    """
    if head.activation != "softmax" or head.axis != -1 or not 1 < y.shape[1] == head.width:
        return None
    far = np.abs(y.sum(axis=1) - 1.0)
    return far if loss.name == "mean_squared_error" and (far > 1e-3).any() else None


def _simplex(
    rule: Rule, case: DiagnosisContext, loss: Loss, head: Head, y: np.ndarray, far: np.ndarray
) -> Finding:
    """Return the finding for targets that do not add up to 1, while the softmax outputs do.

    The distance of a target row from the plane of rows that add up to 1 is `far / sqrt(width)`.

    Args:
        far: The distance between 1 and the sum of each target row.
    """
    count = int((far > 1e-3).sum())
    floor = max(0.0, float(down(float(np.mean(np.square(far))) / head.width**2 * (1 - 1e-12))))
    message = (
        f"the {head.width} outputs of the softmax add up to 1 for every row, but the targets of "
        f"{share(count, len(y))} rows do not, so these targets are unreachable"
    )
    more, cost = _floor(case, loss, floor, y)
    return rule.finding(
        Level.PROVED, head.layer, f"{message}{more}.",
        'activation="sigmoid" with loss="binary_crossentropy"   # several labels per row'
        if ((y >= 0) & (y <= 1)).all() else "activation=None in the last layer",
        interval=(0.0, 1.0), cost={"unreachable": count, "targets": len(y), **cost},
        holds_for="all weights and all inputs",
    )  # fmt: skip


def weight_shown(case: DiagnosisContext, loss: Loss) -> float:
    """Return the weight with which Keras reports a loss; it is 1 if there are several losses."""
    return float(loss.options.get("weight", 1.0)) if len(case.program.losses) == 1 else 1.0


def add_weight(name: str, weight: float) -> str:
    """Return the name of a loss, or a phrase with the factor if Keras reports a multiple of it."""
    return name if weight == 1.0 else f"loss, {weight:g} times the {name},"


def as_shown(case: DiagnosisContext, floor: float) -> float:
    """Return a bound minus the rounding error of the loss that Keras reports.

    Keras sums the losses of the batches in float32. A relative error up to 1e-5 is ignored, since
    it does not show in four digits.
    """
    lost = 2.0**-24 * case.rows / (case.batch_size or 32)
    return float(down(floor * (1.0 - lost))) if lost > 1e-5 else floor


def _floor(
    case: DiagnosisContext, loss: Loss, floor: float, y: np.ndarray
) -> tuple[str, dict[str, float]]:
    """Return a phrase about a lower bound and the current loss, and the `cost` of the finding."""
    weight = weight_shown(case, loss)
    if weight <= 0.0:
        return "", {}
    name = POWERS[loss.name][1]
    name = name if weight == 1.0 else f"the {add_weight(name, weight)}"
    text = f", and {name} cannot go below {_format_floor(as_shown(case, floor * weight))}"
    now = None
    if loss.output < len(case.predictions) and len(case.predictions[loss.output]) == len(y):
        p = case.predictions[loss.output].astype(np.float64)
        now = baselines.value(loss, y, p)
    if now is not None:
        text += f" (now {number(float(f'{now * weight:.4g}'))})"
    return text, {"loss_floor": float(down(floor * weight))}


def _finding(
    rule: Rule,
    case: DiagnosisContext,
    loss: Loss,
    head: Head,
    name: str,
    y: np.ndarray,
    ends: Bounds,
    miss: np.ndarray,
) -> Finding:
    count, total = int((miss > 0).any(axis=1).sum()), len(y)
    lo, hi = float(ends[0].min()), float(ends[1].max())
    by = f" ({head.activation})" if head.activation != "other" else ""
    message = (
        f"the output{by} stays in {span(lo, hi)} for all weights, but your targets are in "
        f"{span(float(y.min()), float(y.max()))}. {share(count, total)} targets are unreachable"
    )
    cost: dict[str, float] = {"unreachable": count, "targets": total}
    little = False
    if loss.name in POWERS:
        power = POWERS[loss.name][0]
        floor = max(0.0, float(down(float(np.mean(miss**power)) * (1 - 1e-12))))
        constant = baselines.constant(loss, y, head.width)
        little = constant is not None and floor < LITTLE * constant
        more, floors = _floor(case, loss, floor, y)
        message, cost = message + more, cost | floors
    fix = "activation=None in the last layer"
    if np.isfinite([lo, hi]).all():
        fix += f"\nor scale: {_scaling(lo, hi)}"
    elif hi == np.inf and head.activation != "other":
        numbers = "negative numbers" if lo == 0.0 else f"number below {at_least(lo)}"
        fix += f"        # {head.activation} returns no {numbers}"
    yield_layer = head.layer or name
    elsewhere = " (inference)" if case.program.changed_in_training else ""
    return rule.finding(
        Level.PROVED, yield_layer, message + ".", fix, interval=(lo, hi), cost=cost,
        holds_for=f"all trainable weights{elsewhere}, and all inputs within the range of your data",
        note=little,
    )  # fmt: skip


def _scaling(lo: float, hi: float) -> str:
    """Propose code that maps the range of the targets linearly onto `[lo, hi]`."""
    factor = "" if hi - lo == 1.0 else f"{hi - lo:g} * "
    shift = "" if lo == 0.0 else f" {'-+'[lo > 0]} {abs(lo):g}"
    return f"y = {factor}(y - y.min()) / np.ptp(y){shift}"


def _format_floor(value: float) -> str:
    text = at_least(value)
    return text if any(c in text for c in ".e") else f"{text}.0"
