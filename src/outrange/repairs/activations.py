"""Activations of last layers, and limits on their values as limits on the logits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class HeadActivation:
    """A nondecreasing elementwise activation.

    Args:
        value: The activation, as a function of an array of logits of any shape.
        inverse: The inverse function, for numbers from `least` to `most`.
        least: Infimum of the values; minus infinity if they are unbounded.
        most: Supremum of the values; infinity if they are unbounded.
    """

    value: Callable[[np.ndarray], np.ndarray]
    inverse: Callable[[float], float]
    least: float = -np.inf
    most: float = np.inf

    def logit_at_most(self, bound: float) -> float:
        """Return the upper bound on a logit that is equivalent to a value of at most `bound`.

        The result is infinite if every logit satisfies the bound, and minus infinity if none does.
        """
        if bound >= self.most:
            return np.inf
        return self.inverse(bound) if bound >= self.least else -np.inf

    def logit_at_least(self, bound: float) -> float:
        """Return the lower bound on a logit that is equivalent to a value of at least `bound`.

        The result is minus infinity if every logit satisfies the bound, and infinity if none does.
        """
        if bound <= self.least:
            return -np.inf
        return self.inverse(bound) if bound <= self.most else np.inf


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + np.tanh(0.5 * z))


def _logit(p: float) -> float:
    with np.errstate(divide="ignore"):
        return float(np.log(p) - np.log1p(-p))


def _inverse_tanh(v: float) -> float:
    with np.errstate(divide="ignore"):
        return float(np.arctanh(v))


def _log(v: float) -> float:
    with np.errstate(divide="ignore"):
        return float(np.log(v))


def _inverse_softplus(v: float) -> float:
    with np.errstate(divide="ignore"):
        return float(v + np.log(-np.expm1(-v)))


ACTIVATIONS = {
    "linear": HeadActivation(lambda z: z, lambda v: v),
    "relu": HeadActivation(lambda z: np.maximum(z, 0.0), lambda v: v, least=0.0),
    "sigmoid": HeadActivation(_sigmoid, _logit, 0.0, 1.0),
    "tanh": HeadActivation(np.tanh, _inverse_tanh, -1.0, 1.0),
    "softplus": HeadActivation(lambda z: np.logaddexp(z, 0.0), _inverse_softplus, 0.0),
    "exponential": HeadActivation(np.exp, _log, 0.0),
}
"""Elementwise activations of last layers, by their names in Keras."""

SOFTMAX = "softmax"


def softmax(z: np.ndarray) -> np.ndarray:
    """Return the softmax over the last axis."""
    powers = np.exp(z - z.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def value_range(name: str) -> tuple[float, float]:
    """Return the infimum and the supremum of an activation's values."""
    if name == SOFTMAX:
        return 0.0, 1.0
    activation = ACTIVATIONS[name]
    return activation.least, activation.most
