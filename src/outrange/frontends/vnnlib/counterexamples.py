"""Counterexamples in the format of the VNN-COMP competition: writer and reader."""

import re

import numpy as np
from numpy.typing import ArrayLike

from ...core import InputError, ModelError
from .errors import Fault
from .terms import literal


_PAIR = re.compile(r"\(\s*([XY])_(\d{1,18})\s+([^\s()]+)\s*\)", re.ASCII)


def write_counterexample(x: ArrayLike, y: ArrayLike) -> str:
    """Format the block of values that follows the line `sat` in a result file.

    The block has one line per value, `(X_i value)` for the inputs and then `(Y_j value)` for the
    outputs, all in one pair of parentheses. Reading a written value returns the same double.

    Args:
        x: The inputs, `(inputs,)`, or in any shape that is then flattened in row-major order.
        y: The outputs, `(outputs,)`, or in any shape that is flattened in the same way.

    Returns:
        The block, without a final newline.

    Raises:
        InputError: An entry is not a finite number, or an array is empty.

    Example:
        >>> print(write_counterexample([0.5, -1], [1e-9]))
        ((X_0 0.5)
         (X_1 -1.0)
         (Y_0 1e-09))
    """
    lines = []
    for letter, values in (("X", x), ("Y", y)):
        lines += [f"({letter}_{i} {v!r})" for i, v in enumerate(_flat(letter.lower(), values))]
    return "(" + "\n ".join(lines) + ")"


def read_counterexample(text: str) -> tuple[np.ndarray, np.ndarray]:
    r"""Parse the block that `write_counterexample` writes; a leading line `sat` is allowed.

    Args:
        text: The block, as this library or another tool wrote it.

    Returns:
        `x` `(inputs,)` and `y` `(outputs,)`, float64.

    Raises:
        ModelError: `text` is not such a block, a value is not a number, or the indices are not
            0, 1, 2, ... in order.

    Example:
        >>> read_counterexample("sat\n((X_0 0.5)\n(Y_0 2))")
        (array([0.5]), array([2.]))
    """
    block = text.strip().removeprefix("sat").strip()
    enclosed = len(block) > 1 and block[0] == "(" and block[-1] == ")"
    foreign = _PAIR.sub("", block[1:-1]).strip() if enclosed else block
    if foreign or not enclosed:
        raise ModelError(
            "A counterexample must have the form `((X_0 0.5) ... (Y_0 1.0) ...)`. "
            f"Received: `{foreign[:60]}`."
        )
    values: dict[str, list[float]] = {"X": [], "Y": []}
    for letter, index, literal_text in _PAIR.findall(block[1:-1]):
        if int(index) != len(values[letter]):
            raise ModelError(
                "The values of a counterexample must be numbered 0, 1, 2, ... in order. "
                f"Received: `{letter}_{index}` after {len(values[letter])} values."
            )
        try:
            literal(literal_text)
        except Fault as fault:
            raise ModelError(
                f"A counterexample must contain numbers: {fault} Received: `{literal_text[:60]}`."
            ) from None
        values[letter].append(float(literal_text))
    return np.array(values["X"]), np.array(values["Y"])


def _flat(name: str, values: ArrayLike) -> list[float]:
    try:
        flat = np.asarray(values, float).ravel()
    except (TypeError, ValueError):
        flat = np.array([np.nan])
    if not flat.size or not np.isfinite(flat).all():
        raise InputError(
            f"`{name}` of a counterexample must consist of one or more finite numbers. "
            f"Received: {str(values)[:60]}."
        )
    return flat.tolist()
