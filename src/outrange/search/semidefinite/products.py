"""Products of two forms that are at least 0, or 0, wherever the net can be.

Of an input `y`, in `[-1, 1]`: `(1 + y)(1 - y) >= 0`. Of a unit with input `z` in `[lo, hi]`, with
`p = max(z, 0)` and `q = max(-z, 0) = p - z`:

    p q = 0,    p (hi - p) >= 0,    q (-lo - q) >= 0.

The first ties the square of a unit to products of units before it, which lines cannot: among many
units of random signs, no input makes all of them large at once, and here that is known. The line
above a unit, from `(lo, 0)` to `(hi, hi)`, adds nothing that shows.

Reference: A. Raghunathan, J. Steinhardt, P. Liang, *Semidefinite relaxations for certifying
robustness to adversarial examples*, NeurIPS 2018.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..neuron_split.relaxations import KinkActivation
from .forms import GUARD, TINY, BoundedForms, Forms


LEAST_LACK = 1e-4
"""A product that is less negative than this, as a share of its usual size, is not missed."""


@dataclass(frozen=True, eq=False)
class Products:
    """`left_k . y` times `right_k . y`, for `m` products of `n` variables.

    Args:
        left: Array of shape `(n, m)`.
        right: Array of shape `(n, m)`.
        free: `(m,)` whether the product is 0, so that its multiplier has any sign; else it is
            at least 0.
        slack: `(m,)` how far the product of the float64 forms may be from that of the true ones.
        squares: `(m,)` which products bound the square of one variable.
    """

    left: np.ndarray
    right: np.ndarray
    free: np.ndarray
    slack: np.ndarray
    squares: np.ndarray

    @staticmethod
    def joined(parts: list[Products]) -> Products:
        """All of them."""
        return Products(
            np.concatenate([part.left for part in parts], axis=1),
            np.concatenate([part.right for part in parts], axis=1),
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("free", "slack", "squares")
            ),
        )

    def chosen(self, some: np.ndarray) -> Products:
        """Some of them."""
        parts = (getattr(self, name)[some] for name in ("free", "slack", "squares"))
        return Products(self.left[:, some], self.right[:, some], *parts)

    def first(self, variables: int) -> Products:
        """Those of the first variables alone."""
        some = ~(self.left[variables:].any(axis=0) | self.right[variables:].any(axis=0))
        left, right = self.left[:variables, some], self.right[:variables, some]
        return Products(left, right, self.free[some], self.slack[some], self.squares[some])


def products_of(forms: BoundedForms) -> Products:
    """What every unit and input is known by: three products a unit, one an input."""
    parts = [_of_inputs(forms)]
    parts += [_of_units(forms, b) for b in forms.kinks]
    return Products.joined(parts)


class Parts:
    """The positive and negative parts of all units, whose products are at least 0.

    There are far too many to use them all: `violated` picks those that a relaxation lacks most.

    Reference: H. Sherali, W. Adams, *A reformulation-linearization technique*, 1999, for products
    of what is at least 0.
    """

    def __init__(self, forms: BoundedForms) -> None:
        found = []
        for activation in forms.kinks:
            found.append(_exact(forms, forms.places(activation), 1.0))
            found.append(_below(forms, activation))
        self._all = Forms(
            np.concatenate([part.coefficients for part in found], axis=1),
            np.concatenate([part.error for part in found]),
        )
        owner = [forms.places(b) for b in forms.kinks for _ in range(2)]
        self._owner = np.concatenate(owner)

    def violated(self, moments: np.ndarray, usual: np.ndarray, most: int) -> Products:
        """The products that are negative at some moments, the worst of them.

        Args:
            moments: `(n, n)`, of the first variables.
            usual: `(n, n)` moments of points, for the sizes of products.
            most: How many at most.
        """
        n = len(moments)
        some = np.flatnonzero(self._owner < n)
        rows = self._all.coefficients[:n, some]
        size = np.sqrt(np.maximum(np.einsum("nk,nk->k", rows, usual @ rows), TINY))
        value = (rows.T @ moments @ rows) / size / size[:, None]
        one, two = np.triu_indices(some.size, 1)
        # The product of both parts of one unit is 0, and known to be.
        lack = np.where(self._owner[some[one]] == self._owner[some[two]], 0.0, -value[one, two])
        worst = np.argsort(-lack)[:most]
        worst = worst[lack[worst] > LEAST_LACK]
        left, right = (
            Forms(self._all.coefficients[:n, at], self._all.error[at])
            for at in (some[one[worst]], some[two[worst]])
        )
        return _pairs(left, right, free=False)


def _below(forms: BoundedForms, activation: KinkActivation) -> Forms:
    """`q` over half its largest value."""
    below = forms.above[activation.value].plus(1.0, forms.values[activation.source], -1.0)
    return _scaled(below, 2.0 / -forms.net.lo[activation.place])


def _of_inputs(forms: BoundedForms) -> Products:
    places = 1 + np.arange(forms.net.box.size)
    shape = forms.count, places.size
    above, below = (_exact(forms, places, sign) for sign in (1.0, -1.0))
    return _pairs(above, below, free=False, squares=True) if places.size else _none(shape)


def _of_units(forms: BoundedForms, activation: KinkActivation) -> Products:
    places = forms.places(activation)
    one = _exact(forms, places, 0.0)
    # p / (hi / 2), which is `1 + y` exactly, and what it leaves to 2.
    p, p_left = _exact(forms, places, 1.0), _exact(forms, places, -1.0)
    q = _below(forms, activation)
    q_left = one.plus(2.0, q, -1.0)
    return Products.joined(
        [
            _pairs(p, p_left, free=False, squares=True),
            _pairs(q, q_left, free=False),
            _pairs(p, q, free=True),
        ]
    )


def _exact(forms: BoundedForms, places: np.ndarray, sign: float) -> Forms:
    """`1 + sign * y` of some variables."""
    rows = np.zeros((forms.count, places.size))
    rows[0] = 1.0
    rows[places, np.arange(places.size)] = sign
    return Forms(rows, np.zeros(places.size))


def _scaled(form: Forms, factor: np.ndarray) -> Forms:
    """A form times rounded factors: two roundings of each come on top of the product's."""
    rows = form.coefficients * factor
    lost = 8 * np.finfo(np.float64).eps * np.abs(rows).sum(axis=0)
    return Forms(rows, (np.abs(factor) * form.error * GUARD + lost) * GUARD + TINY)


def _pairs(left: Forms, right: Forms, *, free: bool, squares: bool = False) -> Products:
    count = left.error.size
    # Of `(l + a)(r + b)`, with `|a|` and `|b|` at most the errors: `size` holds the error.
    slack = (left.error * right.size + left.size * right.error) * GUARD
    return Products(
        left.coefficients,
        right.coefficients,
        np.full(count, free),
        np.where(left.error + right.error > 0, slack, 0.0),
        np.full(count, squares),
    )


def _none(shape: tuple[int, int]) -> Products:
    nothing = np.zeros(shape)
    return Products(nothing, nothing, *(np.zeros(0, kind) for kind in (bool, float, bool)))
