"""The file of an answer: which answer, of which model, by which version of the format."""

from __future__ import annotations

import json
import os
from dataclasses import is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from ...core import InputError, OutrangeError
from ..answer import Answer
from .check import check_fields
from .encode import decoded, encoded


FORMAT, VERSION = "outrange.answer", 1

MOST_BYTES = 1 << 30
"""A larger file is not read."""


def write(answer: Answer, path: str | os.PathLike) -> None:
    """Write an answer, in full or not at all; `Answer.save` documents it."""
    record = {
        "format": FORMAT,
        "version": VERSION,
        "kind": answer.FORMAT,
        "models": [encoded(source) for source in answer.sources],
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


def read_answer(path: str | os.PathLike) -> Answer:
    """Read what `write` wrote; `outrange.read` documents it."""
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
    try:
        answer = decoded(record["answer"], known_records())
        if not isinstance(answer, Answer) or record["kind"] != answer.FORMAT:
            raise ValueError(f"it holds no {record['kind']!r}")
        check_fields(answer)
        # Arrays that do not fit each other show when they are first used.
        assert str(answer) and repr(answer)
    except (OutrangeError, LookupError, TypeError, ValueError, ArithmeticError, AttributeError,
            RecursionError) as error:  # fmt: skip
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
    except OSError as error:
        raise InputError(
            f"There is no such file ({error.strerror}). Received: `{path}`."
        ) from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            "A file of an answer is the JSON that `answer.save` wrote. "
            f"Received: `{path}`, which is no JSON."
        ) from error


@cache
def known_records() -> dict[str, type]:
    """Every class that a file may hold, by name: the answers, and what their fields hold."""
    from .. import (
        advice,
        answer,
        bad_inputs,
        counterexamples,
        dead_start,
        diagnosis,
        monotone,
        optimum,
        range as ranges,
        robust_accuracy,
        robustness,
        sampled,
        summary,
        verdict,
    )
    from ..regions import locator, piece
    from ..study import study, trials

    homes = (
        advice, answer, bad_inputs, counterexamples, dead_start, diagnosis, monotone, optimum,
        ranges, robust_accuracy, robustness, sampled, summary, verdict, locator, piece, study,
        trials,
    )  # fmt: skip
    found = [thing for home in homes for thing in vars(home).values() if isinstance(thing, type)]
    return {
        kind.__name__: kind
        for kind in found
        if (is_dataclass(kind) and ".render." not in kind.__module__)
        or (issubclass(kind, Enum) and kind is not Enum)
    }
