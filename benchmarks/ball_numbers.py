"""Power series of balls, and balls with slopes, as numbers for plants written with NumPy."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np
from flint import arb, arb_series


def _entrywise(made: type) -> type:
    """Decorate a class so that NumPy handles its operations with arrays, entry by entry."""

    def left(operation: Callable) -> Callable:
        @wraps(operation)
        def asked(self: Any, other: Any) -> Any:
            return NotImplemented if isinstance(other, np.ndarray) else operation(self, other)

        return asked

    for name in ("add", "sub", "mul", "truediv"):
        for way in (f"__{name}__", f"__r{name}__"):
            setattr(made, way, left(getattr(made, way)))
    return made


@_entrywise
class Powers:
    """A power series of balls; NumPy would treat Arb's own type as a list of numbers."""

    def __init__(self, series: arb_series) -> None:
        self.series = series

    def __add__(self, other: Any) -> "Powers":
        return Powers(self.series + _plain(other))

    def __mul__(self, other: Any) -> "Powers":
        return Powers(self.series * _plain(other))

    def __sub__(self, other: Any) -> "Powers":
        return Powers(self.series - _plain(other))

    def __rsub__(self, other: Any) -> "Powers":
        return Powers(_plain(other) - self.series)

    def __truediv__(self, other: Any) -> "Powers":
        return Powers(self.series / _divisor(_plain(other)))

    def __rtruediv__(self, other: Any) -> "Powers":
        return Powers(_plain(other) / _divisor(self.series))

    def __pow__(self, power: int) -> "Powers":
        found = self.series  # Arb's own power is by logarithms
        for _ in range(power - 1):
            found = found * self.series
        return Powers(found)

    def __neg__(self) -> "Powers":
        return Powers(-self.series)

    __radd__, __rmul__ = __add__, __mul__

    def sin(self) -> "Powers":
        """Return the sine."""
        return Powers(self.series.sin())

    def cos(self) -> "Powers":
        """Return the cosine."""
        return Powers(self.series.cos())

    def exp(self) -> "Powers":
        """Return the exponential."""
        return Powers(self.series.exp())

    def tanh(self) -> "Powers":
        """Return the hyperbolic tangent."""
        return Powers(1 - 2 / _divisor(1 + (2 * self.series).exp()))


def _divisor(value: Any) -> Any:
    """Return a divisor unchanged.

    Raises:
        ZeroDivisionError: The divisor may be 0.
    """
    first = value[0] if isinstance(value, arb_series) else value
    if not first.is_finite() or first.contains(0):
        raise ZeroDivisionError("a divisor may be 0")
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Powers):
        return value.series
    return value if isinstance(value, arb) else arb(value)


@_entrywise
class Sloped:
    """A ball that contains a value at all points of a set, and balls that contain its slopes there.

    Args:
        value: The ball of the value.
        slopes: A ball for the slope in each variable.
    """

    def __init__(self, value: arb, slopes: Sequence[arb]) -> None:
        self.value, self.slopes = value, slopes

    def _on(self, other: Any) -> "Sloped":
        if isinstance(other, Sloped):
            return other
        return Sloped(arb(other), [arb(0)] * len(self.slopes))

    def _chain(self, value: arb, slope: arb) -> "Sloped":
        return Sloped(value, [slope * s for s in self.slopes])

    def __add__(self, other: Any) -> "Sloped":
        other = self._on(other)
        return Sloped(
            self.value + other.value,
            [a + b for a, b in zip(self.slopes, other.slopes, strict=True)],
        )

    def __mul__(self, other: Any) -> "Sloped":
        if not isinstance(other, Sloped):
            factor = arb(other)
            return self._chain(self.value * factor, factor)
        a, b = self.value, other.value
        return Sloped(
            a * b, [a * q + b * p for p, q in zip(self.slopes, other.slopes, strict=True)]
        )

    def __neg__(self) -> "Sloped":
        return self._chain(-self.value, arb(-1))

    def __sub__(self, other: Any) -> "Sloped":
        return self + -self._on(other)

    def __rsub__(self, other: Any) -> "Sloped":
        return -self + other

    def __truediv__(self, other: Any) -> "Sloped":
        other = self._on(other)
        return self * other._chain(1 / other.value, -1 / other.value**2)

    def __rtruediv__(self, other: Any) -> "Sloped":
        return self._on(other) / self

    def __pow__(self, power: int) -> "Sloped":
        return self._chain(self.value**power, power * self.value ** (power - 1))

    def __abs__(self) -> "Sloped":
        return self._chain(abs(self.value), self.value.sgn())

    __radd__, __rmul__ = __add__, __mul__

    def sin(self) -> "Sloped":
        """Return the sine."""
        return self._chain(self.value.sin(), self.value.cos())

    def cos(self) -> "Sloped":
        """Return the cosine."""
        return self._chain(self.value.cos(), -self.value.sin())

    def exp(self) -> "Sloped":
        """Return the exponential."""
        return self._chain(self.value.exp(), self.value.exp())

    def tanh(self) -> "Sloped":
        """Return the hyperbolic tangent."""
        return self._chain(self.value.tanh(), 1 - self.value.tanh() ** 2)
