"""Validation of the indices of expressions."""

from __future__ import annotations

import operator
from typing import Any, TypeVar

from ...core import InputError
from .deferred_errors import DeferredExpression


N = TypeVar("N", bound=Any)


def check_index(node: N) -> N:
    """Check that the index of an `index` node does not depend on the model, and return the node.

    Raises:
        InputError: The index depends on the model, is a string, or is a slice with ends that are
            not integers.
    """
    index = node.detail
    for entry in index if isinstance(index, tuple) else (index,):
        if isinstance(entry, DeferredExpression):
            raise InputError(
                "An index must consist of integers, slices and lists that do not use the model. "
                f"Received: {node!r}."
            )
        if isinstance(entry, str):
            raise InputError(
                'A name selects a whole input or output, `y["name"]`, and must come first: '
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
        raise InputError(
            f"A slice must have integer ends. Received: {end!r} in {node!r}."
        ) from None
