"""Payloads: data shared by many tasks (a model, a problem), serialized once and named by hash."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ..core import InputError, pip_install


@dataclass(frozen=True, eq=False)
class Payload:
    """Bytes and their hash.

    Args:
        digest: SHA-256 of `data`, in hexadecimal.
    """

    data: bytes
    digest: str

    @classmethod
    def of(cls, value: Any) -> Payload:
        """Serialize a Python object."""
        return cls.of_bytes(serialize(value))

    @classmethod
    def of_bytes(cls, data: bytes) -> Payload:
        """Wrap existing bytes, such as the content of a file."""
        return cls(data, sha256(data).hexdigest())


def serialize(value: Any) -> bytes:
    """Pickle an object, including the nested functions that a graph holds.

    Raises:
        InputError: `cloudpickle`, the package that does it, is not installed.
    """
    try:
        import cloudpickle
    except ImportError:
        raise InputError(
            f"Work for other processes is serialized by cloudpickle: {pip_install('distributed')}. "
            "Received: executor=..., without it."
        ) from None
    return cloudpickle.dumps(value)


def deserialize(data: bytes) -> Any:
    """Restore an object from the bytes of `serialize`."""
    import cloudpickle

    return cloudpickle.loads(data)
