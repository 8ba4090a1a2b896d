"""Type checks of records read from files against the annotations of their fields."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np


def check_fields(record: Any) -> None:
    """Check each field of a record, and of nested records, against its type annotation.

    Raises:
        TypeError: A field does not match its annotation.
    """
    hints = _hints(type(record))
    for field in fields(record):
        value = getattr(record, field.name)
        if not _fits(value, hints[field.name]):
            raise TypeError(
                f"`{field.name}` of {type(record).__name__} has the type {type(value).__name__}"
            )


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _fits(value: Any, hint: Any) -> bool:
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        wanted = [parts[0]] * len(value) if parts[-1:] == (Ellipsis,) else list(parts)
        return len(wanted) == len(value) and all(map(_fits, value, wanted))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, dict) and all(
            _fits(key, parts[0]) and _fits(part, parts[1]) for key, part in value.items()
        )
    if hint is None or hint is type(None):
        return value is None
    if hint is float:
        numeric = isinstance(value, float | int | np.floating | np.integer)
        return numeric and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int | np.integer) and not isinstance(value, bool)
    kind = origin or hint
    if not isinstance(kind, type) or not isinstance(value, kind):
        return not isinstance(kind, type)
    if is_dataclass(value) and not isinstance(value, type):
        check_fields(value)
    return True
