"""Boxes of data with a method that tests whether rows lie in the box."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...core import Region
from .columns import ColumnBox
from .parse_box import input_box
from .rows import flat_rows, members, slots_of


class ArrayBox(NamedTuple):
    """Box `(lo, hi)` of one input: a pair of arrays in the input's shape.

    Args:
        lo: Smallest value of each entry.
        hi: Largest value of each entry.
    """

    lo: np.ndarray
    hi: np.ndarray

    def contains(self, rows: Any) -> Any:
        """Return whether rows lie in the box.

        Args:
            rows: One row in the input's shape, or `(n, *input_shape)`.

        Returns:
            A Boolean for one row, otherwise a Boolean array `(n,)`.

        Raises:
            InputError: The rows do not fit the box, or are not finite.

        Example:
            >>> box = ArrayBox(np.array([0.0, 5.0]), np.array([2.0, 6.0]))
            >>> box.contains([1.0, 7.0]), box.contains([[1.0, 5.5], [3.0, 5.5]])
            (False, array([ True, False]))
        """
        return _contains(self, rows)


class NamedBox(dict[str, Any]):
    """Box of several inputs by name, `{name: (lo, hi)}`.

    As for other sets, `a | b` is a union, and `a & condition` the part where a condition on `x`
    holds.
    """

    __array_ufunc__ = None

    def __or__(self, other: Any) -> Any:
        from .sets.base import unite

        return unite(self, other)

    def __ror__(self, other: Any) -> Any:
        from .sets.base import unite

        return unite(other, self)

    def __and__(self, other: Any) -> Any:
        from .sets.base import restrict

        return restrict(self, other)

    def contains(self, rows: Any) -> Any:
        """Return whether rows lie in the box.

        Args:
            rows: A DataFrame, a row of a DataFrame, a dict from name to values, or (if each input
                is one number) an array `(n, inputs)` or `(inputs,)`. Additional columns are
                ignored.

        Returns:
            A Boolean for one row, otherwise a Boolean array `(n,)`.

        Raises:
            InputError: The rows do not fit the box, or are not finite.

        Example:
            >>> box = NamedBox(area=(20.0, 90.0), rooms=(1.0, 5.0))
            >>> box.contains({"area": 120.0, "rooms": 3.0})
            False
        """
        return _contains(self, rows)


class TableBox(NamedBox, ColumnBox):
    """Box of a table by column, in the order of its columns."""


def _contains(box: Any, rows: Any) -> Any:
    slots = slots_of(box)
    flat, is_single = flat_rows(slots, rows)
    inside = members([Region(input_box(slots, box))], flat)
    return bool(inside[0]) if is_single else inside
