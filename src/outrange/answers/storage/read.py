"""The file of an answer, read: whatever does not fit is refused with a reason."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints

from ...core import InputError, OutrangeError
from ..answer import Answer
from .check import check_fields
from .encode import decoded
from .write import FORMAT, VERSION


MOST_BYTES = 1 << 30
"""A larger file is not read."""


def read_answer(path: str | os.PathLike, kinds: Sequence[type[Answer]]) -> Answer:
    """Read what `write` wrote; `outrange.read` documents it.

    Args:
        path: The file.
        kinds: What it may hold.
    """
    record = _json(Path(path))
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        told = record.get("format") if isinstance(record, dict) else type(record).__name__
        hint = ""
        if isinstance(told, str) and told.startswith("outrange."):
            hint = " This one is what `as_dict` or `--json` gives, for other programs to read."
        raise InputError(
            f"A file of an answer is what `answer.save` wrote.{hint} Received: `{path}`."
        )
    version = record.get("version")
    if version != VERSION:
        newer = isinstance(version, int) and version > VERSION
        advice = " A newer outrange wrote it: `pip install -U outrange`." if newer else ""
        raise InputError(
            f"This release reads version {VERSION} of files of answers.{advice} "
            f"Received: version {version!r} in `{path}`."
        )
    names = [kind.FORMAT for kind in kinds]
    if record.get("kind") not in names:
        of = ", ".join(f"`{name}`" for name in names)
        raise InputError(
            f"What the file of an answer may hold here is {of}. "
            f"Received: `{path}`, which holds {record.get('kind')!r}."
        )
    try:
        answer = decoded(record["answer"], known_records(kinds))
        if not isinstance(answer, Answer) or record["kind"] != answer.FORMAT:
            raise ValueError(f"it holds no {record['kind']!r}")
        check_fields(answer)
        # Arrays that do not fit each other show when they are first used.
        for shown in (str, repr):
            shown(answer)
    except (OutrangeError, LookupError, TypeError, ValueError, ArithmeticError, AttributeError,
            RecursionError, MemoryError) as error:  # fmt: skip
        told = f"{type(error).__name__}: {error}"
        raise InputError(
            "A file of an answer is what `answer.save` wrote, unchanged. "
            f"Received: `{path}`, which is damaged ({told[:300]})."
        ) from error
    return answer


def _json(path: Path) -> Any:
    try:
        if path.exists() and not path.is_file():
            raise InputError(
                f"A file of an answer is needed. Received: `{path}`, which is no file."
            )
        if path.stat().st_size > MOST_BYTES:
            raise InputError(
                f"A file of an answer has at most {MOST_BYTES:,} bytes. "
                f"Received: {path.stat().st_size:,} in `{path}`."
            )
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"There is no such file. Received: `{path}`.") from None
    except OSError as error:
        raise InputError(
            f"The file cannot be read ({error.strerror}). Received: `{path}`."
        ) from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            "A file of an answer is the JSON that `answer.save` wrote. "
            f"Received: `{path}`, which is no JSON."
        ) from error


def known_records(kinds: Sequence[type[Answer]]) -> dict[str, type]:
    """Every class that a file may hold, by name: the answers, and what their fields hold."""
    found: dict[str, type] = {}
    waiting: list[Any] = list(kinds)
    while waiting:
        hint = waiting.pop()
        waiting += get_args(hint)
        if _is_ours(hint) and hint.__name__ not in found:
            found[hint.__name__] = hint
            waiting += get_type_hints(hint).values() if is_dataclass(hint) else ()
    return found


def _is_ours(kind: Any) -> bool:
    return (
        isinstance(kind, type)
        and kind.__module__.startswith("outrange.")
        and (is_dataclass(kind) or issubclass(kind, Enum))
    )
