"""Losses of given predictions and of the best constant prediction, computed in NumPy."""

from collections.abc import Callable

import numpy as np

from ..program import Loss


EPSILON = 1e-7
"""Keras clips probabilities to `[EPSILON, 1 - EPSILON]`."""


def value(loss: Loss, y: np.ndarray, p: np.ndarray) -> float | None:
    """Compute the loss of predictions `p` for targets `y`, as Keras does.

    Args:
        y: Targets of the output, float64, with rows along the first axis.
        p: Predictions of the output, float64, with rows along the first axis.

    Returns:
        The value. None if the loss is not supported, if a prediction or a Poisson loss is not
        finite, or if the targets do not fit the predictions.
    """
    function = _VALUES.get(loss.name)
    if function is None or not loss.known or not np.isfinite(p).all():
        return None
    try:
        return function(loss, y, p)
    except (ValueError, IndexError):
        return None  # other rules report shapes or labels that do not fit


def constant(loss: Loss, y: np.ndarray, width: int) -> float | None:
    """Compute the least loss of any prediction that is the same for every row.

    If a row has several positions, such as time steps, the prediction is also the same at every
    position.

    Args:
        y: Targets of the output, float64, with rows along the first axis.
        width: Number of entries of a prediction along its last axis.

    Returns:
        The loss. None if the loss is not supported, or if the targets are empty or not finite. None
        also if they lie outside the loss's domain, such as class numbers of at least `width`.
    """
    function = _CONSTANTS.get(loss.name)
    if function is None or not loss.known or not y.size or not np.isfinite(y).all():
        return None
    return function(loss, y, width)


def least(loss: Loss, y: np.ndarray) -> float:
    """Compute the least loss that any predictions can have.

    It can differ from 0 only for a binary or categorical cross-entropy with soft or smoothed
    labels, and for a Poisson loss.

    Args:
        loss: A loss that `constant` supports.
        y: Targets of the output, float64, with rows along the first axis.
    """
    if loss.name == "binary_crossentropy":
        y = y * (1 - loss.smoothing) + 0.5 * loss.smoothing
        return _entropy(np.stack([y, 1 - y])) / y.size
    if loss.name == "categorical_crossentropy":
        y = y * (1 - loss.smoothing) + loss.smoothing / y.shape[-1]
        return _entropy(y) / (y.size / y.shape[-1])
    return _poisson(loss, y, y) if loss.name == "poisson" else 0.0


def _columns(y: np.ndarray, width: int) -> np.ndarray:
    """Reshape targets to a matrix of `width` columns, or of one column if the width does not fit.

    The width fits if the targets have several axes and the last one has this length.
    """
    return y.reshape(-1, y.shape[-1] if y.ndim > 1 and y.shape[-1] == width else 1)


def _reshape_targets(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return y.reshape(p.shape)


def _square(_: Loss, y: np.ndarray, p: np.ndarray) -> float:
    return float(np.mean(np.square(_reshape_targets(y, p) - p)))


def _absolute(_: Loss, y: np.ndarray, p: np.ndarray) -> float:
    return float(np.mean(np.abs(_reshape_targets(y, p) - p)))


def _huber(loss: Loss, y: np.ndarray, p: np.ndarray) -> float:
    far, delta = np.abs(_reshape_targets(y, p) - p), float(loss.options.get("delta", 1.0))
    inside = 0.5 * np.square(far)
    return float(np.mean(np.where(far <= delta, inside, delta * far - 0.5 * delta**2)))


def _poisson(_: Loss, y: np.ndarray, p: np.ndarray) -> float:
    with np.errstate(invalid="ignore"):
        mean = float(np.mean(p - _reshape_targets(y, p) * np.log(p + EPSILON)))
    if not np.isfinite(mean):
        raise ValueError
    return mean


def _binary(loss: Loss, y: np.ndarray, p: np.ndarray) -> float:
    y = _reshape_targets(y, p)
    y = y * (1 - loss.smoothing) + 0.5 * loss.smoothing
    if loss.from_logits:
        return float(np.mean(np.logaddexp(0.0, p) - y * p))
    p = np.clip(p, EPSILON, 1 - EPSILON)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)))


