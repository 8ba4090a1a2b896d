"""The loss of a program on rows it is not trained on, as `fit` prints it beside `val_loss`."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from .program import Arrays, Head, Program, loss


def kept_apart(program: Program) -> tuple[Arrays, Arrays] | None:
    """The rows behind `validation_split`, else the new rows; None if these have other targets.

    A mutation of the targets (other labels, other units) leaves the new ones as they should be:
    then the program's own loss has nothing to say about them.
    """
    if program.split:
        rows = len(program.x[0])
        first = rows - int(rows * program.split)
        return tuple(a[first:] for a in program.x), tuple(a[first:] for a in program.y)
    if any(
        a.shape[1:] != b.shape[1:] or a.dtype != b.dtype
        for a, b in zip((*program.x, *program.y), (*program.x_new, *program.y_new), strict=True)
    ):
        return None
    return program.x_new, program.y_new


def comparable(base: Program, mutant: Program) -> bool:
    """Whether two programs are trained by the same losses, so that their values compare."""
    return [h.loss for h in base.heads] == [h.loss for h in mutant.heads]


def constant_loss(keras: ModuleType, program: Program) -> float:
    """The least loss, summed over the heads, that a constant has on the rows trained on."""
    found = [
        min(_values(keras, head, y), default=np.nan)
        for head, y in zip(program.heads, program.y, strict=True)
    ]
    return float(np.sum(found))


def _values(keras: ModuleType, head: Head, y: np.ndarray) -> list[float]:
    measure = loss(keras, head)
    found = []
    for constant in _constants(head, y):
        said = np.broadcast_to(constant, (len(y), *constant.shape)).astype("float32")
        value = float(np.mean(np.asarray(measure(y, said))))
        if np.isfinite(value):
            found.append(value)
    return found


def _constants(head: Head, y: np.ndarray) -> list[np.ndarray]:
    """Predictions worth trying: means and medians, and shares as probabilities and as logits."""
    units = head.last.options.get("units", 1)
    if head.task == "classes" and "Sparse" in head.loss:
        shares: Any = np.bincount(y.ravel().astype(int), minlength=units)[:units] / y.size
        middle = shares
    else:
        shares, middle = np.mean(y, axis=0), np.median(y, axis=0)
    shares, middle = (np.asarray(a, np.float64) for a in (shares, middle))
    if head.task in ("regression", "counts"):
        return [shares, middle]
    inner = np.clip(shares, 1e-6, 1 - 1e-6)
    logits = np.log(inner) if head.task == "classes" else np.log(inner / (1 - inner))
    return [shares, logits]
