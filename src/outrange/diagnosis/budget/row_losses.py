"""The least that a loss can be over ranges of the output, and what the best constant reaches.

Losses are meant as Keras evaluates them over all rows, without weights of samples and penalties.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...program import Head, Loss


CLIPPED = 15.9
"""Keras clips probabilities at 1e-7, which is a logit of 16.1: beyond this one, nothing is said."""


@dataclass(frozen=True, eq=False)
class RowLoss:
    """A loss as a function of the outputs, or of the logits where `logits` says so.

    Args:
        least: `least(lo, hi)`, `(rows, units)` each, to `(rows,)`: a lower bound of the loss there.
        slope: Its derivative, `(rows, units)`, as both ends move together; `least` is convex so.
        curved: The largest curvature of `least`, about.
        constant: The loss of the best constant prediction.
        says: What that constant is.
        logits: Whether `lo` and `hi` are of what enters the last activation.
        inside: `inside(lo, hi)`: whether no clip is met between these, so that the loss is convex.
    """

    least: Callable[[np.ndarray, np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray, np.ndarray], np.ndarray]
    curved: float
    constant: float
    says: str
    logits: bool
    inside: Callable[[np.ndarray, np.ndarray], bool]


MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")
"""Reductions that are the mean over the rows where they have no weights."""


def row_loss(loss: Loss, head: Head, y: np.ndarray, shape: tuple[int, ...]) -> RowLoss | None:
    """The loss of one output as rows of numbers; None if it is not described.

    Args:
        loss: As compiled.
        head: How the output is made.
        y: `(rows, ...)` finite targets.
        shape: Of the output at a row.
    """
    if not loss.known or not len(y) or not _is_mean(loss):
        return None
    rows, units = y.reshape(len(y), -1), int(np.prod(shape))
    alike = _alike(y.shape[1:], shape)
    if loss.name in DISTANCES and alike and loss.smoothing == 0:
        return _distance(loss.name, rows)
    reads = head.activation == "linear" if loss.from_logits else head.logits is not None
    if not reads:
        return None
    if loss.name == "binary_crossentropy" and alike:
        right = loss.from_logits or head.activation == "sigmoid"
        return _binary(rows, loss) if right and ((rows >= 0) & (rows <= 1)).all() else None
    if loss.from_logits or head.activation == "softmax":
        wanted = shape if loss.name == "categorical_crossentropy" else (*shape[:-1], 1)
        return _categorical(loss, head, rows, units) if _alike(y.shape[1:], wanted) else None
    return None


def _is_mean(loss: Loss) -> bool:
    """Whether `evaluate` returns the mean over the rows of a loss, in at least 32 bits."""
    given = loss.options
    return (
        given.get("weight", 1.0) == 1.0
        and given.get("reduction", MEANS[0]) in MEANS
        and given.get("dtype", "float32") in ("float32", "float64")
    )


def _alike(given: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether targets stand beside an output entry by entry; others Keras broadcasts.

    It adds or takes away one last axis of 1.
    """
    return given == shape or (*given, 1) == shape or given == (*shape, 1)


DISTANCES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean_squared_error": np.square, "mean_absolute_error": lambda d: d,
}  # fmt: skip
"""Losses that are the mean of an increasing function of the distance."""


def _distance(name: str, y: np.ndarray) -> RowLoss:
    of = DISTANCES[name]

    def least(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        return of(np.maximum(np.maximum(lo - y, y - hi), 0.0)).mean(axis=1)

    def slope(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        sign = np.where(lo > y, 1.0, np.where(hi < y, -1.0, 0.0)) / y.shape[1]
        if name == "mean_absolute_error":
            return sign
        return 2.0 * sign * np.maximum(np.maximum(lo - y, y - hi), 0.0)

    best = y.mean(axis=0) if name == "mean_squared_error" else np.median(y, axis=0)
    says = "the mean" if name == "mean_squared_error" else "the median"
    constant = float(of(np.abs(y - best)).mean())
    says = f"{says} of the targets"
    return RowLoss(least, slope, 2.0 / y.shape[1], constant, says, False, lambda lo, hi: True)


def softplus(z: np.ndarray) -> np.ndarray:
    """`log(1 + exp(z))`."""
    return np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))


def _entropy(p: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, -p * np.log(p), 0.0)


def _binary(y: np.ndarray, loss: Loss) -> RowLoss:
    y = y * (1.0 - loss.smoothing) + 0.5 * loss.smoothing
    with np.errstate(divide="ignore"):
        best = np.log(y) - np.log1p(-y)
    end = np.inf if loss.from_logits else CLIPPED

    def least(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        z = np.clip(np.clip(best, lo, hi), -end, end)
        with np.errstate(invalid="ignore"):
            on, off = np.where(y == 0, 0.0, y * softplus(-z)), (1 - y) * softplus(z)
        return (on + np.where(y == 1, 0.0, off)).mean(axis=1) * (1.0 - 1e-12)

    def slope(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        z = np.clip(best, lo, hi)
        with np.errstate(invalid="ignore"):
            held = np.where(z == best, 0.0, 1.0 / (1.0 + np.exp(-np.clip(z, -700, 700))) - y)
        return held / y.shape[1]

    def inside(lo: np.ndarray, hi: np.ndarray) -> bool:
        return bool((lo >= -end).all() and (hi <= end).all())

    p, curved = y.mean(axis=0), 0.25 / y.shape[1]
    constant = float((_entropy(p) + _entropy(1 - p)).mean())
    return RowLoss(least, slope, curved, constant, "how often 1 occurs", True, inside)


def _categorical(loss: Loss, head: Head, y: np.ndarray, units: int) -> RowLoss | None:
    if head.width != units or units < 2 or loss.smoothing or loss.options.get("axis", -1) != -1:
        return None
    if head.axis != -1 and head.logits is not None:
        return None
    if loss.name == "sparse_categorical_crossentropy":
        if y.shape[1] != 1 or loss.options.get("ignore_class") is not None:
            return None
        labels = y[:, 0].astype(int)
        if (labels != y[:, 0]).any() or labels.min() < 0 or labels.max() >= units:
            return None
        y = np.eye(units)[labels]
    elif loss.name != "categorical_crossentropy" or y.shape[1] != units:
        return None
    if (y < 0).any() or np.abs(y.sum(axis=1) - 1.0).max() > 1e-6:
        return None
    end = np.inf if loss.from_logits else CLIPPED

    def least(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        found = np.zeros(len(lo))
        for k in np.flatnonzero(y.any(axis=0)):
            others = np.delete(lo, k, axis=1) - hi[:, k : k + 1]
            top = np.maximum(others.max(axis=1), 0.0)
            with np.errstate(invalid="ignore"):
                value = top + np.log(np.exp(-top) + np.exp(others - top[:, None]).sum(axis=1))
            found += y[:, k] * np.minimum(np.where(np.isnan(value), 0.0, value), end)
        return found * (1.0 - 1e-9)

    def slope(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        found = np.zeros_like(lo)
        for k in np.flatnonzero(y.any(axis=0)):
            z = lo.copy()
            z[:, k] = hi[:, k]
            p = np.exp(z - z.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            p[:, k] -= 1.0
            found += y[:, k : k + 1] * p
        return found

    def inside(lo: np.ndarray, hi: np.ndarray) -> bool:
        # log(sum exp z) - z_k is at most the distance of the ends, and the log of how many.
        return bool((hi.max(axis=1) - lo.min(axis=1)).max() + np.log(units) <= end)

    constant = float(_entropy(y.mean(axis=0)).sum())
    return RowLoss(least, slope, 0.5, constant, "how often each class occurs", True, inside)
