"""Lower bounds on losses of linear classifiers, from points of the dual problem.

A row with the margins `m_c = z_y - z_c` has the cross-entropy `log(1 + sum exp(-m_c))`. For any
`q_c >= 0` with `sum q_c <= 1` it is at least `H(q) - sum q_c m_c`, where `H` is the entropy of `q`
and `1 - sum q`. If the weighted margins of all rows add up to zero, the summed loss of the rows is
at least the sum of their entropies, for all weights of the classifier. The best such `q` are the
probabilities of the wrong classes at the optimum.
"""

from __future__ import annotations

import numpy as np

from .farkas import Certificate, exact_certificate
from .margins import HomogeneousRows, Margins


STEPS, DAMPED = 60, 1e-7
"""Maximum number of Newton steps, and the factor of the ridge penalty for each row. The penalty
keeps the classifier's weights finite."""

ROUNDED, OFF = 1e-10, 1e-12
"""Amounts by which a bound is lowered to cover rounding: a relative amount for the arithmetic of
the bound, and an absolute amount per row for the probability of the right class."""

SCALES = np.linspace(0.05, 1.0, 20)
"""Scales to try for a certificate's multipliers, relative to the largest feasible scale."""


def entropies(margins: Margins, q: np.ndarray) -> np.ndarray:
    """Compute the entropy of each row that has a margin, from the probabilities of its classes.

    The probability of the right class is 1 minus the sum of the given probabilities. The result has
    one entry per distinct row of `margins`, in ascending order of the row index.

    Args:
        margins: The margins of the rows, one column each.
        q: Probabilities of the wrong classes, `(columns,)` in [0, 1].
    """
    rows, number = np.unique(margins.rows, return_inverse=True)
    right = np.clip(1.0 - np.bincount(number, q, len(rows)), 0.0, 1.0)
    return np.bincount(number, _entropy(q), len(rows)) + _entropy(right)


def _entropy(p: np.ndarray) -> np.ndarray:
    return np.where(p > 0, -p * np.log(np.where(p > 0, p, 1.0)), 0.0)


def certificate_cross_entropy(certificate: Certificate) -> float:
    """Bound the summed cross-entropy of a certificate's rows from below.

    Any positive multiple of the multipliers is a feasible dual point if the multipliers of no row
    add up to more than 1.
    """
    margins, q = certificate.margins, certificate.multipliers.floats
    largest = float(np.bincount(margins.rows, q).max())
    values = [float(entropies(margins, q / largest * s).sum()) for s in SCALES]
    return max(0.0, max(values) * (1.0 - ROUNDED) - OFF * len(certificate.rows))


def least_cross_entropy(margins: Margins, labels: np.ndarray, classes: int) -> float:
    """Bound the mean cross-entropy of all rows from below; return 0 if nothing is proved.

    Args:
        margins: The margins of all rows and wrong classes.
        labels: Class numbers from 0, `(n,)`.
    """
    chances = _fit_probabilities(margins, labels, classes)
    wrong = np.nonzero(np.arange(classes) != labels[:, None])
    q = chances[wrong]
    right = chances[np.arange(len(labels)), labels][margins.rows]
    point = exact_certificate(margins, q, np.minimum(q, right))
    if point is None:
        return 0.0
    whole, unit = point.multipliers.whole, point.multipliers.denominator
    totals = np.zeros(len(labels), object)
    np.add.at(totals, point.margins.rows, whole)
    if any(total > unit for total in totals):
        return 0.0
    total = entropies(point.margins, point.multipliers.floats).sum() / len(labels)
    return max(0.0, float(total) * (1.0 - ROUNDED) - OFF)


def _fit_probabilities(margins: Margins, labels: np.ndarray, classes: int) -> np.ndarray:
    """Fit logistic regression by damped Newton steps; return its probabilities, `(n, classes)`."""
    x = margins.points.scaled
    width, free, ridge = x.shape[1], classes - 1, DAMPED * len(x)
    hot = np.eye(classes)[labels]
    w = np.zeros((free, width))

    def state(w: np.ndarray) -> tuple[float, np.ndarray]:
        z = np.concatenate([x @ w.T, np.zeros((len(x), 1))], axis=1)
        z = z - z.max(axis=1, keepdims=True)
        logs = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        return float(0.5 * ridge * np.square(w).sum() - (hot * logs).sum()), np.exp(logs)

    loss, p = state(w)
    for _ in range(STEPS):
        slope = (p - hot)[:, :free].T @ x + ridge * w
        curve = np.empty((free, width, free, width))
        for a in range(free):
            for b in range(free):
                weight = p[:, a] * ((a == b) - p[:, b])
                curve[a, :, b, :] = (x * weight[:, None]).T @ x
        square = curve.reshape(free * width, -1) + ridge * np.eye(free * width)
        step = np.linalg.solve(square, slope.reshape(-1)).reshape(w.shape)
        gain = float((slope * step).sum())
        if gain <= 1e-12 * max(loss, 1.0):
            break
        size = 1.0
        while size > 1e-6:
            lower, chances = state(w - size * step)
            if lower <= loss - 0.1 * size * gain:
                break
            size *= 0.5
        else:
            break
        w, loss, p = w - size * step, lower, chances
    return p


def least_squares(points: HomogeneousRows, y: np.ndarray) -> float:
    """Bound the mean squared error of a linear unit from below; return 0 if nothing is proved.

    If `r` is orthogonal to every feature column and to the column of ones, `|z - y|^2` is at least
    `(r . y)^2 / |r|^2` (Cauchy-Schwarz). The best `r` is the residual of least squares.

    Args:
        points: The rows of the data.
        y: The targets, `(n,)`.
    """
    count = len(y)
    sums = Margins(points, np.arange(count), np.ones((count, 1), np.int64))
    left = y - sums.scaled.T @ np.linalg.lstsq(sums.scaled.T, y, rcond=None)[0]
    exact = sums.exact(left, np.ones(count))
    if exact is None:
        return 0.0
    r = exact.floats
    size = float(np.square(r).sum())
    if size == 0.0:
        return 0.0
    # The terms of the product may cancel, so its rounding error is relative to their sizes.
    product = abs(float(r @ y)) - 1e-12 * float(np.abs(r) @ np.abs(y))
    return max(product, 0.0) ** 2 / size / count * (1.0 - ROUNDED)
