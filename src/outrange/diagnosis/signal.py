"""The fraction of the targets' variance that kernel ridge regression predicts from the inputs."""

from dataclasses import dataclass

import numpy as np


ROWS, FEATURES, COLUMNS = 320, 4096, 16
"""Maximum numbers of rows, features and target columns that are used."""

PARTS = 4
"""Number of cross-validation folds."""


@dataclass(frozen=True)
class Signal:
    """The cross-validated fit of kernel ridge regression.

    Args:
        explained: Fraction of the targets' variance that the fit explains, at most 1; negative if
            the fit is worse than predicting the mean.
        by_chance: Explained fractions after random permutations of the targets' rows, one number
            per permutation; empty if `explained` exceeds `CLEAR`.
        rows: Number of rows used.
        linear: Cross-validated skill of linear ridge regression: 1 if the predictions are perfect,
            0 if they are as good as the best constant, and negative if they are worse. It is
            measured by accuracy if all targets are 0 or 1, and otherwise by explained variance.
    """

    explained: float
    by_chance: tuple[float, ...]
    rows: int
    linear: float


def signal(x: np.ndarray, y: np.ndarray, tries: int = 19) -> Signal | None:
    """Measure by cross-validation how well the inputs explain the targets.

    Args:
        x: Inputs, `(rows, features)`, finite.
        y: Targets, `(rows, columns)`, finite.
        tries: Number of random permutations of the targets.

    Returns:
        The signal. None if there are fewer than 40 rows or more than `FEATURES` features, or if the
        inputs or the targets are constant.
    """
    rng = np.random.default_rng(0)
    pick = rng.permutation(len(x))[:ROWS]
    x, y = x[pick], y[pick]
    if len(x) < 40 or x.shape[1] > FEATURES:
        return None
    spread = y.std(axis=0)
    y = y[:, spread > 1e-12 * (1.0 + np.abs(y).max(initial=0.0))][:, :COLUMNS]
    if not y.shape[1]:
        return None
    plain = y
    y = (y - y.mean(axis=0)) / y.std(axis=0)
    deviation = x.std(axis=0)
    x = (x - x.mean(axis=0))[:, deviation > 0] / deviation[deviation > 0]
    if not x.shape[1]:
        return None
    products = x @ x.T / x.shape[1]
    squares = np.diag(products)
    distances = np.maximum(squares[:, None] + squares - 2 * products, 0.0)
    near = np.exp(-distances / max(float(np.median(distances)), 1e-12))
    kernels = [(products, 0.1), (products, 3.0), (near, 0.03), (near, 0.3)]
    explained = _explained_shares(kernels, [y])[0]
    linear = _skill(products, plain)
    if explained > CLEAR:
        return Signal(explained, (), len(x), linear)
    exchanged = [y[rng.permutation(len(y))] for _ in range(tries)]
    return Signal(explained, tuple(_explained_shares(kernels, exchanged)), len(x), linear)


FREQUENT = 256
"""Number of the most frequent tokens that are counted; rare tokens would add mostly noise."""


def token_signal(x: np.ndarray, y: np.ndarray) -> Signal | None:
    """Measure how well the counts of token numbers in each row explain the targets.

    All tokens are counted, and then only the most frequent ones; the better result is returned.

    Args:
        x: Token numbers, `(rows, positions)`.
        y: Targets, `(rows, columns)`, finite.

    Returns:
        The signal. None if the inputs are not natural numbers in several positions, or as for
        `signal`.
    """
    pick = np.random.default_rng(0).permutation(len(x))[:ROWS]
    x, y = x[pick], y[pick]
    if x.shape[1] < 2 or x.min() < 0 or (x != np.floor(x)).any():
        return None
    tokens, places = np.unique(x, return_inverse=True)
    counts = np.zeros((len(x), len(tokens)), np.float32)
    np.add.at(counts, (np.arange(len(x))[:, None], places.reshape(x.shape)), 1.0)
    frequent = np.argsort(-(counts > 0).sum(axis=0), kind="stable")
    signals = [signal(counts[:, frequent[:most]], y) for most in (FEATURES, FREQUENT)]
    return max((s for s in signals if s), key=lambda s: s.explained, default=None)


CLEAR = 0.1
"""Explained fraction of the variance above which no comparison with permutations is needed."""


def _explained_shares(
    kernels: list[tuple[np.ndarray, float]], targets: list[np.ndarray]
) -> list[float]:
    """Return each target array's fraction of variance explained by its best kernel and penalty."""
    stacked = np.concatenate(targets, axis=1)
    best = np.full(len(targets), -np.inf)
    for kernel, penalty in kernels:
        left = _residuals(kernel, stacked, penalty).reshape(len(targets), -1)
        best = np.maximum(best, 1.0 - left.mean(axis=1))
    return best.tolist()


def _skill(kernel: np.ndarray, y: np.ndarray) -> float:
    """Return the cross-validated skill of ridge regression; see `Signal.linear`."""
    best = -np.inf
    classes = bool(np.isin(y, (0.0, 1.0)).all())
    for penalty in (0.01, 0.3):
        guess = _predictions(kernel, y, penalty)
        if not classes:
            best = max(
                best, 1.0 - float(np.square(y - guess).sum() / np.square(y - y.mean(0)).sum())
            )
            continue
        one_hot = y.shape[1] > 1 and bool((y.sum(axis=1) == 1).all())
        right = guess.argmax(1) == y.argmax(1) if one_hot else (guess > 0.5) == (y > 0.5)
        common = y.mean(0).max() if one_hot else np.maximum(y.mean(0), 1 - y.mean(0)).mean()
        best = max(best, float((right.mean() - common) / max(1 - common, 1e-9)))
    return best


def _residuals(kernel: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Return the mean squared residual of each column on held-out rows."""
    return np.square(y - _predictions(kernel, y, penalty)).mean(axis=0)


def _predictions(kernel: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Return the prediction of ridge regression for each row, fitted on the other folds."""
    part = np.arange(len(y)) % PARTS
    predictions = np.zeros(y.shape)
    for i in range(PARTS):
        fit, rest = part != i, part == i
        square = kernel[np.ix_(fit, fit)] + penalty * np.eye(int(fit.sum()))
        mean = y[fit].mean(axis=0)
        weights = np.linalg.solve(square, y[fit] - mean)
        predictions[rest] = kernel[np.ix_(rest, fit)] @ weights + mean
    return predictions
