"""Lowering of JAX code to values of the builder."""

from collections.abc import Callable, Sequence

from ...graph import Builder, Operand
from ..traced import lower
from .api import record
from .rules import TABLE


def read(
    b: Builder, function: Callable, operands: Sequence[Operand], dtypes: Sequence[str]
) -> list[Operand]:
    """What JAX code returns for some operands.

    Args:
        b: The builder.
        function: Takes one array per operand and returns a flat list of arrays.
        operands: Values and constants.
        dtypes: Of each operand.

    Raises:
        UnsupportedError: The code holds a primitive without a rule.
    """
    specs = [(tuple(x.shape), dtype) for x, dtype in zip(operands, dtypes, strict=True)]
    return lower(b, record(function, specs), operands, TABLE)


def read_float64(
    b: Builder, function: Callable, operands: Sequence[Operand], dtypes: Sequence[str]
) -> list[Operand]:
    """The same with its constants in float64, whatever JAX is set to; `read` documents the rest."""
    from .api import in_float64

    specs = [(tuple(x.shape), dtype) for x, dtype in zip(operands, dtypes, strict=True)]
    with in_float64():
        return lower(b, record(function, specs), operands, TABLE)
