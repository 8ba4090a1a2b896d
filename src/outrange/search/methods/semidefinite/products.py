"""Products of two linear forms that are 0, or at least 0, at every input of a net.

For an input `y` in `[-1, 1]`: `(1 + y)(1 - y) >= 0`. For a unit with input `z` in `[lo, hi]`, with
`p = max(z, 0)` and `q = max(-z, 0) = p - z`:

    p q = 0,    p (hi - p) >= 0,    q (-lo - q) >= 0.

The equation ties the square of a unit to products of earlier units, which lines cannot do. So the
relaxation captures that no input makes many units with weights of random signs large at the same
time. The line above a unit, from `(lo, 0)` to `(hi, hi)`, does not noticeably improve bounds.

Reference: A. Raghunathan, J. Steinhardt, P. Liang, *Semidefinite relaxations for certifying
robustness to adversarial examples*, NeurIPS 2018; H. Sherali, W. Adams, *A
Reformulation-Linearization Technique for Solving Discrete and Continuous Nonconvex Problems*, 1999.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...neuron_split.relaxations import KinkActivation
from .forms import GUARD, TINY, BoundedForms, Forms


LEAST_LACK = 1e-4
"""Violation of a product, as a fraction of its usual size, below which it is not added."""


@dataclass(frozen=True, eq=False)
class Products:
    """Products of `left_k . y` and `right_k . y`: `m` products of `n` variables.

    Args:
        left: Array of shape `(n, m)`.
        right: Array of shape `(n, m)`.
        free: `(m,)` whether the product is 0, so that its multiplier may have any sign. Otherwise
            the product is at least 0.
        slack: `(m,)` bounds on the distance between the product of the float64 forms and the true
            product.
        squares: `(m,)` whether the product bounds the square of one variable.
    """

    left: np.ndarray
    right: np.ndarray
    free: np.ndarray
    slack: np.ndarray
    squares: np.ndarray

    @staticmethod
    def concatenate(parts: list[Products]) -> Products:
        """Concatenate several sets of products."""
        return Products(
            np.concatenate([part.left for part in parts], axis=1),
            np.concatenate([part.right for part in parts], axis=1),
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("free", "slack", "squares")
            ),
        )


def products_of(forms: BoundedForms) -> Products:
    """Return the products of all units (three each) and inputs (one each)."""
    parts = [_of_inputs(forms)]
    parts += [_of_units(forms, b) for b in forms.kinks]
    return Products.concatenate(parts)


class Parts:
    """Forms that are at least 0, so that the product of any two is at least 0.

    They are the positive and the negative part of every unit, and the distances `1 + y` and `1 - y`
    of every input from its bounds. There are too many products to use them all; `most_violated`
    selects those that given moments violate most.

    Reference: H. Sherali, W. Adams, *A reformulation-linearization technique*, 1999, for products
    of non-negative terms.
    """

    def __init__(self, forms: BoundedForms) -> None:
        places = 1 + np.arange(forms.inputs.size)
        part_forms = [_exact(forms, places, sign) for sign in (1.0, -1.0)]
        for activation in forms.kinks:
            part_forms.append(_exact(forms, forms.places(activation), 1.0))
            part_forms.append(_below(forms, activation))
        self._all = Forms(
            np.concatenate([part.coefficients for part in part_forms], axis=1),
            np.concatenate([part.error for part in part_forms]),
        )
        owners = [places, *(forms.places(b) for b in forms.kinks)]
        self._owner = np.concatenate([owner for owner in owners for _ in range(2)])

    def products_of(self, pairs: np.ndarray) -> Products:
        """Return the products of some pairs of parts, whose indices are `pairs` `(2, c)`."""
        left, right = (Forms(self._all.coefficients[:, at], self._all.error[at]) for at in pairs)
        return _pairs(left, right, free=False)

    def most_violated(self, moments: np.ndarray, usual: np.ndarray, most: int) -> np.ndarray:
        """Return the pairs `(2, c)` of parts whose products the given moments violate most.

        Args:
            moments: `(n, n)` moments of the variables.
            usual: `(n, n)` moments of points, from which the usual sizes of products are computed.
            most: Maximum number of pairs.
        """
        rows = self._all.coefficients
        size = np.sqrt(np.maximum(np.einsum("nk,nk->k", rows, usual @ rows), TINY))
        value = (rows.T @ moments @ rows) / size / size[:, None]
        pairs = np.array(np.triu_indices(size.size, 1))
        # The product of both forms of one unit or input is included from the start.
        lack = np.where(self._owner[pairs[0]] == self._owner[pairs[1]], 0.0, -value[tuple(pairs)])
        worst = np.argsort(-lack)[:most]
        return pairs[:, worst[lack[worst] > LEAST_LACK]]


def _below(forms: BoundedForms, activation: KinkActivation) -> Forms:
    """Return the forms of the units' negative parts `q`, divided by half their largest values."""
    below = forms.above[activation.value].plus(1.0, forms.values[activation.source], -1.0)
    return _scale(below, 2.0 / -forms.net.lo[activation.place])


def _of_inputs(forms: BoundedForms) -> Products:
    """Return the products for the inputs, one per input."""
    places = 1 + np.arange(forms.inputs.size)
    shape = forms.count, places.size
    above, below = (_exact(forms, places, sign) for sign in (1.0, -1.0))
    return _pairs(above, below, free=False, squares=True) if places.size else _none(shape)


def _of_units(forms: BoundedForms, activation: KinkActivation) -> Products:
    """Return the products for an activation's units, three per unit."""
    places = forms.places(activation)
    constant = _exact(forms, places, 0.0)
    # p / (hi / 2) is exactly `1 + y`; its distance to 2 is `1 - y`.
    p, p_left = _exact(forms, places, 1.0), _exact(forms, places, -1.0)
    q = _below(forms, activation)
    q_left = constant.plus(2.0, q, -1.0)
    return Products.concatenate(
        [
            _pairs(p, p_left, free=False, squares=True),
            _pairs(q, q_left, free=False),
            _pairs(p, q, free=True),
        ]
    )


def _exact(forms: BoundedForms, places: np.ndarray, sign: float) -> Forms:
    """Return the error-free forms `1 + sign * y` of the variables at `places`."""
    rows = np.zeros((forms.count, places.size))
    rows[0] = 1.0
    rows[places, np.arange(places.size)] = sign
    return Forms(rows, np.zeros(places.size))


def _scale(form: Forms, factor: np.ndarray) -> Forms:
    """Return forms times factors; each factor may be off by up to two rounding errors."""
    rows = form.coefficients * factor
    lost = 8 * np.finfo(np.float64).eps * np.abs(rows).sum(axis=0)
    return Forms(rows, (np.abs(factor) * form.error * GUARD + lost) * GUARD + TINY)


def _pairs(left: Forms, right: Forms, *, free: bool, squares: bool = False) -> Products:
    """Return the products of two forms, entry by entry."""
    count = left.error.size
    # For `(l + a)(r + b)`, where `|a|` and `|b|` are at most the errors; `size` includes the error.
    slack = (left.error * right.size + left.size * right.error) * GUARD
    return Products(
        left.coefficients,
        right.coefficients,
        np.full(count, free),
        np.where(left.error + right.error > 0, slack, 0.0),
        np.full(count, squares),
    )


def _none(shape: tuple[int, int]) -> Products:
    """Return an empty set of products."""
    nothing = np.zeros(shape)
    return Products(nothing, nothing, *(np.zeros(0, kind) for kind in (bool, float, bool)))
