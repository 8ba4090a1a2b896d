"""Lowering of PyTorch code to values of the builder."""

from collections.abc import Callable, Sequence

from ...graph import Builder, Operand
from ..traced import lower
from .rules import TABLE
from .steps import recorded_function


def read(
    b: Builder, function: Callable, operands: Sequence[Operand], dtypes: Sequence[str]
) -> list[Operand]:
    """What PyTorch code returns for some operands.

    Args:
        b: The builder.
        function: Takes one tensor per operand and returns a flat list of tensors.
        operands: Values and constants.
        dtypes: Of each operand.

    Raises:
        UnsupportedError: The code holds an operation without a rule.
    """
    specs = [(tuple(x.shape), dtype) for x, dtype in zip(operands, dtypes, strict=True)]
    return lower(b, recorded_function(function, specs), operands, TABLE)
