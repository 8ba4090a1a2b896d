"""OR002: an output that is the same number for all weights."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...core import down
from ...program import Head, Loss
from .. import baselines
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import entries
from .fitting_losses import fitting_loss
from .targets import weight_shown


FLOAT32 = 1e-6
"""Relative error of a loss in float32, by which the floor of the loss is lowered."""


def _binary(keras: ModuleType, units: int, activation: str, loss: str) -> ModelAndData:
    x = np.linspace(-1.0, 1.0, 64).reshape(32, 2)
    y = (x[:, :1] > 0).astype("float32")
    if units == 2:
        y = np.concatenate([1 - y, y], axis=1)
    last = keras.layers.Dense(units, activation=activation, name="last")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(8, "tanh"), last])
    model.compile(keras.optimizers.SGD(0.1), loss)
    return model, x, y


@register(
    "OR002", "the output is the same number for every input",
    """The output is the same number for all inputs within the range of the data and for all
    trainable weights. For example, a softmax over one unit is always 1, and a product with 0 is
    always 0. So predict() returns the same number however the model is trained. The loss may still
    change on TensorFlow: there, Keras computes a cross-entropy from the logits before the softmax
    or sigmoid, so the loss falls while the predictions do not change. On JAX and PyTorch no weight
    gets a gradient. The finding is PROVED for all weights. For two classes, use one unit with a
    sigmoid, or two units with a softmax.""",
    Example(
        lambda k: _binary(k, 1, "softmax", "binary_crossentropy"),
        lambda k: _binary(k, 1, "sigmoid", "binary_crossentropy"),
    ),
    Example(
        lambda k: _binary(k, 1, "softmax", "mse"),
        lambda k: _binary(k, 2, "softmax", "categorical_crossentropy"),
    ),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report outputs whose range is a single point for all trainable weights.

    If the model receives only equal rows, only a softmax over one unit is reported.
    """
    program = case.program
    for i, tensor in enumerate(program.output_tensors):
        ends = case.free_ends(tensor)
        if ends is None or not ends[0].size or not (ends[0] == ends[1]).all():
            continue
        head, name = program.heads[i], program.outputs[i][0]
        value = entries(ends[0][:1] if np.ptp(ends[0]) == 0.0 else ends[0])
        what = (
            f"the output is {value} for every input in the range of your data and for all "
            "trainable weights"
        )
        single_unit = head.activation == "softmax" and head.width == 1
        if single_unit:
            what = f"a softmax over {head.width} unit is always {value}, whatever the weights"
        elif not _varies(case):
            continue  # at a single input, an output that ignores the weights is no fault
        message = f"{what}, so training cannot change predict(). {_loss(case, head)}"
        fix = "make the output depend on the weights"
        loss = next((loss for loss in program.losses if loss.output == i), None)
        if single_unit:
            fix = 'Dense(1, activation="sigmoid") with loss="binary_crossentropy"'
            fix = fix if loss is None else fitting_loss(case, loss, head)
        yield rule.finding(
            Level.PROVED, head.layer or name, message.strip(), fix,
            interval=(float(ends[0].min()), float(ends[1].max())),
            cost={"share": 1.0, "value": ends[0].tolist(), **_loss_floor(case, loss, ends[0])},
            holds_for="all trainable weights, and all inputs within the range of your data",
        )  # fmt: skip


def _loss(case: DiagnosisContext, head: Head) -> str:
    """Describe in a sentence how the loss behaves in training on this backend.

    Returns `""` if that is not known.
    """
    if head.recovered:
        return (
            "The loss still falls, because on TensorFlow Keras computes it from the logits before "
            "the softmax, but the predictions do not change."
        )
    measured = case.complete_measurement
    if measured is None or case.program.changed_in_training:
        return ""
    if measured.has_nonzero_gradient:
        return ""
    return "No weight gets a gradient, so the loss does not change."


def _loss_floor(case: DiagnosisContext, loss: Loss | None, output: np.ndarray) -> dict[str, float]:
    """Return the loss of a constant output as the entry `loss_floor` of a cost, if it is known.

    Args:
        output: The output of every row, flattened.
    """
    head, y = (None, None) if loss is None else (case.head(loss), case.targets(loss))
    if loss is None or head is None or y is None or head.recovered:
        return {}
    shape = case.program.outputs[loss.output][1]
    weight = weight_shown(case, loss)
    if output.size != int(np.prod(shape)) or weight <= 0:
        return {}
    value = baselines.value(loss, y, np.broadcast_to(output.reshape(shape), (len(y), *shape)))
    if value is None or not np.isfinite(value):
        return {}
    return {"loss_floor": float(down(value * weight - FLOAT32 * abs(value * weight)))}


def _varies(case: DiagnosisContext) -> bool:
    """Return whether the model receives at least two different rows."""
    x = case.flat_model_inputs[case.finite_rows]
    return bool(len(x) and (x != x[0]).any())
