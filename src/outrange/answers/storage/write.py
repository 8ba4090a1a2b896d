"""The file of an answer, written: which answer, of which models, in which version."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...core import InputError, ModelSource
from .encode import encoded


FORMAT, VERSION = "outrange.answer", 1


def write(answer: Any, kind: str, models: Sequence[ModelSource], path: str | os.PathLike) -> None:
    """Write an answer, in full or not at all; `Answer.save` documents it."""
    record = {
        "format": FORMAT,
        "version": VERSION,
        "kind": kind,
        "models": [str(model) for model in models],
        "answer": encoded(answer),
    }
    write_text("answer", json.dumps(record, allow_nan=False), path)


def write_text(what: str, text: str, path: str | os.PathLike) -> None:
    """Write a file in full or not at all.

    Args:
        what: What it is, for the message.
        text: Its content.
        path: The file, replaced if it exists.

    Raises:
        InputError: It cannot be written there.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        # Where the folder is a file, or the name too long, there is nothing to take away either.
        with suppress(OSError):
            part.unlink()
        raise InputError(
            f"The {what} cannot be written there ({error.strerror}). Received: `{path}`."
        ) from error
