"""Definitions of curves, evaluated on balls.

A definition `exact(mp, x)` is written for numbers that compare. Two balls may overlap, and then a
comparison has no answer: the definition is run once for each answer, and the hull of the results
holds the value, whichever answer is true.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .balls import constant, number, whole_power


MOST_PATHS = 16
"""Runs of a definition for one ball; a ball that needs more is too wide to be worth it."""


class UndecidedError(Exception):
    """A definition cannot be evaluated at a ball, only at numbers."""


class Definitions:
    """The functions that an `exact(mp, x)` may call, on balls.

    Example:
        >>> from outrange.ops import curve
        >>> from outrange.ops.numerics.balls import ball, float_ends, precision
        >>> with precision(200):
        ...     low, high = float_ends(Definitions().run(curve("elu").exact, ball(-1.0)))
        >>> low <= -0.6321205588285577 <= high <= low + 1e-15
        True
    """

    def __init__(self) -> None:
        self._answers: list[bool] = []
        self._asked = 0

    def run(self, exact: Callable[[Any, Any], Any], x: Any) -> Any:
        """A ball that holds `exact` of every number in `x`.

        Raises:
            UndecidedError: The definition needs a number, or its comparisons stay open.
        """
        found = None
        self._answers = []
        for _ in range(MOST_PATHS):
            self._asked = 0
            value = RealBall.of(exact(self, RealBall(x, self))).value
            found = value if found is None else found.union(value)
            while self._answers and not self._answers[-1]:
                self._answers.pop()
            if not self._answers:
                return found
            self._answers[-1] = False
        raise UndecidedError

    def decide(self, certain: bool, impossible: bool) -> bool:
        """The answer to a comparison; if it is open, first True, in a later run False."""
        if certain or impossible:
            return certain
        self._asked += 1
        if self._asked > len(self._answers):
            self._answers.append(True)
        return self._answers[self._asked - 1]

    @property
    def pi(self) -> RealBall:
        """The circle number."""
        return RealBall(constant("pi"), self)

    @property
    def nan(self) -> RealBall:
        """Nothing known."""
        return RealBall(constant("nan"), self)

    def mpf(self, value: Any) -> RealBall:
        """A number, or the decimal that a text stands for."""
        return RealBall(RealBall.of(value).value, self)

    def floor(self, x: RealBall) -> RealBall:
        """The next whole number below."""
        return RealBall(x.value.floor(), self)

    def ceil(self, x: RealBall) -> RealBall:
        """The next whole number above."""
        return RealBall(x.value.ceil(), self)

    def nint(self, x: RealBall) -> RealBall:
        """The nearest whole number; halfway the even one."""
        value = x.value + 0.5
        found = value.floor()
        if not value.contains_integer():
            return RealBall(found, self)
        whole = value.unique_fmpz() if value.is_exact() else None
        if whole is None:
            return RealBall(found.union(found - 1), self)
        return RealBall(found - (1 if whole % 2 else 0), self)

    def __getattr__(self, name: str) -> Callable[[Any], RealBall]:
        if name not in FUNCTIONS:
            raise AttributeError(name)
        return lambda x: RealBall(getattr(RealBall.of(x).value, name)(), self)


FUNCTIONS = (
    "atan", "cos", "cosh", "erf", "erfc", "exp", "expm1", "log", "log1p", "sin", "sinh", "sqrt",
    "tanh",
)  # fmt: skip
"""Functions that balls have under the names of mpmath."""


class RealBall:
    """A real number known to lie in a ball.

    Args:
        value: The ball.
        among: Answers comparisons.
    """

    __slots__ = ("among", "value")

    def __init__(self, value: Any, among: Definitions | None) -> None:
        self.value, self.among = value, among

    @staticmethod
    def of(value: Any) -> RealBall:
        """A ball, or a number exactly."""
        if isinstance(value, RealBall):
            return value
        return RealBall(number(value), None)

    def _made(self, value: Any) -> RealBall:
        return RealBall(value, self.among)

    def __add__(self, other: Any) -> RealBall:
        return self._made(self.value + RealBall.of(other).value)

    __radd__ = __add__

    def __sub__(self, other: Any) -> RealBall:
        return self._made(self.value - RealBall.of(other).value)

    def __rsub__(self, other: Any) -> RealBall:
        return self._made(RealBall.of(other).value - self.value)

    def __mul__(self, other: Any) -> RealBall:
        return self._made(self.value * RealBall.of(other).value)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> RealBall:
        return self._made(self.value / RealBall.of(other).value)

    def __rtruediv__(self, other: Any) -> RealBall:
        return self._made(RealBall.of(other).value / self.value)

    def __neg__(self) -> RealBall:
        return self._made(-self.value)

    def __abs__(self) -> RealBall:
        return self._made(abs(self.value))

    def __pow__(self, exponent: Any) -> RealBall:
        power = RealBall.of(exponent).value
        whole = power.unique_fmpz() if power.is_exact() else None
        if whole is None:
            return self._made(self.value**power)
        found = whole_power(self.value, abs(int(whole)))
        return self._made(found if whole >= 0 else 1 / found)

    def __int__(self) -> int:
        found = self.value.unique_fmpz()
        if found is None:
            raise UndecidedError
        return int(found)

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
        raise TypeError("balls are compared as numbers, and two may be equal or not")
