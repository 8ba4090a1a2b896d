"""Readers of model files as networks in exact numbers, chosen by the file's suffix."""

import hashlib
import os
import struct
import zipfile
import zlib
from pathlib import Path

from ..network import Network, Refused
from .keras.reader import read_keras
from .onnx.reader import MOST_BYTES, read_onnx


_DAMAGED = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    MemoryError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""Exceptions that malformed bytes may cause."""


def read(path: str | os.PathLike[str]) -> tuple[Network, str]:
    """Read a model file.

    No code in the file is run, and no number in it is rounded.

    Args:
        path: A file with the suffix `.onnx`, `.onnx.gz` or `.keras`.

    Returns:
        The network, and the SHA-256 of the file's bytes in hexadecimal digits.

    Raises:
        Refused: The file does not exist, is damaged or too large, or contains something
            unsupported.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as wrong:
        raise Refused(f"`{path}` cannot be opened ({wrong.strerror})") from None
    if len(data) > MOST_BYTES:
        raise Refused(f"`{path}` has more than {MOST_BYTES} bytes")
    try:
        return read_bytes(data, Path(path).name), hashlib.sha256(data).hexdigest()
    except Refused as wrong:
        said = "".join(c if c.isprintable() else "?" for c in str(wrong)[:500])
        raise Refused(f"`{path}`: {said}") from None


def read_bytes(data: bytes, name: str) -> Network:
    """Read the bytes of a model file.

    Args:
        data: All bytes of the file.
        name: Name of the file; its suffix determines the format.

    Raises:
        Refused: The bytes are damaged, or contain something unsupported.
    """
    ends = name.lower()
    try:
        if ends.endswith((".onnx", ".onnx.gz")):
            return read_onnx(data, ends.endswith(".gz"))
        if ends.endswith(".keras"):
            return read_keras(data)
    except _DAMAGED as wrong:
        raise Refused(f"the file is damaged ({type(wrong).__name__}: {wrong})") from None
    raise Refused("the file is not a supported model file (.onnx, .onnx.gz or .keras)")
