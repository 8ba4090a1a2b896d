"""Writer of answer files, which also record the models and the format version."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...core import InputError, ModelSource
from .encode import encode


FORMAT, VERSION = "outrange.answer", 1


def write(answer: Any, kind: str, models: Sequence[ModelSource], path: str | os.PathLike) -> None:
    """Write an answer to a file, completely or not at all; see `Answer.save`."""
    record = {
        "format": FORMAT,
        "version": VERSION,
        "kind": kind,
        "models": [str(model) for model in models],
        "answer": encode(answer),
    }
    write_text("answer", json.dumps(record, allow_nan=False), path)


def write_text(what: str, text: str, path: str | os.PathLike) -> None:
    """Write a file completely or not at all.

    Args:
        what: Kind of content, for messages.
        text: Content of the file.
        path: The file, replaced if it exists.

    Raises:
        InputError: The file cannot be written.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        # If the folder is a file, or the name is too long, there is no partial file to remove.
        with suppress(OSError):
            part.unlink()
        raise InputError(
            f"The {what} cannot be written ({error.strerror}). Received: `{path}`."
        ) from error
