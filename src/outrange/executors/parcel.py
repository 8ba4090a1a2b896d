"""What many tasks are about (a model, a problem), packed once and told by its hash."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ..core import InputError, pip_install


@dataclass(frozen=True, eq=False)
class Parcel:
    """Bytes and their hash.

    Args:
        data: The bytes.
        digest: SHA-256 of them, in hexadecimal.
    """

    data: bytes
    digest: str

    @classmethod
    def of(cls, thing: Any) -> Parcel:
        """A Python object, pickled."""
        return cls.of_bytes(packed(thing))

    @classmethod
    def of_bytes(cls, data: bytes) -> Parcel:
        """The content of a file, say."""
        return cls(data, sha256(data).hexdigest())


def packed(thing: Any) -> bytes:
    """A pickle: a graph holds functions that are written inside others, which only this one packs.

    Raises:
        InputError: The package that does it is not installed.
    """
    try:
        import cloudpickle
    except ImportError:
        raise InputError(
            f"Work for other processes is packed by cloudpickle: {pip_install('distributed')}. "
            "Received: executor=..., without it."
        ) from None
    return cloudpickle.dumps(thing)


def unpacked(data: bytes) -> Any:
    """What was packed, on a worker."""
    import cloudpickle

    return cloudpickle.loads(data)
