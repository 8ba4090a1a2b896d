"""Safety check of `.pt2` files before PyTorch opens them."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...core import ModelError


_OPERATION = re.compile(r"torch\.ops\.(aten|prims)\.\w+(\.\w+)?|_operator\.getitem")
"""Pattern of the permitted call targets in PyTorch and Python; others might be any function."""

_SYMBOL = r"Symbol\('[su]\d+'(, (positive|integer|nonnegative)=True)*\)"

_EXPRESSION = re.compile(rf"({_SYMBOL}|Integer\(-?\d+\)|[su]\d+|[\d\s+*()/-])*")
"""Pattern of the permitted size formulas, which PyTorch evaluates as code."""

_LARGEST = 1 << 30


def check(path: Path) -> None:
    """Reject a `.pt2` file with a call target or a size formula that could run arbitrary code.

    Raises:
        ModelError: The file is not an archive with readable JSON files of moderate size, or one of
            these files contains a call target or a size formula that is not permitted.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.filename.endswith(".json"):
                    continue
                if info.file_size > _LARGEST:
                    raise ModelError(
                        f"The JSON files inside `{path.name}` must have at most {_LARGEST} "
                        f"bytes each; export the module again. Received: `{info.filename}` of "
                        f"{info.file_size} bytes."
                    )
                for key, value in _fields(json.loads(archive.read(info))):
                    _check_field(path, key, value)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ModelError(
            f"`{path.name}` must be a program saved by `torch.export.save`. "
            f"Received: {type(error).__name__}: {error}."
        ) from None


def _check_field(path: Path, key: str, value: Any) -> None:
    if not isinstance(value, str):
        return
    bad = key == "target" and "." in value and value.split(".")[0] in ("torch", "_operator", "math")
    bad = bad and not _OPERATION.fullmatch(value)
    bad |= key == "target" and value.startswith("#")
    bad |= key in ("expr_str", "as_expr") and not _EXPRESSION.fullmatch(value)
    if bad:
        raise ModelError(
            f"`{path.name}` contains `{value[:80]}`, which PyTorch would run as code. If you trust "
            "the file, use `outrange.load(file, safe_mode=False)`. "
            f"Received: {key}={value[:80]!r}."
        )


def _fields(tree: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield key, value
            yield from _fields(value)
    elif isinstance(tree, list):
        for part in tree:
            yield from _fields(part)
