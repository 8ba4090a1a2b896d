"""Payloads: data shared by many tasks, such as a model, serialized once and identified by hash."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ..core import InputError, pip_install


@dataclass(frozen=True, eq=False)
class Payload:
    """Serialized data and its hash.

    Args:
        data: The serialized data.
        digest: SHA-256 of `data`, in hexadecimal.
    """

    data: bytes
    digest: str

    @classmethod
    def of(cls, value: Any) -> Payload:
        """Create a payload by serializing a Python object."""
        return cls.of_bytes(serialize(value))

    @classmethod
    def of_bytes(cls, data: bytes) -> Payload:
        """Create a payload from existing bytes, such as the content of a file."""
        return cls(data, sha256(data).hexdigest())


def serialize(value: Any) -> bytes:
    """Pickle an object with cloudpickle, including the nested functions that a graph contains.

    Raises:
        InputError: The `cloudpickle` package is not installed.
    """
    try:
        import cloudpickle
    except ImportError:
        raise InputError(
            "An executor needs cloudpickle to serialize its tasks: run "
            f"{pip_install('distributed')}. Received: an `executor` in an environment without "
            "cloudpickle."
        ) from None
    return cloudpickle.dumps(value)


def deserialize(data: bytes) -> Any:
    """Restore an object from the bytes of `serialize`."""
    import cloudpickle

    return cloudpickle.loads(data)
