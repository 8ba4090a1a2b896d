"""Refusal of operations that need a model which is not known yet."""

from __future__ import annotations

from typing import Any, NoReturn

from ...core import InputError


class Undecided:
    """Refuses truth values, numbers and what is not linear, saying what can be written instead."""

    __slots__ = ()

    def __bool__(self) -> NoReturn:
        member = "`(i == 1) | (i == 2)` for `i in (1, 2)`, " if "arg" in repr(self) else ""
        raise InputError(
            "Python cannot decide this before the model is known. Write `(0 <= a) & (a <= 1)` for "
            f"`0 <= a <= 1`, `&` `|` `~` for `and` `or` `not`, {member}`implies(a, b)` for `if a`, "
            f"`np.maximum` for `max`. Received: {self!r} where True or False is needed."
        )

    def _no_value(self, *_: Any, **__: Any) -> NoReturn:
        raise InputError(
            "What `x` and `y` are is not known yet: they have no number, only `+ - * / @`, "
            "`sum`, `mean`, `abs`, `min`, `max`, `argmin`, `argmax` and comparisons. "
            f"Received: {self!r} where a number is needed."
        )

    __float__ = __int__ = __complex__ = __index__ = __array__ = __round__ = _no_value

    def __contains__(self, _: Any) -> NoReturn:
        raise InputError(
            "`in` asks for True or False at once; write `(y == value).any()`. "
            f"Received: `in {self!r}`."
        )

    def _not_linear(self, *_: Any) -> NoReturn:
        raise InputError(
            "`**`, `//`, `%` and `divmod` of `x` and `y` are not linear. Compare without them: "
            "`e ** 2 <= 4` is `abs(e) <= 2`. "
            f"Received: one of them on {self!r}."
        )

    __pow__ = __rpow__ = __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = _not_linear
    __divmod__ = __rdivmod__ = _not_linear
