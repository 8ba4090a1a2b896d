"""Indices of expressions."""

from __future__ import annotations

import operator
from typing import Any, TypeVar

from ...core import InputError
from .refusals import Undecided


N = TypeVar("N", bound=Any)


def checked(node: N) -> N:
    """A node of the op `index`, whose index does not depend on the model.

    Raises:
        InputError: It does, or it is a name.
    """
    index = node.detail
    for entry in index if isinstance(index, tuple) else (index,):
        if isinstance(entry, Undecided):
            raise InputError(
                "An index is made of integers, slices and lists, known before the model is. "
                f"Received: {node!r}."
            )
        if isinstance(entry, str):
            raise InputError(
                'A name picks a whole input or output, `y["name"]`, and comes first: '
                f'`y["name"][0, 1]`. Received: {node!r}.'
            )
        if isinstance(entry, slice):
            for end in (entry.start, entry.stop, entry.step):
                if end is not None:
                    _check_integer(end, node)
    return node


def _check_integer(end: Any, node: Any) -> None:
    try:
        operator.index(end)
    except TypeError:
        raise InputError(f"A slice runs between integers. Received: {end!r} in {node!r}.") from None
