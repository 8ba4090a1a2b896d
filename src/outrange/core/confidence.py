"""Intervals for chances that finitely many trials measure; every one holds without a limit theorem.

References: C. Clopper, E. Pearson, *The use of confidence or fiducial limits illustrated in the
case of the binomial*, Biometrika 26 (1934). W. Hoeffding, *Probability inequalities for sums of
bounded random variables*, JASA 58 (1963), theorem 1.
"""

import math
from collections.abc import Callable

from .errors import InputError


_HALVINGS = 100
"""Bisections of [0, 1]: more than float64 can tell apart."""

_TERMS = 10_000
"""Of the continued fraction; about the root of the number of trials is needed."""


def clopper_pearson(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval for the chance behind `hits` of `trials` independent trials.

    Args:
        hits: How often it happened.
        trials: How often it was tried, at least once.
        confidence: How often such an interval must hold the chance, at least.

    Returns:
        `(lo, hi)`.

    Example:
        >>> lo, hi = clopper_pearson(0, 10)
        >>> lo, round(hi, 4)  # 1 - 0.025 ** (1 / 10)
        (0.0, 0.3085)
    """
    check_confidence(confidence)
    return _least(hits, trials, confidence), 1.0 - _least(trials - hits, trials, confidence)


def bounded_mean(mean: float, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """An interval for the mean of `count` independent numbers in [0, 1] whose average is `mean`.

    Those whose relative entropy to `mean` is at most `log(2 / (1 - confidence)) / count`. Nothing
    is assumed of the numbers but that they are independent and alike.

    Example:
        >>> [round(end, 3) for end in bounded_mean(0.5, 1000)]
        [0.457, 0.543]
    """
    check_confidence(confidence)
    allowed = math.log(2.0 / (1.0 - confidence)) / count
    lo = 0.0 if mean <= 0.0 else mean * _root(lambda s: allowed - _entropy(mean, mean * s))
    rest = 1.0 - mean
    hi = (
        1.0
        if rest <= 0.0
        else 1.0 - rest * _root(lambda s: allowed - _entropy(mean, 1.0 - rest * s))
    )
    return lo, hi


def median_ranks(count: int, confidence: float = 0.95) -> tuple[int, float]:
    """Which order statistics of `count` independent numbers enclose their true median.

    Returns:
        `(k, c)`: the k-th smallest and the k-th largest (from 0) enclose it with a chance of at
        least `c`: the largest `k` for which `c` is at least `confidence`, or else 0.

    Example:
        >>> k, c = median_ranks(5)  # with five numbers, least and most are all there is
        >>> k, round(c, 6)
        (0, 0.9375)
        >>> median_ranks(20)[0]
        5
    """
    check_confidence(confidence)
    best = 0
    for k in range(count // 2):
        if 1.0 - 2.0 * _at_most(k, count, 0.5) >= confidence:
            best = k
    return best, max(0.0, 1.0 - 2.0 * _at_most(best, count, 0.5))


def check_confidence(confidence: float) -> None:
    """Raise `InputError` unless `confidence` lies strictly between 0 and 1."""
    if not 0.0 < confidence < 1.0:
        raise InputError(
            f"A confidence lies strictly between 0 and 1. Received: confidence={confidence!r}."
        )


def _least(hits: int, trials: int, confidence: float) -> float:
    """The chance at which `hits` or more of `trials` happen with half of what is left over."""
    tail = (1.0 - confidence) / 2.0
    return 0.0 if hits == 0 else _root(lambda p: _at_most(trials - hits, trials, 1.0 - p) - tail)


def _at_most(hits: int, trials: int, p: float) -> float:
    """The chance of at most `hits` in `trials`: the incomplete beta function of `1 - p`."""
    if hits >= trials or p <= 0.0:
        return 1.0
    if p >= 1.0:
        return 0.0
    return _beta(1.0 - p, trials - hits, hits + 1)


def _beta(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function, `0 < x < 1`, by its continued fraction."""
    if x > (a + 1.0) / (a + b + 2.0):  # Where the fraction converges slowly, its mirror does not.
        return 1.0 - _beta(1.0 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    c, d = 1.0, 1.0 / (1.0 - (a + b) * x / (a + 1.0))
    value, m = d, 0
    while True:
        m += 1
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / (1.0 + term * d)
            c = 1.0 + term / c
            value *= c * d
        if abs(c * d - 1.0) < 1e-15 or m > _TERMS:
            return front * value / a


def _entropy(mean: float, p: float) -> float:
    """Relative entropy of two coins."""
    total = 0.0
    for q, other in ((mean, p), (1.0 - mean, 1.0 - p)):
        if q > 0.0:
            total += math.inf if other <= 0.0 else q * math.log(q / other)
    return total


def _root(rising: Callable[[float], float]) -> float:
    """A number just below where a function that rises on [0, 1] passes 0."""
    lo, hi = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (lo + hi)
        lo, hi = (lo, middle) if rising(middle) > 0.0 else (middle, hi)
    return lo
