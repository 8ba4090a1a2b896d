"""Evaluates definitions of curves on balls, each given by a midpoint and a radius.

A definition `exact(mp, x)` is written for numbers that can be compared. Two balls may overlap, and
then a comparison is undecided. The definition is run once for each outcome, and the hull of the
results contains the value, whichever outcome is true.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .balls import constant, integer_power, number


MOST_PATHS = 16
"""Largest number of runs of a definition for one ball; a ball that needs more is too wide."""


class UndecidedError(Exception):
    """Error for a definition that can be evaluated at numbers, but not on the given ball."""


class Definitions:
    """Ball versions of the functions that a definition `exact(mp, x)` may call.

    Example:
        >>> from outrange.ops import curve
        >>> from outrange.ops.numerics.balls import ball, float_ends, precision
        >>> with precision(200):
        ...     low, high = float_ends(Definitions().run(curve("elu").exact, ball(-1.0)))
        >>> low <= -0.6321205588285577 <= high <= low + 1e-15
        True
    """

    def __init__(self) -> None:
        self._outcomes: list[bool] = []
        self._comparisons = 0

    def run(self, exact: Callable[[Any, Any], Any], x: Any) -> Any:
        """Return a ball that contains the value of `exact` at every number in `x`.

        Raises:
            UndecidedError: The definition needs an exact number, or too many comparisons are
                undecided.
        """
        hull = None
        self._outcomes = []
        for _ in range(MOST_PATHS):
            self._comparisons = 0
            value = RealBall.of(exact(self, RealBall(x, self))).value
            hull = value if hull is None else hull.union(value)
            while self._outcomes and not self._outcomes[-1]:
                self._outcomes.pop()
            if not self._outcomes:
                return hull
            self._outcomes[-1] = False
        raise UndecidedError

    def decide(self, certain: bool, impossible: bool) -> bool:
        """Return the outcome of a comparison of two balls.

        If the comparison is undecided, return True in one run and False in a later one.
        """
        if certain or impossible:
            return certain
        self._comparisons += 1
        if self._comparisons > len(self._outcomes):
            self._outcomes.append(True)
        return self._outcomes[self._comparisons - 1]

    @property
    def pi(self) -> RealBall:
        """A ball that contains the number pi."""
        return RealBall(constant("pi"), self)

    @property
    def nan(self) -> RealBall:
        """A ball for a number about which nothing is known."""
        return RealBall(constant("nan"), self)

    def mpf(self, value: Any) -> RealBall:
        """Return a ball that contains a number, which may be given as a decimal string."""
        return RealBall(RealBall.of(value).value, self)

    def floor(self, x: RealBall) -> RealBall:
        """Return the largest integer that is at most `x`."""
        return RealBall(x.value.floor(), self)

    def ceil(self, x: RealBall) -> RealBall:
        """Return the smallest integer that is at least `x`."""
        return RealBall(x.value.ceil(), self)

    def nint(self, x: RealBall) -> RealBall:
        """Return the nearest integer; ties go to the even one."""
        value = x.value + 0.5
        floor = value.floor()
        if not value.contains_integer():
            return RealBall(floor, self)
        integer = value.unique_fmpz() if value.is_exact() else None
        if integer is None:
            return RealBall(floor.union(floor - 1), self)
        return RealBall(floor - (1 if integer % 2 else 0), self)

    def __getattr__(self, name: str) -> Callable[[Any], RealBall]:
        if name not in FUNCTIONS:
            raise AttributeError(name)
        return lambda x: RealBall(getattr(RealBall.of(x).value, name)(), self)


FUNCTIONS = (
    "atan", "cos", "cosh", "erf", "erfc", "exp", "expm1", "log", "log1p", "sin", "sinh", "sqrt",
    "tanh",
)  # fmt: skip
"""Names of functions that mpmath and balls have in common."""


class RealBall:
    """A real number, represented by a ball that contains it.

    Args:
        among: The `Definitions` that decide its comparisons, or None.
    """

    __slots__ = ("among", "value")

    def __init__(self, value: Any, among: Definitions | None) -> None:
        self.value, self.among = value, among

    @staticmethod
    def of(value: Any) -> RealBall:
        """Return `value` itself if it is a `RealBall`, otherwise a ball that contains it."""
        if isinstance(value, RealBall):
            return value
        return RealBall(number(value), None)

    def _wrap(self, value: Any) -> RealBall:
        return RealBall(value, self.among)

    def __add__(self, other: Any) -> RealBall:
        return self._wrap(self.value + RealBall.of(other).value)

    __radd__ = __add__

    def __sub__(self, other: Any) -> RealBall:
        return self._wrap(self.value - RealBall.of(other).value)

    def __rsub__(self, other: Any) -> RealBall:
        return self._wrap(RealBall.of(other).value - self.value)

    def __mul__(self, other: Any) -> RealBall:
        return self._wrap(self.value * RealBall.of(other).value)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> RealBall:
        return self._wrap(self.value / RealBall.of(other).value)

    def __rtruediv__(self, other: Any) -> RealBall:
        return self._wrap(RealBall.of(other).value / self.value)

    def __neg__(self) -> RealBall:
        return self._wrap(-self.value)

    def __abs__(self) -> RealBall:
        return self._wrap(abs(self.value))

    def __pow__(self, exponent: Any) -> RealBall:
        power = RealBall.of(exponent).value
        integer = power.unique_fmpz() if power.is_exact() else None
        if integer is None:
            return self._wrap(self.value**power)
        result = integer_power(self.value, abs(int(integer)))
        return self._wrap(result if integer >= 0 else 1 / result)

    def __int__(self) -> int:
        integer = self.value.unique_fmpz()
        if integer is None:
            raise UndecidedError
        return int(integer)

    def _decide(self, certain: bool, impossible: bool) -> bool:
        if self.among is None:
            raise UndecidedError
        return self.among.decide(certain, impossible)

    def __lt__(self, other: Any) -> bool:
        a, b = self.value, RealBall.of(other).value
        return self._decide(a < b, a >= b)

    def __le__(self, other: Any) -> bool:
        a, b = self.value, RealBall.of(other).value
        return self._decide(a <= b, a > b)

    def __gt__(self, other: Any) -> bool:
        a, b = self.value, RealBall.of(other).value
        return self._decide(a > b, a <= b)

    def __ge__(self, other: Any) -> bool:
        a, b = self.value, RealBall.of(other).value
        return self._decide(a >= b, a < b)

    def __eq__(self, other: object) -> bool:
        a, b = self.value, RealBall.of(other).value
        return self._decide(a == b, a != b)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        raise TypeError(
            "a ball cannot be hashed, because the equality of two balls may be undecided"
        )
