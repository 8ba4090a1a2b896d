"""Lowering of JAX code to values of the builder."""

from collections.abc import Callable, Sequence

from ...graph import Builder, Operand
from ..traced import lower
from .api import record
from .rules import TABLE


def read(
    b: Builder, function: Callable, operands: Sequence[Operand], dtypes: Sequence[str]
) -> list[Operand]:
    """Lower JAX code, applied to some operands, to values of the builder.

    Args:
        function: Function of one array per operand, which returns a flat list of arrays.
        operands: Values of the builder, or constant arrays.
        dtypes: Dtype of each operand.

    Raises:
        UnsupportedError: The code uses a primitive without a rule.
    """
    specs = [(tuple(x.shape), dtype) for x, dtype in zip(operands, dtypes, strict=True)]
    return lower(b, record(function, specs), operands, TABLE)


def read_float64(
    b: Builder, function: Callable, operands: Sequence[Operand], dtypes: Sequence[str]
) -> list[Operand]:
    """Lower JAX code like `read`, with support for float64 regardless of JAX's configuration."""
    from .api import in_float64

    specs = [(tuple(x.shape), dtype) for x, dtype in zip(operands, dtypes, strict=True)]
    with in_float64():
        return lower(b, record(function, specs), operands, TABLE)
