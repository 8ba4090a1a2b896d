"""How good predictions are at rows that nobody trained on, whatever the loss that led to them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ...program import Head, Loss
from .. import baselines
from ..context import DiagnosisContext


WORST = -1.0
"""The least that a score counts: beyond, a prediction is only worse than useless."""


class Score(NamedTuple):
    """One thing that is scored.

    Args:
        value: 1 is perfect, 0 what the best constant gets.
        told: The number that a user knows: an accuracy, a share of the variance, a loss.
    """

    value: float
    told: float


Scores = Mapping[tuple[int, str], Score]
"""Output and what is scored there, to its score."""

CROSSENTROPIES = (
    "binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy",
)  # fmt: skip
HINGES = ("hinge", "squared_hinge")


def scores(case: DiagnosisContext, outputs: Sequence[np.ndarray], rows: np.ndarray) -> Scores:
    """Score what a program says of some rows, output by output.

    Args:
        case: The program, with its targets.
        outputs: What it returns, one array an output, at the first rows of the data or more.
        rows: Which of these rows to score.

    Returns:
        `"right"`, the balanced accuracy, of classes and labels, and `"chances"`, the quadratic
        score of the probabilities, under a cross-entropy; `"explained"`, the share of the variance,
        of other targets; `"loss"` where it is one of those that `baselines` knows. Empty where the
        targets of an output cannot be scored.
    """
    found: dict[tuple[int, str], Score] = {}
    for loss in case.program.losses:
        y, head = case.targets(loss), case.head(loss)
        if y is None or head is None or not loss.known or not np.isfinite(y).all():
            return {}
        said = np.asarray(outputs[loss.output], np.float64)[rows]
        of_head = _of_head(loss, head, y[rows], said)
        if not of_head:
            return {}
        found.update({(loss.output, name): score for name, score in of_head.items()})
    return found


def _of_head(loss: Loss, head: Head, y: np.ndarray, p: np.ndarray) -> dict[str, Score]:
    if not np.isfinite(p).all():
        return {}
    classes, labels = _classes(loss, y, p), _labels(y, p)
    if classes is not None:
        told = p.reshape(-1, p.shape[-1]).argmax(axis=1)
        found = {"right": _balanced(classes[:, None], told[:, None])}
    elif labels is not None:
        cut = 0.5 if _in_unit(loss, head, y) else 0.0
        found = {"right": _balanced(labels, p.reshape(labels.shape) > cut)}
    else:
        found = {"explained": _explained(y, p)}
    found["chances"] = _chances(loss, head, classes, labels, p)
    found["loss"] = _loss(loss, head, y, p)
    known = {name: score for name, score in found.items() if score is not None}
    return known if known.keys() & {"right", "explained"} else {}


def _score(value: float, told: float | None = None) -> Score:
    return Score(max(WORST, float(value)), float(value if told is None else told))


def _classes(loss: Loss, y: np.ndarray, p: np.ndarray) -> np.ndarray | None:
    """The true class of every prediction along the last axis; None if there are none."""
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
    """Labels that are on or off, `(rows, columns)`; None if the targets are something else."""
    binary = np.isin(y, (0.0, 1.0)).all() or np.isin(y, (-1.0, 1.0)).all()
    if not binary or y.size != p.size or not y.size:
        return None
    return y.reshape(len(y), -1) > 0


def _in_unit(loss: Loss, head: Head, y: np.ndarray) -> bool:
    """Whether an output of 0.5 is where one label ends and the other begins."""
    if y.min() < 0 and loss.name not in CROSSENTROPIES:
        return False
    if head.activation in ("sigmoid", "softmax"):
        return True
    return not loss.from_logits and loss.name not in HINGES


def _balanced(truth: np.ndarray, said: np.ndarray) -> Score | None:
    """The mean over columns: how often each label is found, each counting alike."""
    values, told = [], []
    for true, guess in zip(truth.T, said.T, strict=True):
        labels = np.unique(true)
        if len(labels) > 1:
            hit = float(np.mean([(guess[true == one] == one).mean() for one in labels]))
            told.append(hit)
            values.append((hit - 1 / len(labels)) / (1 - 1 / len(labels)))
    return _score(float(np.mean(values)), float(np.mean(told))) if values else None


def _explained(y: np.ndarray, p: np.ndarray) -> Score | None:
    """The share of the variance, averaged over the columns; targets may match several of `p`."""
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


def _chances(
    loss: Loss, head: Head, classes: np.ndarray | None, labels: np.ndarray | None, p: np.ndarray
) -> Score | None:
    """The quadratic score of what is told of each class, under a cross-entropy."""
    if loss.name not in CROSSENTROPIES:
        return None
    logits = loss.from_logits and head.activation not in ("sigmoid", "softmax")
    if classes is not None:
        told = p.reshape(-1, p.shape[-1])
        truth = np.eye(told.shape[1])[classes]
        if logits and loss.name != "binary_crossentropy":
            told = np.exp(told - told.max(axis=1, keepdims=True))
            told /= told.sum(axis=1, keepdims=True)
    elif labels is not None:
        truth, told = labels.astype(np.float64), p.reshape(labels.shape)
    else:
        return None
    if logits and loss.name == "binary_crossentropy":
        told = 0.5 + 0.5 * np.tanh(0.5 * told)
    usual = np.square(truth - truth.mean(axis=0)).sum()
    return None if usual <= 0 else _score(1.0 - np.square(truth - told).sum() / usual)


def _loss(loss: Loss, head: Head, y: np.ndarray, p: np.ndarray) -> Score | None:
    """The loss, scored by the best constant's at these rows, above the least there is."""
    constant = baselines.constant(loss, y, head.width)
    if constant is None or constant - baselines.least(loss, y) < 1e-12:
        return None
    least, value = baselines.least(loss, y), baselines.value(loss, y, p)
    return None if value is None else _score((constant - value) / (constant - least), value)
