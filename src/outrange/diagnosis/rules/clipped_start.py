"""OR024: wrong predictions so confident that the loss is clipped and its gradient is 0."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Head, Loss
from ..bounds import UnitRanges
from ..context import DiagnosisContext
from ..registry import Example, ModelAndData, Rule, register
from ..wording import share, short
from .scale import input_advice


CLIP = -np.log(0.5e-7)
"""Difference of logits beyond which a probability is clearly below 1e-7, where Keras clips."""

MOST = 0.2
"""Minimum fraction of clipped rows for a finding; fewer clipped rows are regarded as outliers."""


def _sure(keras: ModuleType, scale: float, classes: int) -> ModelAndData:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4)).astype("float32")
    y = x[:, :classes].argmax(axis=1)[:, None] if classes > 1 else (x[:, :1] > 0) * 1.0
    last = keras.layers.Dense(
        classes,
        "softmax" if classes > 1 else "sigmoid",
        kernel_initializer=keras.initializers.RandomNormal(stddev=scale, seed=1),
        name="last",
    )
    model = keras.Sequential([keras.Input((4,)), last])
    loss = "sparse_categorical_crossentropy" if classes > 1 else "binary_crossentropy"
    model.compile(keras.optimizers.SGD(0.1), loss)
    return model, x, y


@register(
    "OR024", "the output starts saturated",
    """The inputs of the last softmax or sigmoid (the logits) are so large that, for many rows, the
    probability of the right answer is below 1e-7. Keras clips such a probability: the loss of the
    row is then 16.1 and its gradient is exactly 0, so nothing is learned from the row. The rule
    bounds the logits of each row, including rounding errors. The finding is PROVED for the stored
    weights if at least a fifth of the rows are clipped. It is MEASURED if some layers behave
    differently in training and copies of the model do not learn in short training runs. It is a
    note if the copies learn from the other rows. Nothing is reported on TensorFlow, where the
    cross-entropies read the logits directly and nothing is clipped. Scale the inputs, or start from
    smaller weights (glorot_uniform).""",
    Example(lambda k: _sure(k, 60.0, 1), lambda k: _sure(k, 0.5, 1), backends=("jax", "torch")),
    Example(lambda k: _sure(k, 60.0, 3), lambda k: _sure(k, 0.5, 3), backends=("jax", "torch")),
)  # fmt: skip
def check(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report outputs for which the probability of the right answer is clipped for many rows.

    Losses that are computed from logits are not checked.
    """
    for loss in case.program.losses:
        head = case.head(loss)
        if head is None or loss.from_logits or head.recovered or not loss.known or head.dropped:
            continue
        if loss.smoothing or loss.options.get("weight", 1.0) == 0 or head.inner:
            continue
        clipped = _find_clipped_rows(case, loss, head)
        if clipped is None or not clipped.size or clipped.mean() < MOST:
            continue
        if _is_contradicted(case, loss, clipped):
            continue
        rows = case.rows_of(head.logits)
        size = float(np.abs(rows.lo).max()) if rows is not None else np.inf
        count, over = int(clipped.sum()), case.trials.stuck is False
        whole = _consequence(case, clipped)
        changed = case.program.changed_in_training
        if changed and not case.trials.stuck:
            continue  # the logits differ in training
        level, elsewhere = (Level.MEASURED, " (inference)") if changed else (Level.PROVED, "")
        yield rule.finding(
            level, head.layer,
            f"for {share(count, clipped.size)} rows, the right answer has a probability below "
            f"1e-7, because the logits reach {short(size)}. For these rows, the loss is clipped "
            f"and its gradient is exactly 0, so {whole}.",
            input_advice(case)
            if case.trials.tokens is not None
            else 'x = (x - x.mean(0)) / x.std(0)   or   kernel_initializer="glorot_uniform"',
            cost={"rows": count, "share": float(clipped.mean())}, note=over and not clipped.all(),
            holds_for=f"the stored weights{elsewhere} and {case.these_rows}",
        )  # fmt: skip


def _consequence(case: DiagnosisContext, clipped: np.ndarray) -> str:
    """Describe in a phrase the consequence of clipped rows for training.

    Rows that are not clipped, other losses and penalties may still have gradients.
    """
    if not clipped.all():
        return "the model does not learn from them through this loss"
    measured = case.complete_measurement
    if measured is not None and not measured.has_nonzero_gradient:
        return "none of the weights gets a gradient"
    return "no weight gets a gradient from this loss"


def _find_clipped_rows(case: DiagnosisContext, loss: Loss, head: Head) -> np.ndarray | None:
    """Return a mask of the bounded rows for which clipping provably makes the loss gradient 0.

    Returns None if that cannot be decided.
    """
    rows, y = case.rows_of(head.logits), case.targets(loss)
    if rows is None or y is None or not len(rows.lo):
        return None
    off = case.roundings.at_rows(head.logits)
    rows = UnitRanges(rows.lo - off, rows.hi + off)
    y = y[case.bounded_rows].reshape(len(case.bounded_rows), -1)
    if loss.name == "binary_crossentropy" and head.activation == "sigmoid":
        if y.shape != rows.lo.shape or not np.isin(y, (0.0, 1.0)).all():
            return None
        return np.where(y == 1, rows.hi < -CLIP, rows.lo > CLIP).all(axis=1)
    if head.activation != "softmax" or rows.lo.shape[1] != head.width:
        return None
    if loss.name == "sparse_categorical_crossentropy" and y.shape[1] == 1:
        labels = y[:, 0]
        if (labels != np.floor(labels)).any() or labels.min() < 0 or labels.max() >= head.width:
            return None
        labels = labels.astype(int)
    elif loss.name == "categorical_crossentropy" and y.shape[1] == head.width:
        if not np.isin(y, (0.0, 1.0)).all() or (y.sum(axis=1) != 1).any():
            return None
        labels = y.argmax(axis=1)
    else:
        return None
    at = np.arange(len(labels))
    return rows.lo.max(axis=1) - rows.hi[at, labels] > CLIP


def _is_contradicted(case: DiagnosisContext, loss: Loss, clipped: np.ndarray) -> bool:
    """Return whether the measured loss or gradient contradicts the proof of clipping."""
    measured = case.measurement
    if measured is None or measured.error:
        return False
    if len(case.program.losses) == 1 and measured.loss < 0.9 * CLIP * clipped.mean():
        return len(clipped) <= len(measured.outputs[0]) if measured.outputs else True
    everywhere = bool(clipped.all()) and len(clipped) == case.rows
    return everywhere and case.complete_measurement is not None and measured.has_nonzero_gradient
