"""Counts predictions outside [0, 1] that a cross-entropy reads; part of rule OR006."""

import numpy as np

from ...program import Loss
from ..context import DiagnosisContext
from .shapes import as_read


CLASSES = ("categorical_crossentropy", "sparse_categorical_crossentropy")


def outside(case: DiagnosisContext, loss: Loss) -> str:
    """Describe in a sentence at how many rows the current predictions are outside [0, 1].

    If there are such rows, the sentence also states the effect on the loss or its gradient.
    """
    entries = _entries(case, loss) if loss.known and case.predictions else None
    if entries is None:
        return "Nothing ensures that these numbers are probabilities."
    output, read = entries
    what = "the output"
    if loss.name in CLASSES:
        what = "the quotient of the output and the sum of its row"
        with np.errstate(all="ignore"):
            output = output / output.sum(axis=-1, keepdims=True)
    bad = read & ~((output >= 0) & (output <= 1))
    rows, total = bad.reshape(len(bad), -1), read.reshape(len(bad), -1)
    count, lost = int(rows.any(axis=1).sum()), int((rows == total).all(axis=1).sum())
    lost -= int((~total.any(axis=1)).sum())  # rows that the loss ignores
    if not count:
        return (
            "Nothing ensures that these numbers lie in [0, 1], although they currently do so for "
            "your rows."
        )
    text = f"For {count:,} of {len(output):,} rows, {what} is now outside [0, 1]"
    measured = case.measurement
    if measured is not None and not measured.error and not np.isfinite(measured.loss):
        return text + ", and the loss is not a finite number."
    if lost == count:
        return text + ", where the loss clips it, so its gradient is 0."
    return text + " in some entry, which the loss clips; " + (
        f"{lost:,} of these rows have a gradient of 0."
        if lost else "the gradient of that entry is 0."
    )  # fmt: skip


def _entries(case: DiagnosisContext, loss: Loss) -> tuple[np.ndarray, np.ndarray] | None:
    """Return predictions as the loss reads them, and a mask of the entries that affect the loss.

    Returns None if the targets do not fit the predictions.
    """
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
