"""Handles on the values of a graph under construction, and constant operands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike


if TYPE_CHECKING:
    from .builder import Builder


@dataclass(frozen=True, eq=False)
class Value:
    """A reference to one value of a graph under construction."""

    builder: Builder
    index: int
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))


Operand = Value | np.ndarray

Constant = float | np.ndarray

Shape = Sequence[int]


def operand(x: Value | ArrayLike) -> Operand:
    """Return `x` itself if it is a value, otherwise a float64 array."""
    return x if isinstance(x, Value) else np.asarray(x, np.float64)


def positions(
    operands: Sequence[Operand],
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Assign numbers to the entries of operands; return the position or constant of each number.

    Args:
        operands: Values and constants to number.

    Returns:
        An int32 array of numbers per operand, in its shape; the first entry of the first operand
        has the number 1. Two arrays are indexed by these numbers. The first contains the position
        of an entry in the concatenation of the flattened values (`-1` for a constant), and the
        second contains the constant. Number 0 is the constant 0.
    """
    marked, start, offset = [], 1, 0
    places, constants = [np.full(1, -1, np.int64)], [np.zeros(1)]
    for x in operands:
        marked.append(np.arange(start, start + x.size, dtype=np.int32).reshape(x.shape))
        start += x.size
        if isinstance(x, Value):
            places.append(np.arange(offset, offset + x.size))
            constants.append(np.zeros(x.size))
            offset += x.size
        else:
            places.append(np.full(x.size, -1, np.int64))
            constants.append(np.ravel(x).astype(float))
    return marked, np.concatenate(places), np.concatenate(constants)
