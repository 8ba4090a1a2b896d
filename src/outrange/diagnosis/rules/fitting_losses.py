"""Losses that fit the format of the targets, for the fixes of all rules about classes."""

import numpy as np

from ...program import Head, Loss
from ..context import DiagnosisContext
from .shapes import as_read


MOST_CLASSES = 1000
"""Largest label that is regarded as a class number."""


def fitting_crossentropy(case: DiagnosisContext, loss: Loss) -> str:
    """Return the name of the cross-entropy of a softmax that accepts the targets as they are.

    Class numbers need the sparse one. Rows with one number per class need the other one.

    Returns:
        The Keras name. Empty if the targets have another format.
    """
    y, shape = case.targets(loss), case.program.outputs[loss.output][1]
    if y is None or y.shape[1:] == shape:
        return "categorical_crossentropy"
    numbers = y.shape[1:] in (shape[:-1], (*shape[:-1], 1)) and (y == np.floor(y)).all()
    return "sparse_categorical_crossentropy" if numbers else ""


def accepts_targets(case: DiagnosisContext, loss: Loss) -> bool:
    """Return whether the shape of the targets is the one that a cross-entropy expects."""
    y, shape = case.targets(loss), case.program.outputs[loss.output][1]
    if loss.name == "sparse_categorical_crossentropy":
        return y is None or y.shape[1:] in (shape[:-1], (*shape[:-1], 1))
    read = as_read(case, loss)
    return read is None or read[0].shape == read[1]


def fitting_loss(case: DiagnosisContext, loss: Loss, head: Head) -> str:
    """Propose a loss that accepts the targets, and a last layer for it if the current one is wrong.

    Args:
        head: The last layer. If it has several units, they are regarded as classes.
    """
    y, shape = case.targets(loss), case.program.outputs[loss.output][1]
    if y is None:
        return _of_columns(head.width, np.full((1, head.width), 1 / head.width))
    columns = y.shape[-1] if y.ndim > max(len(shape), 1) else 1
    y = y if columns > 1 else y.reshape(-1, 1)
    probable = bool(((y >= 0) & (y <= 1)).all())
    if columns > 1:
        fix = _of_columns(columns, y)
    elif head.width == 1 and probable:
        fix = _of_columns(1, y)
    elif (
        (y == np.floor(y)).all()
        and 0 <= y.min() <= y.max() <= MOST_CLASSES
        and (head.width > 1 or loss.name.endswith("crossentropy"))
    ):
        units = max(head.width, int(y.max()) + 1)
        if loss.from_logits and head.activation == "linear" and units == head.width:
            return "loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)"
        fix = f'Dense({units}, activation="softmax") with loss="sparse_categorical_crossentropy"'
    else:
        fix = _of_columns(1, y)
    # The part about the last layer is omitted if it is right already.
    same = f'Dense({head.width}, activation="{head.activation}") with '
    return fix.removeprefix(same)


def _of_columns(columns: int, y: np.ndarray) -> str:
    """Propose a last layer and a loss for targets of several columns, or for one number per row."""
    if not ((y >= 0) & (y <= 1)).all():
        return f'Dense({columns}, activation=None) with loss="mse"'
    if columns > 1 and (np.abs(y.sum(axis=-1) - 1.0) < 1e-3).all():
        return f'Dense({columns}, activation="softmax") with loss="categorical_crossentropy"'
    return f'Dense({columns}, activation="sigmoid") with loss="binary_crossentropy"'
