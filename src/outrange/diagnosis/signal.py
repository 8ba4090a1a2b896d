"""How much of the targets a simple model learns from the inputs: a ridge on a kernel."""

from dataclasses import dataclass

import numpy as np


ROWS, FEATURES, COLUMNS = 320, 4096, 16
"""More is not looked at."""

PARTS = 4
"""Into which the rows are divided; each is predicted from the others."""


@dataclass(frozen=True)
class Signal:
    """What a kernel ridge explains of rows it was not fitted to.

    Args:
        explained: Share of the targets' variance, at most 1; negative for worse than their mean.
        by_chance: The same with the targets' rows exchanged at random, one number a try; empty
            where so much is explained that nobody asks.
        rows: How many were used.
        linear: What a linear ridge gets right of what the most frequent class, or the mean, leaves
            wrong: a share of rows where the columns are classes, of the variance elsewhere.
    """

    explained: float
    by_chance: tuple[float, ...]
    rows: int
    linear: float


def signal(x: np.ndarray, y: np.ndarray, tries: int = 19) -> Signal | None:
    """Measure it; None if there is too little to say.

    Args:
        x: `(rows, features)`, finite.
        y: `(rows, columns)`, finite.
        tries: How often rows are exchanged.
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
    found = _explained(kernels, [y])[0]
    linear = _skill(products, plain)
    if found > CLEAR:
        return Signal(found, (), len(x), linear)
    exchanged = [y[rng.permutation(len(y))] for _ in range(tries)]
    return Signal(found, tuple(_explained(kernels, exchanged)), len(x), linear)


CLEAR = 0.1
"""Share explained from which on chance is no question."""


def _explained(kernels: list[tuple[np.ndarray, float]], targets: list[np.ndarray]) -> list[float]:
    """What the best of some ridges explains of each targets."""
    stacked = np.concatenate(targets, axis=1)
    best = np.full(len(targets), -np.inf)
    for kernel, penalty in kernels:
        left = _left(kernel, stacked, penalty).reshape(len(targets), -1)
        best = np.maximum(best, 1.0 - left.mean(axis=1))
    return best.tolist()


def _skill(kernel: np.ndarray, y: np.ndarray) -> float:
    """What a ridge gets right of held-out rows, beyond the best constant."""
    best = -np.inf
    classes = bool(np.isin(y, (0.0, 1.0)).all())
    for penalty in (0.01, 0.3):
        guess = _guesses(kernel, y, penalty)
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


def _left(kernel: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Mean square of what is left of each column at rows that were not fitted."""
    return np.square(y - _guesses(kernel, y, penalty)).mean(axis=0)


def _guesses(kernel: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """A ridge's predictions of rows that it was not fitted to."""
    part = np.arange(len(y)) % PARTS
    found = np.zeros(y.shape)
    for i in range(PARTS):
        fit, rest = part != i, part == i
        square = kernel[np.ix_(fit, fit)] + penalty * np.eye(int(fit.sum()))
        mean = y[fit].mean(axis=0)
        weights = np.linalg.solve(square, y[fit] - mean)
        found[rest] = kernel[np.ix_(rest, fit)] @ weights + mean
    return found
