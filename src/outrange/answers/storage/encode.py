"""Values of records as JSON, and back: nothing is lost, and nothing is run.

Numbers, strings, booleans and None are themselves; a tuple is a list. Everything else is an object
whose key `"@"` says what it is, such as
`{"@": "array", "dtype": "float64", "shape": [2], "data": [0.5, "inf"]}`.
What is read back is one of the kinds listed here and one of the records it is given, by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np

from ...core import InputError


KIND = "@"

FLOATS = ("inf", "-inf", "nan")
"""The floats that JSON lacks, as strings."""

NUMBERS = frozenset(
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 str".split()
)
"""Types of arrays."""


def encoded(value: Any) -> Any:
    """`value` as `json.dumps(..., allow_nan=False)` takes it.

    Raises:
        InputError: A value of some other kind.
    """
    if isinstance(value, Enum):
        return {KIND: type(value).__name__, "name": value.name}
    if value is None or type(value) in (bool, int, str):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return _array(np.asarray(value), isinstance(value, np.generic))
    if isinstance(value, float):
        return value if math.isfinite(value) else {KIND: "float", "value": str(value)}
    if is_dataclass(value) and not isinstance(value, type):
        kept = {field.name: encoded(getattr(value, field.name)) for field in fields(value)}
        return {KIND: type(value).__name__, **kept}
    if isinstance(value, tuple):
        return [encoded(part) for part in value]
    if isinstance(value, list | frozenset | set):
        return {KIND: "list", "items": [encoded(part) for part in value]}
    if isinstance(value, Mapping):
        return {KIND: "dict", "items": [[encoded(k), encoded(v)] for k, v in value.items()]}
    raise InputError(
        "A file of an answer holds numbers, texts and arrays. "
        f"Received: {type(value).__module__}.{type(value).__qualname__}."
    )


def _array(array: np.ndarray, scalar: bool) -> dict[str, Any]:
    dtype = "str" if array.dtype.kind == "U" else array.dtype.name
    if dtype not in NUMBERS:
        raise InputError(f"Arrays are of numbers or texts. Received: dtype {array.dtype}.")
    data = array.ravel().tolist()
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        data = [one if math.isfinite(one) else str(one) for one in data]
    kind = "scalar" if scalar else "array"
    return {KIND: kind, "dtype": dtype, "shape": list(array.shape), "data": data}


def decoded(tree: Any, records: Mapping[str, type]) -> Any:
    """What `encoded` made `tree` of.

    Args:
        tree: From JSON.
        records: The dataclasses and enumerations that may be built, by name.

    Raises:
        ValueError: It is nothing that `encoded` makes.
        TypeError: A record has other fields.
    """
    if isinstance(tree, list):
        return tuple(decoded(part, records) for part in tree)
    if not isinstance(tree, dict):
        return tree
    kind = tree.get(KIND)
    match kind:
        case "float":
            return float(_one_of(tree["value"], FLOATS))
        case "array" | "scalar":
            array = _from_numbers(tree)
            return array if kind == "array" else array[()]
        case "list":
            return [decoded(part, records) for part in tree["items"]]
        case "dict":
            return {decoded(k, records): decoded(v, records) for k, v in tree["items"]}
    found = records.get(kind) if isinstance(kind, str) else None
    if found is None:
        raise ValueError(f"{KIND!r} is {kind!r}, which no answer holds")
    parts = {name: decoded(part, records) for name, part in tree.items() if name != KIND}
    if issubclass(found, Enum):
        return found[parts["name"]]
    return found(**parts)


def _from_numbers(tree: Mapping[str, Any]) -> np.ndarray:
    """An array, of as many entries as its data has: the shape in the file allocates nothing."""
    dtype = _one_of(tree["dtype"], NUMBERS)
    shape, data = tree["shape"], tree["data"]
    if not isinstance(data, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("an array is no list of entries with a shape")
    if math.prod(shape) != len(data):
        raise ValueError(f"an array of shape {shape} has {len(data)} entries")
    wanted = {"s": str, "b": bool, "f": (float, int), "i": int, "u": int}[dtype[0]]
    plain = [float(one) if dtype[0] == "f" and one in FLOATS else one for one in data]
    if not all(
        isinstance(one, wanted) and (dtype == "bool") >= (type(one) is bool) for one in plain
    ):
        raise ValueError(f"an array of {dtype} holds something else")
    array = np.array(plain, dtype=None if dtype == "str" and plain else dtype)
    return array.reshape(shape)


def _one_of(value: Any, known: Any) -> str:
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{value!r} is none of {sorted(known)}")
    return value
