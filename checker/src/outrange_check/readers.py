"""Model files as networks in exact numbers, by the ends of their names."""

import hashlib
import os
from pathlib import Path

from .network import Network, Refused
from .onnx_reader import MOST_BYTES, read_onnx


def read(path: str | os.PathLike[str]) -> tuple[Network, str]:
    """Read a model file.

    Nothing of the file is executed, and nothing of it is rounded.

    Args:
        path: Ends in `.onnx` or `.onnx.gz`.

    Returns:
        The network, and the SHA-256 of the file's bytes in hexadecimal digits.

    Raises:
        Refused: There is no such file, it is damaged or too large, or it holds what is not read.
    """
    name = Path(path).name.lower()
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as wrong:
        raise Refused(f"`{path}` cannot be opened ({wrong.strerror})") from None
    if len(data) > MOST_BYTES:
        raise Refused(f"`{path}` has more than {MOST_BYTES} bytes")
    digest = hashlib.sha256(data).hexdigest()
    try:
        if name.endswith((".onnx", ".onnx.gz")):
            return read_onnx(data, name.endswith(".gz")), digest
    except Refused as wrong:
        raise Refused(f"`{path}`: {wrong}") from None
    raise Refused(f"`{path}` is no model file that is read: .onnx, .onnx.gz")
