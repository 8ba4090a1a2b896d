"""Errors for operations that need the value of an expression before its model is known."""

from __future__ import annotations

from typing import Any, NoReturn

from ...core import InputError


class DeferredExpression:
    """Base class of expressions whose value is not known yet.

    It raises an error for conversions to a truth value or a number, and for `in`, `//` and `%`.
    """

    __slots__ = ()

    def __bool__(self) -> NoReturn:
        member = "`(i == 1) | (i == 2)` for `i in (1, 2)`, " if "arg" in repr(self) else ""
        raise InputError(
            "Python cannot decide a condition before the model is known. Write "
            "`(0 <= a) & (a <= 1)` for `0 <= a <= 1`, `&` `|` `~` for `and` `or` `not`, "
            f"{member}`implies(a, b)` for `if a`, and `np.maximum` for `max`. "
            f"Received: {self!r} where True or False is needed."
        )

    def _no_value(self, *_: Any, **__: Any) -> NoReturn:
        raise InputError(
            "`x` and `y` have no values yet: they support only `+ - * / @ **`, `sum`, `mean`, "
            "`abs`, `min`, `max`, `argmin`, `argmax`, comparisons, and NumPy functions (`np.sin`, "
            "not `math.sin`). "
            f"Received: {self!r} where a number is needed."
        )

    __float__ = __int__ = __complex__ = __index__ = __array__ = __round__ = _no_value

    def __contains__(self, _: Any) -> NoReturn:
        raise InputError(
            "`in` cannot be evaluated before the model is known; write `(y == value).any()`. "
            f"Received: `in {self!r}`."
        )

    def _not_continuous(self, *_: Any) -> NoReturn:
        raise InputError(
            "`//`, `%` and `divmod` of `x` and `y` are not supported; use `/`, or compare the "
            "operand itself. "
            f"Received: one of these operations on {self!r}."
        )

    __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = _not_continuous
    __divmod__ = __rdivmod__ = _not_continuous
