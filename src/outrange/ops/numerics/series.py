"""Enclosures of the Taylor coefficients of definitions: power series whose coefficients are balls.

A definition `exact(mp, x)` is run on the truncated series `x + t`. If a comparison is undecided for
the ball `x`, the function may have a kink there, and then no series is returned.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .balls import ball, constant, float_ends, number, precision, series
from .definitions import UndecidedError


BITS = 96
"""Precision of the coefficients, in bits. Even if 40 bits cancel, the precision of float64 remains.
"""


def taylor_of(
    exact: Callable[[Any, Any], Any], lo: np.ndarray, hi: np.ndarray, order: int
) -> np.ndarray:
    """Return bounds on `f^(j) / j!` over each `[lo, hi]`; infinite where none are found.

    Args:
        exact: The definition of the function.
        lo: Lower bounds of the argument, of any shape.
        hi: Upper bounds of the argument, of the same shape.
        order: The highest `j` whose coefficient is bounded.

    Returns:
        `(2, order + 1, ...)`: lower and upper bounds.
    """
    shape = np.shape(lo)
    out = np.empty((2, order + 1, int(np.prod(shape))))
    with precision(BITS):
        pairs = zip(np.ravel(lo).tolist(), np.ravel(hi).tolist(), strict=True)
        for i, (a, b) in enumerate(pairs):
            coefficients = _coefficients(exact, a, b, order)
            for j, (low, high) in enumerate(coefficients):
                out[0, j, i], out[1, j, i] = low, high
    return out.reshape(2, order + 1, *shape)


def _coefficients(
    exact: Callable[[Any, Any], Any], lo: float, hi: float, order: int
) -> list[tuple[float, float]]:
    nothing = [(-math.inf, math.inf)] * (order + 1)
    if not (math.isfinite(lo) and math.isfinite(hi)):
        return nothing
    functions = Functions(order + 1)
    try:
        coefficients = functions.of(exact(functions, functions.variable(ball(lo, hi)))).coefficients
    except (UndecidedError, ValueError, ZeroDivisionError, OverflowError, TypeError):
        return nothing
    return [float_ends(c) for c in coefficients]


class Functions:
    """Power-series versions of the functions that a definition `exact(mp, x)` may call."""

    def __init__(self, length: int) -> None:
        self.length = length

    def variable(self, x: Any) -> SeriesBall:
        """Return the series `x + t`."""
        return SeriesBall([x, *([1] if self.length > 1 else [])], self)

    def of(self, value: Any) -> SeriesBall:
        """Return `value` itself if it is a series, otherwise `value` as a constant series."""
        if isinstance(value, SeriesBall):
            return value
        return SeriesBall([number(value)], self)

    @property
    def pi(self) -> SeriesBall:
        """The number pi, as a constant series."""
        return SeriesBall([constant("pi")], self)

    @property
    def nan(self) -> SeriesBall:
        """An unknown number; it has no series, so reading this property raises `UndecidedError`."""
        raise UndecidedError

    def mpf(self, value: Any) -> SeriesBall:
        """Return a number or a decimal string as a constant series."""
        return self.of(value)

    def tanh(self, x: Any) -> SeriesBall:
        """Return the hyperbolic tangent of `x`, computed with the exponential function."""
        return 1 - 2 / (self.exp(2 * self.of(x)) + 1)

    def sinh(self, x: Any) -> SeriesBall:
        """Return the hyperbolic sine of `x`, computed with the exponential function."""
        return (self.exp(x) - self.exp(-self.of(x))) / 2

    def cosh(self, x: Any) -> SeriesBall:
        """Return the hyperbolic cosine of `x`, computed with the exponential function."""
        return (self.exp(x) + self.exp(-self.of(x))) / 2

    def expm1(self, x: Any) -> SeriesBall:
        """Return `exp(x) - 1`."""
        return self.exp(x) - 1

    def log1p(self, x: Any) -> SeriesBall:
        """Return `log(1 + x)`."""
        return self.log(1 + self.of(x))

    def __getattr__(self, name: str) -> Callable[[Any], SeriesBall]:
        if name not in ("atan", "cos", "erf", "erfc", "exp", "log", "sin", "sqrt"):
            raise UndecidedError
        return lambda x: SeriesBall(getattr(self.of(x).value, name)(), self)


class SeriesBall:
    """A truncated power series whose coefficients lie in balls.

    Args:
        value: Coefficients, or a series of the underlying library.
        among: The `Functions` that the series belongs to, which set its number of coefficients.
    """

    __slots__ = ("among", "value")

    def __init__(self, value: Any, among: Functions) -> None:
        self.among = among
        self.value = series(value, among.length)

    @property
    def coefficients(self) -> list[Any]:
        """The coefficients of the series, one ball each, in order of increasing power."""
        return [self.value[j] for j in range(self.among.length)]

    def _wrap(self, value: Any) -> SeriesBall:
        return SeriesBall(value, self.among)

    def __add__(self, other: Any) -> SeriesBall:
        return self._wrap(self.value + self.among.of(other).value)

    __radd__ = __add__

    def __sub__(self, other: Any) -> SeriesBall:
        return self._wrap(self.value - self.among.of(other).value)

    def __rsub__(self, other: Any) -> SeriesBall:
        return self._wrap(self.among.of(other).value - self.value)

    def __mul__(self, other: Any) -> SeriesBall:
        return self._wrap(self.value * self.among.of(other).value)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> SeriesBall:
        return self._wrap(self.value / self.among.of(other).value)

    def __rtruediv__(self, other: Any) -> SeriesBall:
        return self._wrap(self.among.of(other).value / self.value)

    def __neg__(self) -> SeriesBall:
        return self._wrap(-self.value)

    def __abs__(self) -> SeriesBall:
        return self if self >= 0 else -self

    def __pow__(self, exponent: Any) -> SeriesBall:
        power = self.among.of(exponent).value[0]
        integer = power.unique_fmpz() if power.is_exact() else None
        if integer is None:
            return self.among.exp(self.among.log(self) * exponent)
        result = self._wrap([1])
        for _ in range(abs(int(integer))):
            result = result * self
        return result if integer >= 0 else 1 / result

    def _decide(self, certain: bool, impossible: bool) -> bool:
        if not (certain or impossible):
            raise UndecidedError
        return certain

    def __lt__(self, other: Any) -> bool:
        a, b = self.value[0], self.among.of(other).value[0]
        return self._decide(a < b, a >= b)

    def __le__(self, other: Any) -> bool:
        a, b = self.value[0], self.among.of(other).value[0]
        return self._decide(a <= b, a > b)

    def __gt__(self, other: Any) -> bool:
        a, b = self.value[0], self.among.of(other).value[0]
        return self._decide(a > b, a <= b)

    def __ge__(self, other: Any) -> bool:
        a, b = self.value[0], self.among.of(other).value[0]
        return self._decide(a >= b, a < b)

    def __eq__(self, other: object) -> bool:
        # A function may have a separate value at one point, and no series there.
        a, b = self.value[0], self.among.of(other).value[0]
        return self._decide(False, a != b)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        raise TypeError(
            "a series cannot be hashed, because the equality of two series may be undecided"
        )
