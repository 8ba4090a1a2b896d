"""Conversion of records, arrays and infinities to JSON values."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np


def jsonable(value: Any) -> Any:
    """Convert a value to dicts, lists, strings, finite numbers, booleans and None.

    Float64 numbers keep every bit (`repr` round-trips). Infinities and NaN, which JSON lacks,
    become the strings `"inf"`, `"-inf"` and `"nan"`, which `float` reads back. Objects with a
    method `as_dict` are converted by that method, other dataclasses field by field, and enumeration
    members to their names.
    """
    if hasattr(value, "as_dict"):
        return value.as_dict()
    if isinstance(value, Enum):
        return value.name
    if is_dataclass(value):
        return field_dict(value)
    if isinstance(value, Mapping):
        return {str(key): jsonable(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return jsonable(value.tolist())
    if isinstance(value, list | tuple):
        return [jsonable(part) for part in value]
    if isinstance(value, np.generic):
        return jsonable(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def field_dict(record: Any, without: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return a dict from field name to JSON value, without the fields named in `without`."""
    names = [field.name for field in fields(record) if field.name not in without]
    return {name: jsonable(getattr(record, name)) for name in names}
