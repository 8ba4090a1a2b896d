"""The file of an answer, written: which answer, of which models, in which version."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
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
    path = Path(path)
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(json.dumps(record, allow_nan=False), encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(
            f"The answer cannot be written there ({error.strerror}). Received: `{path}`."
        ) from error
