"""Files for the results of many instances, written immediately so that a killed run loses none.

`results.jsonl` is the record, with one line per result, appended and flushed to disk. `results.csv`
is the table, with one row per instance, written after the record. If a run is killed while it
writes, the next start removes the incomplete line and completes the table from the record.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from ...core import VERSION, InputError
from .instances import Instance, Key, key_of
from .locked_file import BINARY, append, content, lock, sync_folder


OLD_COLUMNS = ("onnx", "vnnlib", "verdict", "seconds", "detail", "files")
"""Columns of older tables, which had no provenance. An older table is read, and rewritten with all
columns."""

ORIGIN = ("model_sha256", "property_sha256", "version", "seed", "time_limit", "warrant")

COLUMNS = (*OLD_COLUMNS, *ORIGIN)

LONGEST = 1000
"""Maximum number of characters of a result's `detail`."""

DECIDED = ("sat", "unsat")

OPEN_VERDICTS = ("unknown", "timeout", "error")


@dataclass(frozen=True)
class Result:
    """The outcome of one instance.

    Args:
        onnx: Name of the model in the list of instances.
        vnnlib: Name of the property in the list of instances.
        verdict: A verdict in `DECIDED` or `OPEN_VERDICTS`.
        detail: Reason for an open verdict, or a remark on a decided one.
        x: Flat input of the counterexample.
        y: Flat output of the model at `x`.
        files: Digest of the model file and the property file; the result is void if the digest
            changes.
        model_sha256: SHA-256 of the model's file as read; empty if no model was read.
        property_sha256: SHA-256 of the property's file as read; empty if no file was read.
        seed: Seed of the counterexample search.
        time_limit: Time limit in seconds.
        warrant: Name of the `Warrant`, the kind of evidence behind the verdict.
    """

    onnx: str
    vnnlib: str
    verdict: str
    seconds: float
    detail: str = ""
    x: list[float] | None = None
    y: list[float] | None = None
    files: str = ""
    model_sha256: str = ""
    property_sha256: str = ""
    version: str = ""
    seed: str = ""
    time_limit: str = ""
    warrant: str = ""

    @property
    def key(self) -> Key:
        return key_of(self.onnx, self.vnnlib)


def result_of(
    task: Instance,
    files: str,
    seed: int,
    verdict: str,
    detail: str,
    seconds: float,
    **more: Any,
) -> Result:
    """Build the result from a worker's answer.

    Args:
        task: The instance.
        files: Digest of the instance's files when the task was sent. If they have changed since,
            the result gets no digest, so that the instance is decided again.
        seed: Seed of the counterexample search.
        verdict: Verdict in the answer.
        detail: Detail in the answer; shortened if it is too long.
        **more: Other fields of the result.
    """
    return Result(
        task.onnx,
        task.vnnlib,
        verdict,
        round(seconds, 4),
        " ".join(detail.split())[:LONGEST],
        files=files if task.files == files else "",  # overwritten during the run
        version=VERSION,
        seed=str(seed),
        time_limit=f"{task.seconds:g}",
        **more,
    )


