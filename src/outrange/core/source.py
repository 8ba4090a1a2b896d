"""Hashes that identify the model and the property of an answer.

Files are hashed as by `sha256sum`, strings in UTF-8, and arrays by type,
shape and little-endian bytes. Equal digests only show that the hashed contents are equal.
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
"""Version of outrange, equal to `outrange.__version__` (checked by a test) and readable without
imports.
"""


@dataclass(frozen=True)
class _Source:
    """The name of a model or a property, with the hash of its content."""

    name: str
    sha256: str
    of: str

    def __str__(self) -> str:
        return f"{self.name}: SHA-256 of the {self.of} {self.sha256}"


class ModelSource(_Source):
    """A model identified by a hash.

    Args:
        name: The name of the model, or of its file.
        sha256: SHA-256 in hexadecimal digits.
        of: What is hashed: `"file"` for the bytes of the file, as by `sha256sum`; `"weights"`
            (Keras), `"tensors"` (PyTorch) or `"parameters"` (scikit-learn) for the type, shape and
            little-endian bytes of each array, in the model's own order;
            `"graph"` for the operations of a model that consists only of a graph.
    """


class PropertySource(_Source):
    """A property identified by a hash.

    Args:
        name: The name of its file, or the text of the property.
        sha256: SHA-256 in hexadecimal digits.
        of: What is hashed: `"file"` for the bytes of the file, as by `sha256sum`; `"text"` for the
            text of the property in UTF-8.
    """


@dataclass(frozen=True)
class Provenance:
    """The question behind an answer: the called function, its arguments and the property.

    The answer stores its models in `sources`, and the strength of its proof in `warrant`.

    Args:
        question: Name of the called function, such as `"verify"`; empty if none is recorded.
        version: The version of outrange.
        property: The property to be proved, if the question has one.
        arguments: Name and value of every other argument, defaults included. Short values are in
            Python syntax; longer values are replaced by their type and SHA-256.
    """

    question: str = ""
    version: str = ""
    property: PropertySource | None = None
    arguments: tuple[tuple[str, str], ...] = ()


def file_digest(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def text_digest(text: str) -> str:
    """Return the SHA-256 of a string in UTF-8.

    Example:
        >>> text_digest("y[0] <= 1")[:8]
        '740df627'
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def array_digest(arrays: Iterable[Any]) -> str:
    """Return the SHA-256 of arrays in order: type, shape and little-endian bytes of each."""
    digest = hashlib.sha256()
    for array in arrays:
        _hash_array(digest, np.asarray(array))
    return digest.hexdigest()


def value_digest(value: Any) -> str:
    """Return the SHA-256 of an argument made of numbers, strings, arrays, records, lists and dicts.

    Tables and instances of this library's classes are hashed by their contents. For any other
    object, only the name of its class is hashed.
    """
    digest = hashlib.sha256()
    _hash_value(digest, value)
    return digest.hexdigest()


def _hash_array(digest: Any, array: np.ndarray) -> None:
    little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
    digest.update(f"{little.dtype.name}{array.shape};".encode())
    digest.update(little.tobytes())


def _hash_value(digest: Any, value: Any) -> None:
    """Hash every part with a tag of its type and length, so that no two parts can run together."""
    if isinstance(value, Enum):
        _hash_value(digest, value.name)
    elif value is None or isinstance(value, bool | int | float | str | bytes):
        text = repr(value).encode("utf-8", "surrogatepass")
        digest.update(f"{type(value).__name__} {len(text)};".encode())
        digest.update(text)
    elif isinstance(value, Mapping):
        _hash_parts(digest, "mapping", [part for pair in value.items() for part in pair])
    elif isinstance(value, list | tuple):
        _hash_parts(digest, "sequence", value)
    elif hasattr(value, "columns") and hasattr(value, "to_numpy"):
        _hash_parts(digest, "table", [list(map(str, value.columns)), value.to_numpy()])
    elif is_dataclass(value) and not isinstance(value, type):
        parts = [(field.name, getattr(value, field.name)) for field in fields(value)]
        _hash_parts(digest, type(value).__name__, parts)
    elif type(value).__module__.startswith("outrange."):
        parts = sorted(vars(value).items()) if hasattr(value, "__dict__") else [str(value)]
        _hash_parts(digest, type(value).__qualname__, parts)
    elif hasattr(value, "__array__"):
        array = np.asarray(value)
        if array.dtype.kind == "O":
            _hash_parts(digest, "objects", [list(array.shape), array.ravel().tolist()])
        else:
            _hash_array(digest, array)
    else:
        _hash_value(digest, f"{type(value).__module__}.{type(value).__qualname__}")


def _hash_parts(digest: Any, kind: str, parts: Any) -> None:
    digest.update(f"{kind} {len(parts)};".encode())
    for part in parts:
        _hash_value(digest, part)
