"""An array-like value of a graph under construction, for tracing NumPy code.

NumPy passes calls of its functions with a `Symbol` to the methods `__array_ufunc__` and
`__array_function__`. So a function of arrays that is called with symbols records its computation. A
decision based on numbers (an `if`, a loop until a condition holds) is rejected, since the function
is called once for all inputs.
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
"""Map from the name of a function to the infinite arguments that mean "no limit"."""

NOT_FINITE = (
    "All numbers must be finite; look for a division by 0 and for missing data. Received: {}"
)


class Symbol:
    """An array of numbers that are unknown during tracing.

    Args:
        value: The value of the graph; its shape has no batch axis.
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
        """The transpose, like the attribute `T` of an array."""
        return wrap(self.value.builder.transpose(self.value))

    def __repr__(self) -> str:
        return f"array of shape {self.shape}, unknown during tracing"

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a number has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return iter([self[i] for i in range(len(self))])

    def __getitem__(self, index: Any) -> Any:
        b = self.value.builder
        return wrap(b.structural(lambda a: np.asarray(a[0][index]), [self.value]))

    def _raise_unknown(self, *_: Any) -> NoReturn:
        raise UnsupportedError(
            "The function is traced once, for all states: it cannot branch on a number (`if`, "
            "`while`, `and`, `float`, `math.sin`). Write `np.where(x[0] > 0, a, b)`, "
            "`np.maximum`, `np.clip` or `np.sin`, and `np.choose(place, [1.0, 2.5])` for a table"
        )

    __bool__ = __float__ = __int__ = __complex__ = _raise_unknown

    def __index__(self) -> NoReturn:
        raise UnsupportedError(
            "An index that depends on the arguments is unknown while the function is traced: write "
            "`np.choose(place, [1.0, 2.5])` for an entry of a table, or `np.interp` between entries"
        )

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise UnsupportedError(IN_PLACE)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        rule = UFUNCS.get(ufunc.__name__)
        if "out" in options or method == "at":
            raise UnsupportedError(IN_PLACE)
        if rule is None or method != "__call__" or options:
            raise _unsupported_function(ufunc)
        return apply_rule(self.value.builder, rule, *inputs, ends=CLIPPING.get(ufunc.__name__, ()))

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        rule = FUNCTIONS.get(function.__name__)
        if rule is None:
            raise _unsupported_function(function)
        read = partial(unwrap, ends=CLIPPING.get(function.__name__, ()))
        return wrap(rule(self.value.builder, read, *args, **options))

    def sum(self, axis: Any = None) -> Any:
        b = self.value.builder
        return wrap(b.reduce("sum", self.value, axis))

    def copy(self) -> Symbol:
        return self

    def reshape(self, *shape: Any) -> Any:
        """Return the same entries in another shape, like the method `reshape` of an array."""
        return wrap(self.value.builder.structural(lambda a: a[0].reshape(*shape), [self.value]))


def _unsupported_function(function: Any) -> UnsupportedError:
    """Build the error for a NumPy or SciPy function (SciPy's ufuncs do not name their module)."""
    name = function.__name__
    shown = f"np.{name}" if hasattr(np, name) else name
    return UnsupportedError(
        f"`{shown}` is not supported yet: write it with supported functions, which the page on "
        "closed loops lists"
    )


def _binary(name: str, reflected: bool = False) -> Any:
    def rule(self: Symbol, other: Any) -> Any:
        pair = (other, self) if reflected else (self, other)
        return apply_rule(self.value.builder, UFUNCS[name], *pair)

    return rule


def _unary(name: str) -> Any:
    return lambda self: apply_rule(self.value.builder, UFUNCS[name], self)


def _in_place(name: str) -> Any:
    """Return an in-place operator, which rebinds a number but raises an error for an array."""
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


# NumPy calls these on the entries of object arrays: `np.sin(np.array([x[0], x[1]]))`.
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


def apply_rule(b: Builder, rule: Any, *inputs: Any, ends: Sequence[float] = ()) -> Any:
    """Apply a rule to arguments of a NumPy function, and wrap the result with `wrap`.

    Args:
        rule: Function of the builder and of one operand per argument.
        *inputs: Arguments of the NumPy function: symbols, numbers, or lists of these.
        ends: Infinite numbers that are allowed among the arguments.
    """
    return wrap(rule(b, *(unwrap(b, x, ends) for x in inputs)))


def wrap(result: Any) -> Any:
    """Wrap values of the graph, including those in lists, as symbols; return others unchanged."""
    if isinstance(result, list):
        return [wrap(part) for part in result]
    return Symbol(result) if isinstance(result, Value) else result


def unwrap(b: Builder, x: Any, ends: Sequence[float] = ()) -> Operand:
    """Convert a symbol, a number, or a list of these to one operand.

    Args:
        x: Argument of a NumPy function.
        ends: Infinite numbers that are allowed: some of `-np.inf` and `np.inf`.

    Raises:
        InputError: A number is NaN, or infinite and not allowed.
        UnsupportedError: The argument contains something that is not a number, or entries of
            different shapes.
    """
    if isinstance(x, Symbol):
        return x.value
    if isinstance(x, list | tuple) or (isinstance(x, np.ndarray) and x.dtype == object):
        parts = [unwrap(b, part, ends) for part in x]
        shapes = {tuple(part.shape) for part in parts}
        if len(shapes) > 1:
            raise UnsupportedError(
                "The entries of a list must all have the same shape to form an array; these have "
                f"the shapes {sorted(shapes)}"
            )
        return b.structural(lambda a: np.stack(a) if a else np.zeros(0, np.int32), parts)
    try:
        numbers = np.asarray(x, np.float64)
    except (TypeError, ValueError):
        raise UnsupportedError(
            "The function must compute with numbers and arrays of numbers only, but an operand has "
            f"type {type(x).__name__}"
        ) from None
    bad = ~np.isfinite(numbers) & ~np.isin(numbers, ends)
    if bad.any():
        raise InputError(NOT_FINITE.format(numbers[bad].flat[0]))
    return numbers
