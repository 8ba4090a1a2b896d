"""Confidence intervals for probabilities, means and medians; none relies on a limit theorem.

References: C. Clopper, E. Pearson, *The use of confidence or fiducial limits illustrated in the
case of the binomial*, Biometrika 26 (1934). W. Hoeffding, *Probability inequalities for sums of
bounded random variables*, JASA 58 (1963), theorem 1.
"""

import math
from collections.abc import Callable

from .errors import InputError


_HALVINGS = 100
"""Number of bisections of [0, 1], more than float64 resolves."""

_TERMS = 10_000
"""Limit on the number of terms of the continued fraction, which needs about as many terms as the
square root of the number of trials.
"""


def clopper_pearson(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact confidence interval for a probability.

    The evidence is that the event happened in `hits` of `trials` independent trials.

    Args:
        hits: Number of trials in which the event happened.
        trials: Number of trials, at least 1.
        confidence: Lower bound on the probability that the interval contains the true value.

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
    """Return a confidence interval for the mean of a distribution on [0, 1].

    `mean` is the average of `count` independent draws. The interval contains the means whose
    relative entropy to `mean` is at most `log(2 / (1 - confidence)) / count`. The draws need only
    be independent and identically distributed.

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
    """Return the rank of the order statistics, among `count` draws, that enclose the true median.

    Returns:
        `(k, c)`: the k-th smallest and the k-th largest draw (counted from 0) enclose the median
        with a probability of at least `c`. `k` is the largest rank for which `c` is at least
        `confidence`, or 0 if there is none.

    Example:
        >>> k, c = median_ranks(5)  # even the least and the largest of five enclose too rarely
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
            f"A confidence must lie strictly between 0 and 1. Received: confidence={confidence!r}."
        )


def _least(hits: int, trials: int, confidence: float) -> float:
    """Return the `p` at which `hits` or more successes have probability `(1 - confidence) / 2`.

    The result is 0 if `hits` is 0.
    """
    tail = (1.0 - confidence) / 2.0
    return 0.0 if hits == 0 else _root(lambda p: _at_most(trials - hits, trials, 1.0 - p) - tail)


def _at_most(hits: int, trials: int, p: float) -> float:
    """Return the probability of at most `hits` successes in `trials` independent trials.

    Each trial succeeds with probability `p`. The result is an incomplete beta function of `1 - p`.
    """
    if hits >= trials or p <= 0.0:
        return 1.0
    if p >= 1.0:
        return 0.0
    return _beta(1.0 - p, trials - hits, hits + 1)


def _beta(x: float, a: float, b: float) -> float:
    """Compute the regularized incomplete beta function, `0 < x < 1`, by its continued fraction."""
    if x > (a + 1.0) / (a + b + 2.0):  # The mirrored fraction converges faster here.
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
    """Return the relative entropy of the Bernoulli distributions with means `mean` and `p`."""
    total = 0.0
    for q, other in ((mean, p), (1.0 - mean, 1.0 - p)):
        if q > 0.0:
            total += math.inf if other <= 0.0 else q * math.log(q / other)
    return total


def _root(rising: Callable[[float], float]) -> float:
    """Return a number just below the root of a function that increases on [0, 1]."""
    lo, hi = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (lo + hi)
        lo, hi = (lo, middle) if rising(middle) > 0.0 else (middle, hi)
    return lo
