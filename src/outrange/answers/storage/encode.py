"""Conversion of record values to JSON and back without running code, lossless except for sets.

A dataclass field with the metadata `{"stored": False}` is left out.
Finite Python numbers, strings, booleans and None represent themselves, and a tuple becomes a list.
Every other value becomes an object whose key `"@"` names its kind, such as
`{"@": "array", "dtype": "float64", "shape": [2], "data": [0.5, "inf"]}`.
Decoding builds only the kinds defined here and the record classes that the caller permits.
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
"""Strings for the floats that JSON lacks."""

NUMBERS = frozenset(
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 str".split()
)
"""Permitted element types of arrays."""


def encode(value: Any) -> Any:
    """Convert a value to the form that `json.dumps(..., allow_nan=False)` accepts.

    Raises:
        InputError: The value is of a kind that files cannot contain.
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
        stored = (field.name for field in fields(value) if field.metadata.get("stored", True))
        items = {name: encode(getattr(value, name)) for name in stored}
        return {KIND: type(value).__name__, **items}
    if isinstance(value, tuple):
        return [encode(part) for part in value]
    if isinstance(value, list | frozenset | set):
        return {KIND: "list", "items": [encode(part) for part in value]}
    if isinstance(value, Mapping):
        return {KIND: "dict", "items": [[encode(k), encode(v)] for k, v in value.items()]}
    raise InputError(
        "A saved answer can contain only numbers, strings and arrays. "
        f"Received: {type(value).__module__}.{type(value).__qualname__}."
    )


def _array(array: np.ndarray, scalar: bool) -> dict[str, Any]:
    dtype = "str" if array.dtype.kind == "U" else array.dtype.name
    if dtype not in NUMBERS:
        raise InputError(
            "A saved answer can contain only arrays of numbers or strings. "
            f"Received: dtype {array.dtype}."
        )
    data = array.ravel().tolist()
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        data = [entry if math.isfinite(entry) else str(entry) for entry in data]
    kind = "scalar" if scalar else "array"
    return {KIND: kind, "dtype": dtype, "shape": list(array.shape), "data": data}


def decode(tree: Any, records: Mapping[str, type]) -> Any:
    """Convert the output of `encode` back to the original value; a set becomes a list.

    Args:
        tree: A value from JSON.
        records: Dataclasses and enumerations that may be built, by name.

    Raises:
        ValueError, KeyError: `encode` cannot produce this tree.
        TypeError: The fields of a record do not match its class.
    """
    if isinstance(tree, list):
        return tuple(decode(part, records) for part in tree)
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
            return [decode(part, records) for part in tree["items"]]
        case "dict":
            return {decode(k, records): decode(v, records) for k, v in tree["items"]}
    record = records.get(kind) if isinstance(kind, str) else None
    if record is None:
        raise ValueError(f"the value of {KIND!r} must be a kind of record, and is {kind!r}")
    parts = {name: decode(part, records) for name, part in tree.items() if name != KIND}
    if issubclass(record, Enum):
        return record[parts["name"]]
    return record(**parts)


def _from_numbers(tree: Mapping[str, Any]) -> np.ndarray:
    """Build an array; its shape must match the data, so a forged shape cannot allocate memory."""
    dtype = _one_of(tree["dtype"], NUMBERS)
    shape, data = tree["shape"], tree["data"]
    if not isinstance(data, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("an array does not consist of a list of entries and a valid shape")
    if math.prod(shape) != len(data):
        raise ValueError(f"an array of shape {shape} has {len(data)} entries")
    wanted = {"s": str, "b": bool, "f": (float, int), "i": int, "u": int}[dtype[0]]
    plain = [float(entry) if dtype[0] == "f" and entry in FLOATS else entry for entry in data]
    if not all(
        isinstance(entry, wanted) and (dtype == "bool") >= (type(entry) is bool) for entry in plain
    ):
        raise ValueError(f"an array of {dtype} contains values of another type")
    array = np.array(plain, dtype=None if dtype == "str" and plain else dtype)
    return array.reshape(shape)


def _one_of(value: Any, allowed: Any) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{value!r} is none of {sorted(allowed)}")
    return value
