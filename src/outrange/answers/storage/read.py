"""Reader of answer files; unexpected content is refused with a reason."""

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
from .encode import decode
from .write import FORMAT, VERSION


MOST_BYTES = 1 << 30
"""Maximum file size in bytes."""


def read_answer(path: str | os.PathLike, kinds: Sequence[type[Answer]]) -> Answer:
    """Read an answer from a file that `write` wrote; see `outrange.answers.read`.

    Args:
        kinds: Kinds of answers that the file may contain.
    """
    record = _json(Path(path))
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        name = record.get("format") if isinstance(record, dict) else type(record).__name__
        hint = ""
        if isinstance(name, str) and name.startswith("outrange."):
            hint = (
                " This file is the output of `as_dict` or `--format json`, which is meant for "
                "other programs."
            )
        raise InputError(
            f"A saved answer must be a file that `answer.save` wrote.{hint} Received: `{path}`."
        )
    version = record.get("version")
    if version != VERSION:
        newer = isinstance(version, int) and version > VERSION
        upgrade = " A newer release wrote this file; upgrade with `pip install -U outrange`."
        advice = upgrade if newer else ""
        raise InputError(
            f"This release reads version {VERSION} of answer files.{advice} "
            f"Received: version {version!r} in `{path}`."
        )
    names = [kind.FORMAT for kind in kinds]
    if record.get("kind") not in names:
        of = ", ".join(f"`{name}`" for name in names)
        raise InputError(
            f"The file must contain an answer of one of these kinds: {of}. "
            f"Received: `{path}`, which contains {record.get('kind')!r}."
        )
    try:
        answer = decode(record["answer"], known_records(kinds))
        if not isinstance(answer, Answer) or record["kind"] != answer.FORMAT:
            raise ValueError(f"it does not contain {record['kind']!r}")
        check_fields(answer)
        # Arrays with inconsistent shapes fail on first use.
        for render in (str, repr):
            render(answer)
    except (OutrangeError, LookupError, TypeError, ValueError, ArithmeticError, AttributeError,
            RecursionError, MemoryError) as error:  # fmt: skip
        reason = f"{type(error).__name__}: {error}"
        raise InputError(
            "A saved answer must not be modified after `answer.save` has written it. "
            f"Received: `{path}`, which is damaged ({reason[:300]})."
        ) from error
    return answer


def _json(path: Path) -> Any:
    try:
        if path.exists() and not path.is_file():
            raise InputError(
                "The path of a saved answer must be a file that `answer.save` wrote. "
                f"Received: `{path}`, which is not a file."
            )
        if path.stat().st_size > MOST_BYTES:
            raise InputError(
                f"A saved answer must have at most {MOST_BYTES:,} bytes. "
                f"Received: {path.stat().st_size:,} bytes in `{path}`."
            )
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"The file does not exist. Received: `{path}`.") from None
    except OSError as error:
        raise InputError(
            f"The file cannot be read ({error.strerror}). Received: `{path}`."
        ) from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            "A saved answer must be the JSON file that `answer.save` wrote. "
            f"Received: `{path}`, which is not JSON."
        ) from error


def known_records(kinds: Sequence[type[Answer]]) -> dict[str, type]:
    """Return a dict from name to class, for `kinds` and the outrange classes in their fields."""
    records: dict[str, type] = {}
    waiting: list[Any] = list(kinds)
    while waiting:
        hint = waiting.pop()
        waiting += get_args(hint)
        if _is_ours(hint) and hint.__name__ not in records:
            records[hint.__name__] = hint
            waiting += get_type_hints(hint).values() if is_dataclass(hint) else ()
    return records


def _is_ours(kind: Any) -> bool:
    return (
        isinstance(kind, type)
        and kind.__module__.startswith("outrange.")
        and (is_dataclass(kind) or issubclass(kind, Enum))
    )
