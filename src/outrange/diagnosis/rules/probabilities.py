"""How many predictions are no probabilities where a cross-entropy reads them: a part of OR006."""

import numpy as np

from ...program import Loss
from ..context import DiagnosisContext
from .shapes import as_read


CLASSES = ("categorical_crossentropy", "sparse_categorical_crossentropy")


def outside(case: DiagnosisContext, loss: Loss) -> str:
    """How many predictions are no probabilities now, and what becomes of them."""
    entries = _entries(case, loss) if loss.known and case.predictions else None
    if entries is None:
        return "Nothing keeps it a probability."
    output, read = entries
    what = "it"
    if loss.name in CLASSES:
        what = "the share of the row's sum, which the loss reads,"
        with np.errstate(all="ignore"):
            output = output / output.sum(axis=-1, keepdims=True)
    bad = read & ~((output >= 0) & (output <= 1))
    rows, total = bad.reshape(len(bad), -1), read.reshape(len(bad), -1)
    count, lost = int(rows.any(axis=1).sum()), int((rows == total).all(axis=1).sum())
    lost -= int((~total.any(axis=1)).sum())  # rows that the loss does not read at all
    if not count:
        return "Nothing keeps it a probability, although it is one at your rows now."
    text = f"At {count:,} of {len(output):,} rows {what} is outside [0, 1] now"
    measured = case.measured
    if measured is not None and not measured.error and not np.isfinite(measured.loss):
        return text + ", and the loss is not a finite number."
    if lost == count:
        return text + ", where the loss clips it and its gradient is 0."
    return text + " in some entry, which the loss clips; the gradient of " + (
        f"{lost:,} of them is 0." if lost else "that entry is 0."
    )  # fmt: skip


def _entries(case: DiagnosisContext, loss: Loss) -> tuple[np.ndarray, np.ndarray] | None:
    """Predictions as the loss reads them, and which of their entries count; None if not known."""
    seen = as_read(case, loss)
    if seen is None or len(case.predictions[loss.output]) != len(seen[0]):
        return None
    y, shape = seen
    output = case.predictions[loss.output].astype(np.float64).reshape(shape)
    if loss.name == "sparse_categorical_crossentropy":
        labels = y[..., 0] if y.shape == (*shape[:-1], 1) else y
        if labels.shape != shape[:-1] or not np.isfinite(labels).all():
            return None
        return output, np.trunc(labels)[..., None] == np.arange(shape[-1])
    if y.shape != shape:
        return None
    if loss.name == "categorical_crossentropy" and not loss.smoothing:
        return output, y != 0
    return output, np.ones(shape, bool)
