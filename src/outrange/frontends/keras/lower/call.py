"""The argument of a lowering rule: one recorded operation, with graph values for tensors."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ....core import UnsupportedError
from ....graph import Builder, Operand, Value


if TYPE_CHECKING:
    from typing_extensions import TypeIs


@dataclass(eq=False)
class KerasCall:
    """A call `op(*args, **kwargs)` with graph values and arrays in place of tensors."""

    builder: Builder
    op: Any
    args: tuple
    kwargs: dict
    config: dict
    """The operation's constructor arguments or attributes; empty for a layer."""
    shapes: list[tuple[int, ...]]
    """Shape of each output."""
    keras: Any
    dtypes: tuple[str, ...] = ()
    """Dtype of each positional argument, or the name of its type if it is not a tensor."""

    def get(self, place: int, name: str, default: Any = None) -> Any:
        """Return the argument at index `place` or named `name`; round a Python float to float32."""
        argument = self.args[place] if place < len(self.args) else self.kwargs.get(name, default)
        return round_to_float32(argument) if isinstance(argument, float) else argument

    @property
    def x(self) -> Operand:
        """The first argument as an operand."""
        return self.operand(0, "x")

    def operand(self, place: int, name: str) -> Operand:
        """Return an argument as a graph value or a float64 array."""
        return operand(self.get(place, name))

    def constant(self, place: int, name: str) -> np.ndarray | None:
        """Return an argument as a float64 array, or None if it is absent.

        Raises:
            UnsupportedError: The argument is a graph value; usually it depends on the input.
        """
        argument = self.get(place, name)
        if argument is None:
            return None
        if isinstance(argument, Value):
            raise UnsupportedError(
                f"the argument `{name}` of {type(self.op).__name__} depends on the input, which "
                "is not supported yet"
            )
        return np.asarray(argument, np.float64)

    def reject_other_options(self, **defaults: Any) -> None:
        """Raise if a keyword or constructor argument differs from its value in `defaults`.

        Arguments that are not in `defaults` are not checked.
        """
        for name, default in defaults.items():
            value = self.kwargs.get(name, self.config.get(name, default))
            if value is not default and value != default:
                raise UnsupportedError(
                    f"{type(self.op).__name__} with `{name}={value!r}` is not supported yet"
                )


def operand(x: Any) -> Operand:
    """Return a graph value unchanged, and anything else as a float64 array."""
    if isinstance(x, Value):
        return x
    return np.asarray(round_to_float32(x) if isinstance(x, float) else x, np.float64)


def round_to_float32(number: float) -> float:
    """Round a Python number to float32, as backends do before computing with it in float32.

    An exported file stores the same float32 number, so model and file compute the same function.
    """
    with np.errstate(over="ignore"):
        return float(np.float32(number))


def is_value(x: Any) -> "TypeIs[Value]":
    """Return whether `x` is a graph value, which usually depends on the model's input."""
    return isinstance(x, Value)


def array(x: Operand) -> np.ndarray:
    """Return an operand as an array, or raise if it is a graph value."""
    if isinstance(x, Value):
        raise UnsupportedError("an operand must be constant, but depends on the input")
    return x