class Results:
    """Writer of two result files, a table and a record, which stay open; the record is locked.

    Args:
        path: The table, a `.csv` file; the record has the same name with `.jsonl`.

    Raises:
        InputError: The files are not result files, cannot be written, or are locked by another run.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() != ".csv":
            raise InputError(f"--file must be a file ending in .csv. Received: `{path}`.")
        for file in (path, path.with_suffix(".jsonl")):
            if file.exists() and not file.is_file():
                raise InputError(
                    "--file and the .jsonl file next to it must be regular files. "
                    f"Received: `{file}`, which is not a regular file."
                )
        self._path, self._record = path, path.with_suffix(".jsonl")
        self._file = self._table = -1
        self.known: dict[Key, Result] = {}

    def __enter__(self) -> Self:
        _read_table(*self._table_lines(), self._path)  # before a record file is created next to it
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | BINARY
            self._file = os.open(self._record, flags, 0o644)
            lock(self._file, self._path)
            self._restore()
        except OSError as error:
            self.__exit__()
            raise self._unwritable(error) from None
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._file, self._table):
            if file >= 0:
                os.close(file)
        self._file = self._table = -1

    def add(self, result: Result) -> None:
        """Write a result to both files, and return once it is on disk.

        Raises:
            InputError: The files cannot be written.
        """
        is_known = result.key in self.known
        self.known[result.key] = result
        filled = {name: v for name, v in asdict(result).items() if v is not None}
        try:
            append(self._file, json.dumps(filled) + "\n")
            if is_known:
                self._rewrite()
            else:
                append(self._table, _rows([result]))
        except OSError as error:
            raise self._unwritable(error) from None

    def _restore(self) -> None:
        """Read both files and bring the table up to date with the record."""
        table, torn = self._table_lines()
        self.known = {result.key: result for result in _read_table(table, torn, self._path)}
        as_written = dict(self.known)
        lines, cut = _whole_lines(content(self._file))
        for result in _read_record(lines, cut, self._record):
            self.known[result.key] = result
        # A `sat` result whose counterexample is missing from the record is decided again.
        self.known = {
            key: result
            for key, result in self.known.items()
            if result.verdict != "sat" or result.x is not None
        }
        if cut:
            os.ftruncate(self._file, len(lines))
        shown = {key: replace(result, x=None, y=None) for key, result in self.known.items()}
        old = not table.startswith(f"{','.join(COLUMNS)}\n".encode())
        if torn or shown != as_written or old:
            self._rewrite()
        else:
            self._reopen()

    def _table_lines(self) -> tuple[bytes, bytes]:
        return _whole_lines(self._path.read_bytes() if self._path.exists() else b"")

    def _rewrite(self) -> None:
        """Replace the table atomically: a killed process leaves either the old or the new one."""
        part = self._path.with_name(f"{self._path.name}.part")
        file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | BINARY, 0o644)
        try:
            append(file, ",".join(COLUMNS) + "\n" + _rows(list(self.known.values())))
        finally:
            os.close(file)
        self._close_table()  # Windows cannot replace an open file.
        os.replace(part, self._path)
        sync_folder(self._path.parent)
        self._reopen()

    def _reopen(self) -> None:
        self._close_table()
        self._table = os.open(self._path, os.O_WRONLY | os.O_APPEND | BINARY)

    def _close_table(self) -> None:
        file, self._table = self._table, -1
        if file >= 0:
            os.close(file)

    def _unwritable(self, error: OSError) -> InputError:
        return InputError(
            f"The results cannot be written ({error.strerror}). Received: --file `{self._path}`."
        )


def _rows(results: list[Result]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for result in results:
        writer.writerow([getattr(result, name) for name in COLUMNS])
    return text.getvalue()


def _whole_lines(data: bytes) -> tuple[bytes, bytes]:
    """Return the complete lines of a file, and its incomplete last line, which may be empty."""
    end = data.rfind(b"\n") + 1
    return data[:end], data[end:]


def _read_table(data: bytes, torn: bytes, path: Path) -> list[Result]:
    try:
        rows = list(csv.reader(io.StringIO(data.decode(errors="replace"))))
    except csv.Error:
        rows = [["?"]]
    headers = (list(COLUMNS), list(OLD_COLUMNS))
    if (rows and rows[0] not in headers) or (torn and not rows):
        raise InputError(
            f"An existing --file must be a table of results, whose first line is "
            f"{','.join(COLUMNS)}. Received: `{path}`, which is not such a table."
        )
    return [_result(dict(zip(rows[0], row, strict=False)), path) for row in rows[1:]]


def _read_record(data: bytes, torn: bytes, path: Path) -> list[Result]:
    start = b'{"onnx": '
    lines = data.decode(errors="replace").splitlines()
    if torn[: len(start)] != start[: len(torn)] and torn.strip(b"\0"):
        lines.append(torn.decode(errors="replace"))  # Foreign content: refused, and preserved.
    results = []
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        results.append(_result(record if isinstance(record, dict) else {"line": line}, path))
    return results


def _result(record: dict[str, Any], path: Path) -> Result:
    try:
        result = Result(**{**record, "seconds": float(record["seconds"])})
    except (KeyError, TypeError, ValueError):
        result = None
    if result is None or result.verdict not in (*DECIDED, *OPEN_VERDICTS):
        raise InputError(
            f"`{path}` contains a line that is not a result; remove it, or choose another --file. "
            f"Received: {str(record)[:80]}."
        )
    return result


def still_open(
    instances: Sequence[Instance], known: dict[Key, Result], retry: Sequence[str]
) -> list[Instance]:
    """Return the instances without a result, with changed files, or with a verdict to retry.

    Args:
        known: Results of earlier runs.
        retry: Verdicts for which instances are decided again.
    """
    return [i for i in instances if _is_open(i, known.get(i.key), {*retry})]


def _is_open(instance: Instance, result: Result | None, again: set[str]) -> bool:
    if result is None or result.files != instance.files:
        return True  # The known verdict is about another model or property of the same name.
    return result.verdict not in DECIDED and (result.verdict in again or "all" in again)
