"""The least loss over ranges of the output, and the loss of the best constant prediction.

The losses are those that Keras evaluates over all rows, without sample weights or penalties.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...program import Head, Loss


CLIPPED = 15.9
"""Limit on the absolute logit of a sigmoid, and on the loss of a softmax, if probabilities are
clipped. Keras clips them at 1e-7, which corresponds to a limit of 16.1."""


@dataclass(frozen=True, eq=False)
class RowLoss:
    """A loss as a function of the outputs, or of the logits if `logits` is true.

    Args:
        least: Maps `lo` and `hi`, `(rows, units)` each, to a lower bound on the loss, `(rows,)`.
        slope: Maps `lo` and `hi` to the derivative of `least` with respect to a common shift of
            both bounds of an entry, `(rows, units)`.
        curved: The approximate largest curvature of `least`.
        constant: The mean loss of the best constant prediction.
        says: A phrase that describes the best constant, such as `"the mean of the targets"`.
        logits: Whether `lo` and `hi` bound the input of the last activation.
        inside: `inside(lo, hi)` returns whether Keras clips no value between the bounds. If so,
            `least` is convex there in common shifts of both bounds.
    """

    least: Callable[[np.ndarray, np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray, np.ndarray], np.ndarray]
    curved: float
    constant: float
    says: str
    logits: bool
    inside: Callable[[np.ndarray, np.ndarray], bool]


MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")
"""Names of reductions that equal the mean over rows if there are no sample weights."""


def row_loss(loss: Loss, head: Head, y: np.ndarray, shape: tuple[int, ...]) -> RowLoss | None:
    """Build the loss of each row as a function of one output; return None if it is not supported.

    Args:
        y: The finite targets, `(rows, ...)`.
        shape: Shape of the output for one row.
    """
    if not loss.known or not len(y) or not _is_mean(loss):
        return None
    rows, units = y.reshape(len(y), -1), int(np.prod(shape))
    matches = _alike(y.shape[1:], shape)
    if loss.name in DISTANCES and matches and loss.smoothing == 0:
        return _distance(loss.name, rows)
    reads = head.activation == "linear" if loss.from_logits else head.logits is not None
    if not reads:
        return None
    if loss.name == "binary_crossentropy" and matches:
        right = loss.from_logits or head.activation == "sigmoid"
        return _binary(rows, loss) if right and ((rows >= 0) & (rows <= 1)).all() else None
    if loss.from_logits or head.activation == "softmax":
        wanted = shape if loss.name == "categorical_crossentropy" else (*shape[:-1], 1)
        return _categorical(loss, head, rows, units) if _alike(y.shape[1:], wanted) else None
    return None


def _is_mean(loss: Loss) -> bool:
    """Return whether `evaluate` returns the mean of the loss over rows, in at least 32 bits."""
    options = loss.options
    return (
        options.get("weight", 1.0) == 1.0
        and options.get("reduction", MEANS[0]) in MEANS
        and options.get("dtype", "float32") in ("float32", "float64")
    )


def _alike(targets: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Return whether the shapes of targets and an output match without broadcasting.

    Keras adds or removes a last axis of size 1, so shapes that differ by such an axis match.
    """
    return targets == shape or (*targets, 1) == shape or targets == (*shape, 1)


DISTANCES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean_squared_error": np.square, "mean_absolute_error": lambda d: d,
}  # fmt: skip
"""Map from the name of a loss to a function of the distance between output and target.

The function is increasing, and the loss is its mean.
"""


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
    """Compute `log(1 + exp(z))`."""
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
    return RowLoss(least, slope, curved, constant, "the frequency of 1", True, inside)


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
        total = np.zeros(len(lo))
        for k in np.flatnonzero(y.any(axis=0)):
            others = np.delete(lo, k, axis=1) - hi[:, k : k + 1]
            top = np.maximum(others.max(axis=1), 0.0)
            with np.errstate(invalid="ignore"):
                value = top + np.log(np.exp(-top) + np.exp(others - top[:, None]).sum(axis=1))
            total += y[:, k] * np.minimum(np.where(np.isnan(value), 0.0, value), end)
        return total * (1.0 - 1e-9)

    def slope(lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
        total = np.zeros_like(lo)
        for k in np.flatnonzero(y.any(axis=0)):
            z = lo.copy()
            z[:, k] = hi[:, k]
            p = np.exp(z - z.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            p[:, k] -= 1.0
            total += y[:, k : k + 1] * p
        return total

    def inside(lo: np.ndarray, hi: np.ndarray) -> bool:
        # log(sum exp z) - z_k is at most the width of the range plus the log of the class count.
        return bool((hi.max(axis=1) - lo.min(axis=1)).max() + np.log(units) <= end)

    constant = float(_entropy(y.mean(axis=0)).sum())
    return RowLoss(least, slope, 0.5, constant, "the frequency of each class", True, inside)
