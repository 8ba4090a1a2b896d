"""Lowering of TensorFlow code to values of the builder."""

from collections.abc import Callable, Sequence

from ...graph import Builder, Operand
from ..traced import lower
from .api import record
from .rules import TABLE


def read(
    b: Builder, function: Callable, operands: Sequence[Operand], dtypes: Sequence[str]
) -> list[Operand]:
    """Lower TensorFlow code, applied to `operands`, to values of the builder.

    Args:
        function: Function of one tensor per operand that returns a flat list of tensors.
        operands: Values of the builder, or constant arrays.
        dtypes: Dtype of each operand.

    Raises:
        UnsupportedError: The code draws random numbers, or uses an operation without a rule.
    """
    specs = [(tuple(x.shape), dtype) for x, dtype in zip(operands, dtypes, strict=True)]
    return lower(b, record(function, specs), operands, TABLE)
