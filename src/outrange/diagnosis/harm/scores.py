"""Scores of predictions on held-out rows, such as accuracies, explained variances and losses."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ...program import Head, Loss
from .. import baselines
from ..context import DiagnosisContext


WORST = -1.0
"""Lower limit of a score. Even worse predictions are equally useless, so scores are clipped."""


class Score(NamedTuple):
    """The value of one metric, both normalized and as it is reported.

    Args:
        value: The normalized score: 1 for perfect predictions, 0 for the best constant.
        reported: The reported value: an accuracy, a fraction of the variance, a Brier skill score,
            or a loss.
    """

    value: float
    reported: float


Scores = Mapping[tuple[int, str], Score]
"""Map from a pair of output index and metric name to the score."""

CROSSENTROPIES = (
    "binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy",
)  # fmt: skip
HINGES = ("hinge", "squared_hinge")


def scores(case: DiagnosisContext, outputs: Sequence[np.ndarray], rows: np.ndarray) -> Scores:
    """Score the predictions for some rows, separately for each output.

    Args:
        case: The program, with its targets.
        outputs: The model's outputs, one array per output. They must contain all rows that `rows`
            selects, but may omit the rows after these.
        rows: Indices of the rows to score.

    Returns:
        Map from output index and metric name to the score. If the targets are classes or binary
        labels, `"right"` is the balanced accuracy. For other targets, `"explained"` is the
        explained fraction of the variance. If the loss is a cross-entropy and the targets are
        classes or labels, `"chances"` is the Brier skill score of the probabilities. `"loss"` is
        present only if `baselines` supports the loss. The result is empty if some output cannot be
        scored.
    """
    result: dict[tuple[int, str], Score] = {}
    for loss in case.program.losses:
        y, head = case.targets(loss), case.head(loss)
        if y is None or head is None or not loss.known or not np.isfinite(y).all():
            return {}
        predictions = np.asarray(outputs[loss.output], np.float64)[rows]
        of_head = _of_head(loss, head, y[rows], predictions)
        if not of_head:
            return {}
        result.update({(loss.output, name): score for name, score in of_head.items()})
    return result


def _of_head(loss: Loss, head: Head, y: np.ndarray, p: np.ndarray) -> dict[str, Score]:
    if not np.isfinite(p).all():
        return {}
    classes, labels = _classes(loss, y, p), _labels(y, p)
    if classes is not None:
        predicted = p.reshape(-1, p.shape[-1]).argmax(axis=1)
        metrics = {"right": _balanced_accuracy(classes[:, None], predicted[:, None])}
    elif labels is not None:
        cut = 0.5 if _in_unit(loss, head, y) else 0.0
        metrics = {"right": _balanced_accuracy(labels, p.reshape(labels.shape) > cut)}
    else:
        metrics = {"explained": _explained_variance(y, p)}
    metrics["chances"] = _brier_score(loss, head, classes, labels, p)
    metrics["loss"] = _loss(loss, head, y, p)
    supported = {name: score for name, score in metrics.items() if score is not None}
    return supported if supported.keys() & {"right", "explained"} else {}


def _score(value: float, reported: float | None = None) -> Score:
    return Score(max(WORST, float(value)), float(value if reported is None else reported))


def _classes(loss: Loss, y: np.ndarray, p: np.ndarray) -> np.ndarray | None:
    """Return the true class of every prediction; None if `y` does not contain classes."""
    width = p.shape[-1] if p.ndim > 1 else 1
    if width < 2:
        return None
    if loss.name == "sparse_categorical_crossentropy":
        fits = y.size == p.size // width and np.all(y == np.floor(y))
        return y.reshape(-1).astype(int) if fits and 0 <= y.min() <= y.max() < width else None
    if y.shape == p.shape and np.isin(y, (0.0, 1.0)).all() and np.all(y.sum(axis=-1) == 1.0):
        return y.reshape(-1, width).argmax(axis=1)
    return None


def _labels(y: np.ndarray, p: np.ndarray) -> np.ndarray | None:
    """Return binary labels, `(rows, columns)`; None if `y` is not binary or does not fit `p`."""
    binary = np.isin(y, (0.0, 1.0)).all() or np.isin(y, (-1.0, 1.0)).all()
    if not binary or y.size != p.size or not y.size:
        return None
    return y.reshape(len(y), -1) > 0


def _in_unit(loss: Loss, head: Head, y: np.ndarray) -> bool:
    """Return whether predictions of the two labels are separated at 0.5 rather than at 0."""
    if y.min() < 0 and loss.name not in CROSSENTROPIES:
        return False
    if head.activation in ("sigmoid", "softmax"):
        return True
    return not loss.from_logits and loss.name not in HINGES


def _balanced_accuracy(truth: np.ndarray, predicted: np.ndarray) -> Score | None:
    """Return the balanced accuracy, averaged over the columns with at least two labels.

    Returns None if there is no such column.

    Args:
        truth: The true labels, `(rows, columns)`.
        predicted: The predicted labels, in the shape of `truth`.
    """
    values, rates = [], []
    for true, guess in zip(truth.T, predicted.T, strict=True):
        labels = np.unique(true)
        if len(labels) > 1:
            hit = float(np.mean([(guess[true == label] == label).mean() for label in labels]))
            rates.append(hit)
            values.append((hit - 1 / len(labels)) / (1 - 1 / len(labels)))
    return _score(float(np.mean(values)), float(np.mean(rates))) if values else None


def _explained_variance(y: np.ndarray, p: np.ndarray) -> Score | None:
    """Return the explained fraction of the variance (R²), averaged over the columns.

    The fraction of a column is at least `WORST`, and columns with constant targets are ignored.
    Targets are broadcast to the shape of `p`. Returns None if that is impossible or if all columns
    are constant.
    """
    if y.size != p.size:
        try:
            y = np.broadcast_to(y if y.ndim == p.ndim else y[..., None], p.shape)
        except ValueError:
            return None
    y, p = y.reshape(len(y), -1), p.reshape(len(y), -1)
    moving = y.std(axis=0) > 0
    if not moving.any():
        return None
    error = np.square(p - y).sum(axis=0)[moving]
    whole = np.square(y - y.mean(axis=0)).sum(axis=0)[moving]
    return _score(np.maximum(WORST, 1.0 - error / whole).mean())


def _brier_score(
    loss: Loss, head: Head, classes: np.ndarray | None, labels: np.ndarray | None, p: np.ndarray
) -> Score | None:
    """Return the Brier skill score of the probabilities: 1 if perfect, 0 for the best constant.

    Returns None if the loss is not a cross-entropy, if the targets are neither classes nor labels,
    or if they are all equal.
    """
    if loss.name not in CROSSENTROPIES:
        return None
    logits = loss.from_logits and head.activation not in ("sigmoid", "softmax")
    if classes is not None:
        chances = p.reshape(-1, p.shape[-1])
        truth = np.eye(chances.shape[1])[classes]
        if logits and loss.name != "binary_crossentropy":
            chances = np.exp(chances - chances.max(axis=1, keepdims=True))
            chances /= chances.sum(axis=1, keepdims=True)
    elif labels is not None:
        truth, chances = labels.astype(np.float64), p.reshape(labels.shape)
    else:
        return None
    if logits and loss.name == "binary_crossentropy":
        chances = 0.5 + 0.5 * np.tanh(0.5 * chances)
    usual = np.square(truth - truth.mean(axis=0)).sum()
    return None if usual <= 0 else _score(1.0 - np.square(truth - chances).sum() / usual)


def _loss(loss: Loss, head: Head, y: np.ndarray, p: np.ndarray) -> Score | None:
    """Return the score of the loss: 1 for the least possible loss, 0 for the best constant.

    Returns None if the least possible loss or the best constant's loss is unknown, or if both are
    equal.
    """
    constant = baselines.constant(loss, y, head.width)
    if constant is None or constant - baselines.least(loss, y) < 1e-12:
        return None
    least, value = baselines.least(loss, y), baselines.value(loss, y, p)
    return None if value is None else _score((constant - value) / (constant - least), value)
