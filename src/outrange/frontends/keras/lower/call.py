"""One operation as a rule sees it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ....core import UnsupportedError
from ....graph import Builder, Operand, Value


if TYPE_CHECKING:
    from typing_extensions import TypeIs


@dataclass(eq=False)
class KerasCall:
    """`op(*args, **kwargs)` with values of the graph and arrays in place of tensors."""

    builder: Builder
    op: Any
    args: tuple
    kwargs: dict
    config: dict
    """The operation's constructor arguments."""
    shapes: list[tuple[int, ...]]
    """Shape of each output."""
    keras: Any
    dtypes: tuple[str, ...] = ()
    """Dtype of each positional argument that is a tensor, else the name of its type."""

    def get(self, place: int, name: str, default: Any = None) -> Any:
        """Return the argument at `place` or of this name; a Python float as the model uses it."""
        found = self.args[place] if place < len(self.args) else self.kwargs.get(name, default)
        return single(found) if isinstance(found, float) else found

    @property
    def x(self) -> Operand:
        """The first argument as an operand."""
        return self.operand(0, "x")

    def operand(self, place: int, name: str) -> Operand:
        """An argument as a value or a float64 array."""
        return operand(self.get(place, name))

    def constant(self, place: int, name: str) -> np.ndarray | None:
        """An argument that must not depend on the input, as float64; None if it is not given."""
        given = self.get(place, name)
        if given is None:
            return None
        if isinstance(given, Value):
            raise UnsupportedError(
                f"the argument `{name}` of {type(self.op).__name__} depends on the input, which "
                "is not described yet"
            )
        return np.asarray(given, np.float64)

    def only(self, **defaults: Any) -> None:
        """Refuse arguments that the rule does not read, unless they have their defaults."""
        for name, default in defaults.items():
            value = self.kwargs.get(name, self.config.get(name, default))
            if value is not default and value != default:
                raise UnsupportedError(
                    f"{type(self.op).__name__} with `{name}={value!r}` is not described yet"
                )


def operand(x: Any) -> Operand:
    """A value as it is, anything else as a finite float64 array."""
    if isinstance(x, Value):
        return x
    return np.asarray(single(x) if isinstance(x, float) else x, np.float64)


def single(number: float) -> float:
    """A Python number as the model uses it: every backend makes it float32 before it computes.

    An exported file stores the same float32, so that both are one function.
    """
    with np.errstate(over="ignore"):
        return float(np.float32(number))


def is_value(x: Any) -> "TypeIs[Value]":
    """Whether `x` depends on the model's input."""
    return isinstance(x, Value)


def array(x: Operand) -> np.ndarray:
    """An operand known to be constant."""
    if isinstance(x, Value):
        raise UnsupportedError("a constant is needed here, and this depends on the input")
    return x