def _logs(loss: Loss, p: np.ndarray) -> np.ndarray:
    if loss.from_logits:
        p = p - p.max(axis=-1, keepdims=True)
        return p - np.log(np.exp(p).sum(axis=-1, keepdims=True))
    with np.errstate(all="ignore"):
        p = p / p.sum(axis=-1, keepdims=True)
    return np.log(np.clip(np.nan_to_num(p), EPSILON, 1 - EPSILON))


def _classes(loss: Loss, y: np.ndarray, p: np.ndarray) -> float:
    y = _reshape_targets(y, p)
    y = y * (1 - loss.smoothing) + loss.smoothing / p.shape[-1]
    return float(-np.mean((y * _logs(loss, p)).sum(axis=-1)))


def _sparse_classes(loss: Loss, y: np.ndarray, p: np.ndarray) -> float:
    logs = _logs(loss, p).reshape(-1, p.shape[-1])
    y = y.reshape(-1).astype(int)
    if len(y) != len(logs) or y.min() < 0:
        raise ValueError
    return float(-np.mean(logs[np.arange(len(y)), y]))


def _entropy(shares: np.ndarray) -> float:
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())


def _constant_binary(loss: Loss, y: np.ndarray, width: int) -> float | None:
    if y.min() < 0 or y.max() > 1:
        return None
    mean = _columns(y, width).mean(axis=0) * (1 - loss.smoothing) + 0.5 * loss.smoothing
    return float(np.mean([_entropy(np.array([m, 1 - m])) for m in mean]))


def _constant_classes(loss: Loss, y: np.ndarray, width: int) -> float | None:
    if y.ndim < 2 or y.shape[-1] != width or width < 2 or y.min() < 0:
        return None
    if not np.allclose(y.sum(axis=-1), 1.0, atol=1e-3):
        return None
    mean = _columns(y, width).mean(axis=0)
    return _entropy(mean * (1 - loss.smoothing) + loss.smoothing / width)


def _constant_sparse_classes(_: Loss, y: np.ndarray, width: int) -> float | None:
    if (y != np.floor(y)).any() or y.min() < 0 or y.max() >= width:
        return None
    return _entropy(np.bincount(y.reshape(-1).astype(int), minlength=width) / y.size)


def _constant_square(_: Loss, y: np.ndarray, width: int) -> float:
    return float(_columns(y, width).var(axis=0).mean())


def _constant_absolute(_: Loss, y: np.ndarray, width: int) -> float:
    columns = _columns(y, width)
    return float(np.abs(columns - np.median(columns, axis=0)).mean())


def _constant_huber(loss: Loss, y: np.ndarray, width: int) -> float:
    """Find by bisection the constant at which the gradients cancel, and return its loss."""
    columns, delta = _columns(y, width), float(loss.options.get("delta", 1.0))
    lo, hi = columns.min(axis=0), columns.max(axis=0)
    for _ in range(60):
        middle = (lo + hi) / 2
        low = np.clip(middle - columns, -delta, delta).mean(axis=0) < 0
        lo, hi = np.where(low, middle, lo), np.where(low, hi, middle)
    return _huber(loss, columns, np.broadcast_to((lo + hi) / 2, columns.shape))


def _constant_poisson(loss: Loss, y: np.ndarray, width: int) -> float | None:
    columns = _columns(y, width)
    if columns.min() < 0:
        return None
    return _poisson(loss, columns, np.broadcast_to(columns.mean(axis=0), columns.shape))


Value = Callable[[Loss, np.ndarray, np.ndarray], float]
Constant = Callable[[Loss, np.ndarray, int], float | None]

_VALUES: dict[str, Value] = {
    "mean_squared_error": _square, "mean_absolute_error": _absolute,
    "huber": _huber, "poisson": _poisson,
    "binary_crossentropy": _binary, "categorical_crossentropy": _classes,
    "sparse_categorical_crossentropy": _sparse_classes,
}  # fmt: skip

_CONSTANTS: dict[str, Constant] = {
    "mean_squared_error": _constant_square, "mean_absolute_error": _constant_absolute,
    "huber": _constant_huber, "poisson": _constant_poisson,
    "binary_crossentropy": _constant_binary, "categorical_crossentropy": _constant_classes,
    "sparse_categorical_crossentropy": _constant_sparse_classes,
}  # fmt: skip
