"""A value of a graph under construction that NumPy takes for an array.

NumPy hands every operation on it back (`__array_ufunc__`, `__array_function__`): a function of
arrays, called with it, writes down what it computes. What the function decides by looking at
numbers (an `if`, a loop until something holds) is refused, since it is called once for all inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NoReturn

import numpy as np

from ...core import InputError, UnsupportedError
from ...graph import Builder, Operand, Value
from .calls import FUNCTIONS, UFUNCS


IN_PLACE = (
    "The function changes an array in place, which may be one of its arguments. Make a new one: "
    "`x = x + 0.1 * u`, or `return [x[0] + 0.1 * u[0], x[1]]`"
)

CLIPPING = {
    "maximum": (-np.inf,), "fmax": (-np.inf,), "minimum": (np.inf,), "fmin": (np.inf,),
    "clip": (-np.inf, np.inf),
}  # fmt: skip
"""Functions to the infinite ends that stand for no end."""

NOT_FINITE = (
    "Its numbers must be finite; look for a division by 0 and for missing data. Received: {}"
)


class Symbol:
    """An array of numbers that are not known yet.

    Args:
        value: What it stands for; its shape has no batch axis.
    """

    __slots__ = ("value",)
    __hash__ = object.__hash__

    def __init__(self, value: Value) -> None:
        self.value = value

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def ndim(self) -> int:
        return len(self.value.shape)

    @property
    def size(self) -> int:
        return self.value.size

    @property
    def T(self) -> Any:
        """The transpose, as of an array."""
        return wrapped(self.value.builder.transpose(self.value))

    def __repr__(self) -> str:
        return f"array of shape {self.shape}, not known yet"

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a number has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return iter([self[i] for i in range(len(self))])

    def __getitem__(self, index: Any) -> Any:
        b = self.value.builder
        return wrapped(b.structural(lambda a: np.asarray(a[0][index]), [self.value]))

    def _undecided(self, *_: Any) -> NoReturn:
        raise UnsupportedError(
            "The function is read once, for all states: it cannot branch on a number (`if`, "
            "`while`, `and`, `float`, `math.sin`). Write `np.where(x[0] > 0, a, b)`, "
            "`np.maximum`, `np.clip`, `np.sin`; `np.choose(place, [1.0, 2.5])` for a table"
        )

    __bool__ = __float__ = __int__ = __complex__ = _undecided

    def __index__(self) -> NoReturn:
        raise UnsupportedError(
            "An index is not known while the function is read: write "
            "`np.choose(place, [1.0, 2.5])` for an entry of a table, `np.interp` between entries"
        )

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise UnsupportedError(IN_PLACE)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        rule = UFUNCS.get(ufunc.__name__)
        if "out" in options or method == "at":
            raise UnsupportedError(IN_PLACE)
        if rule is None or method != "__call__" or options:
            raise _unsupported_function(ufunc)
        return called(self.value.builder, rule, *inputs, ends=CLIPPING.get(ufunc.__name__, ()))

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        rule = FUNCTIONS.get(function.__name__)
        if rule is None:
            raise _unsupported_function(function)
        read = partial(unwrapped, ends=CLIPPING.get(function.__name__, ()))
        return wrapped(rule(self.value.builder, read, *args, **options))

    def sum(self, axis: Any = None) -> Any:
        b = self.value.builder
        return wrapped(b.reduce("sum", self.value, axis))

    def copy(self) -> Symbol:
        return self

    def reshape(self, *shape: Any) -> Any:
        """The same entries in another shape, as of an array."""
        return wrapped(self.value.builder.structural(lambda a: a[0].reshape(*shape), [self.value]))


def _unsupported_function(function: Any) -> UnsupportedError:
    """Name a function of NumPy, or of SciPy, whose functions do not say where they come from."""
    name = function.__name__
    named = f"np.{name}" if hasattr(np, name) else name
    return UnsupportedError(
        f"`{named}` is not described yet: write it with functions that are, which the page on "
        "closed loops lists"
    )


def _binary(name: str, turned: bool = False) -> Any:
    def rule(self: Symbol, other: Any) -> Any:
        pair = (other, self) if turned else (self, other)
        return called(self.value.builder, UFUNCS[name], *pair)

    return rule


def _unary(name: str) -> Any:
    return lambda self: called(self.value.builder, UFUNCS[name], self)


def _in_place(name: str) -> Any:
    """A number is bound anew, as in NumPy; an array would change under its other names, too."""
    rule = _binary(name)

    def assign(self: Symbol, other: Any) -> Any:
        if self.shape:
            raise UnsupportedError(IN_PLACE)
        return rule(self, other)

    return assign


for _sign, _name in (
    ("add", "add"), ("sub", "subtract"), ("mul", "multiply"), ("truediv", "divide"),
    ("pow", "power"), ("matmul", "matmul"), ("mod", "remainder"),
):  # fmt: skip
    setattr(Symbol, f"__{_sign}__", _binary(_name))
    setattr(Symbol, f"__r{_sign}__", _binary(_name, True))
    setattr(Symbol, f"__i{_sign}__", _in_place(_name))
for _sign, _name in (
    ("lt", "less"), ("le", "less_equal"), ("gt", "greater"), ("ge", "greater_equal"),
    ("eq", "equal"), ("ne", "not_equal"), ("and", "logical_and"), ("or", "logical_or"),
):  # fmt: skip
    setattr(Symbol, f"__{_sign}__", _binary(_name))
for _sign, _name in (("and", "logical_and"), ("or", "logical_or")):
    setattr(Symbol, f"__i{_sign}__", _in_place(_name))
for _sign, _name in (("neg", "negative"), ("pos", "positive"), ("abs", "absolute"),
                     ("invert", "logical_not")):  # fmt: skip
    setattr(Symbol, f"__{_sign}__", _unary(_name))


# NumPy calls these on the entries of arrays of objects: `np.sin(np.array([x[0], x[1]]))`.
for _name in (
    "sin",
    "cos",
    "tan",
    "exp",
    "log",
    "sqrt",
    "tanh",
    "sinh",
    "cosh",
    "arctan",
    "square",
):
    setattr(Symbol, _name, _unary(_name))


def called(b: Builder, rule: Any, *inputs: Any, ends: Sequence[float] = ()) -> Any:
    """Apply a rule of operands to the arguments of a function; see `unwrapped`."""
    return wrapped(rule(b, *(unwrapped(b, x, ends) for x in inputs)))


def wrapped(found: Any) -> Any:
    """A value as a symbol; numbers as they are."""
    if isinstance(found, list):
        return [wrapped(part) for part in found]
    return Symbol(found) if isinstance(found, Value) else found


def unwrapped(b: Builder, x: Any, ends: Sequence[float] = ()) -> Operand:
    """Return a symbol, numbers, or a list of both as one operand.

    Args:
        b: The builder.
        x: What a function passes.
        ends: Numbers that need not be finite.

    Raises:
        InputError: A number is NaN, or infinite where that is not allowed.
        UnsupportedError: It holds something that is no number.
    """
    if isinstance(x, Symbol):
        return x.value
    if isinstance(x, list | tuple) or (isinstance(x, np.ndarray) and x.dtype == object):
        parts = [unwrapped(b, part, ends) for part in x]
        shapes = {tuple(part.shape) for part in parts}
        if len(shapes) > 1:
            raise UnsupportedError(
                f"A list of entries of different shapes, {sorted(shapes)}, is no array"
            )
        return b.structural(lambda a: np.stack(a) if a else np.zeros(0, np.int32), parts)
    try:
        found = np.asarray(x, np.float64)
    except (TypeError, ValueError):
        raise UnsupportedError(f"A number is needed in place of a {type(x).__name__}") from None
    bad = ~np.isfinite(found) & ~np.isin(found, ends)
    if bad.any():
        raise InputError(NOT_FINITE.format(found[bad].flat[0]))
    return found
