"""Products of variables in a file; each different product becomes a variable of the inequalities.

Products of sums are multiplied out in exact arithmetic, so that equal products add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from ...core import UnsupportedError
from .errors import Fault


MOST_PRODUCTS = 1 << 14
"""Maximum number of different products in a file."""

MOST_PAIRS = 1 << 14
"""Maximum number of pairs of terms in one product of two sums."""

MOST_FACTORS = 64
"""Maximum number of factors of a product."""


class Monomials:
    """The different products of variables in a file.

    Args:
        first: Number of inputs and outputs: the index of the first product.
    """

    def __init__(self, first: int) -> None:
        self.first = first
        self.factors: list[tuple[int, ...]] = []
        """The factors of each product: indices of inputs and outputs, in ascending order."""
        self._places: dict[tuple[int, ...], int] = {}

    def multiply(
        self, a: Mapping[int, int | Fraction], b: Mapping[int, int | Fraction], constant: int
    ) -> dict[int, int | Fraction]:
        """Return the product of two linear terms.

        Args:
            a: Coefficients of the first factor, by index of the variable.
            b: Coefficients of the second factor, by index of the variable.
            constant: Index of the constant 1.

        Raises:
            Fault: The product has too many terms or factors, or the file has too many products.
        """
        if len(a) * len(b) > MOST_PAIRS:
            raise Fault(
                f"a product of two sums may have at most {MOST_PAIRS} terms after it is "
                "multiplied out.",
                UnsupportedError,
            )
        product: dict[int, int | Fraction] = {}
        for i, c in a.items():
            for j, d in b.items():
                factors = [k for at in (i, j) if at != constant for k in self._factors_of(at)]
                place = self._place(tuple(sorted(factors)), constant)
                product[place] = product.get(place, 0) + c * d
        return product

    def _factors_of(self, index: int) -> tuple[int, ...]:
        return self.factors[index - self.first] if index >= self.first else (index,)

    def _place(self, factors: tuple[int, ...], constant: int) -> int:
        if len(factors) < 2:
            return factors[0] if factors else constant
        if factors not in self._places:
            if len(self.factors) == MOST_PRODUCTS or len(factors) > MOST_FACTORS:
                raise Fault(
                    f"a file may have at most {MOST_PRODUCTS} different products of variables, "
                    f"with at most {MOST_FACTORS} factors each.",
                    UnsupportedError,
                )
            self._places[factors] = self.first + len(self.factors)
            self.factors.append(factors)
        return self._places[factors]
