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
    """

    explained: float
    by_chance: tuple[float, ...]
    rows: int


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
    if found > CLEAR:
        return Signal(found, (), len(x))
    exchanged = [y[rng.permutation(len(y))] for _ in range(tries)]
    return Signal(found, tuple(_explained(kernels, exchanged)), len(x))


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


def _left(kernel: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Mean square of what is left of each column at rows that were not fitted."""
    part = np.arange(len(y)) % PARTS
    left = np.zeros(y.shape[1])
    for i in range(PARTS):
        fit, rest = part != i, part == i
        square = kernel[np.ix_(fit, fit)] + penalty * np.eye(int(fit.sum()))
        mean = y[fit].mean(axis=0)
        weights = np.linalg.solve(square, y[fit] - mean)
        guess = kernel[np.ix_(rest, fit)] @ weights + mean
        left += np.square(y[rest] - guess).sum(axis=0)
    return left / len(y)
