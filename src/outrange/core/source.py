"""Which model and which property an answer is about, told by hashes for whoever finds it later.

This is the one place that hashes: a file as `sha256sum` does it, a text in UTF-8, an array by its
type, its shape and its little-endian bytes. A digest says that two things are the same, no more.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np


VERSION = "0.1.0"
"""Of outrange, as `outrange.__version__` says it without importing anything; a test compares."""


@dataclass(frozen=True)
class _Source:
    """Something told by a hash."""

    name: str
    sha256: str
    of: str

    def __str__(self) -> str:
        return f"{self.name}: SHA-256 of the {self.of} {self.sha256}"


class ModelSource(_Source):
    """One model, told by a hash.

    Args:
        name: The model's name, or that of its file.
        sha256: SHA-256 in hexadecimal digits.
        of: What was hashed: `"file"`, its bytes, as `sha256sum` prints it; or `"weights"`, each
            array's type, shape and little-endian bytes, in the model's own order.
    """


class PropertySource(_Source):
    """One property, told by a hash.

    Args:
        name: The name of its file, or the property as it was written out.
        sha256: SHA-256 in hexadecimal digits.
        of: What was hashed: `"file"`, its bytes, as `sha256sum` prints it; or `"text"`, the
            property as it was written out, in UTF-8.
    """


@dataclass(frozen=True)
class Provenance:
    """What was asked when an answer was found: whoever asks the same of the same gets the same.

    The models are `sources` of the answer, what stands behind it is its `warrant`.

    Args:
        question: The function that was called, `"verify"`; empty where none is recorded.
        version: Of outrange.
        property: What shall hold, where the question has one.
        arguments: Name and value of every other argument, defaults included: short ones as they
            are written in Python, of others their kind and SHA-256.
    """

    question: str = ""
    version: str = ""
    property: PropertySource | None = None
    arguments: tuple[tuple[str, str], ...] = ()


def file_digest(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def text_digest(text: str) -> str:
    """The SHA-256 of a text in UTF-8.

    Example:
        >>> text_digest("y[0] <= 1")[:8]
        '740df627'
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def array_digest(arrays: Iterable[Any]) -> str:
    """The SHA-256 of arrays in their order: type, shape and little-endian bytes of each."""
    found = hashlib.sha256()
    for array in arrays:
        _take_array(found, np.asarray(array))
    return found.hexdigest()


def value_digest(value: Any) -> str:
    """The SHA-256 of an argument: numbers, texts, arrays, records and collections of them.

    Of anything else only the class counts, since its address says nothing.
    """
    found = hashlib.sha256()
    _take(found, value)
    return found.hexdigest()


def _take_array(found: Any, array: np.ndarray) -> None:
    little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
    found.update(f"{little.dtype.name}{array.shape};".encode())
    found.update(little.tobytes())


def _take(found: Any, value: Any) -> None:
    """Every part under a tag of its kind, its length stated, so that none runs into the next."""
    if isinstance(value, Enum):
        _take(found, value.name)
    elif value is None or isinstance(value, bool | int | float | str | bytes):
        text = repr(value).encode("utf-8", "surrogatepass")
        found.update(f"{type(value).__name__} {len(text)};".encode())
        found.update(text)
    elif isinstance(value, Mapping):
        _take_parts(found, "mapping", [part for pair in value.items() for part in pair])
    elif isinstance(value, list | tuple):
        _take_parts(found, "sequence", value)
    elif hasattr(value, "columns") and hasattr(value, "to_numpy"):
        _take_parts(found, "table", [list(map(str, value.columns)), value.to_numpy()])
    elif is_dataclass(value) and not isinstance(value, type):
        parts = [(one.name, getattr(value, one.name)) for one in fields(value)]
        _take_parts(found, type(value).__name__, parts)
    elif type(value).__module__.startswith("outrange."):
        parts = sorted(vars(value).items()) if hasattr(value, "__dict__") else [str(value)]
        _take_parts(found, type(value).__qualname__, parts)
    elif hasattr(value, "__array__"):
        array = np.asarray(value)
        if array.dtype.kind == "O":
            _take_parts(found, "objects", [list(array.shape), array.ravel().tolist()])
        else:
            _take_array(found, array)
    else:
        _take(found, f"{type(value).__module__}.{type(value).__qualname__}")


def _take_parts(found: Any, kind: str, parts: Any) -> None:
    found.update(f"{kind} {len(parts)};".encode())
    for part in parts:
        _take(found, part)
