"""The results of many instances, on disk as soon as each is known; a kill loses none of them.

`results.jsonl` is the record: one line a result, appended and flushed to the disk. `results.csv`
is its table, one row an instance, written after it. Whichever of the two a kill cut short is
mended from the other on the next start.
"""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from ...core import InputError
from .instances import Key, key_of


COLUMNS = ("onnx", "vnnlib", "verdict", "seconds", "detail", "files")

LOCKED = 2**31 - 2
"""The byte that is locked on Windows: the last one that it can lock."""

BINARY = getattr(os, "O_BINARY", 0)
"""Windows writes other line ends without it."""

DECIDED = ("sat", "unsat")

OPEN_VERDICTS = ("unknown", "timeout", "error")


@dataclass(frozen=True)
class Result:
    """What became of one instance.

    Args:
        onnx: The model, as the list of instances names it.
        vnnlib: The property, likewise.
        verdict: One of `DECIDED` or `OPEN_VERDICTS`.
        seconds: Time it took.
        detail: Why it is open, or what is to be known of a decision.
        x: The flat input of the counterexample.
        y: What the model returned there, flat.
        files: Digest of the two files that were asked about; another one is another question.
    """

    onnx: str
    vnnlib: str
    verdict: str
    seconds: float
    detail: str = ""
    x: list[float] | None = None
    y: list[float] | None = None
    files: str = ""

    @property
    def key(self) -> Key:
        return key_of(self.onnx, self.vnnlib)


class Results:
    """The two files, held open and locked.

    Args:
        path: The table, a `.csv` file; the record lies beside it.

    Raises:
        InputError: The files are not ours, cannot be written, or another run has them.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() != ".csv":
            raise InputError(f"--out is a file ending in .csv. Received: `{path}`.")
        for file in (path, path.with_suffix(".jsonl")):
            if file.exists() and not file.is_file():
                raise InputError(
                    "--out and the .jsonl file beside it are regular files: results are read back. "
                    f"Received: `{file}`, which is none."
                )
        self._path, self._record = path, path.with_suffix(".jsonl")
        self._file = self._table = -1
        self.known: dict[Key, Result] = {}

    def __enter__(self) -> Self:
        _read_table(*self._table_lines(), self._path)  # before a file is made beside it
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | BINARY
            self._file = os.open(self._record, flags, 0o644)
            _lock(self._file, self._path)
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
        """Put a result on the disk; it is there when this returns.

        Raises:
            InputError: The disk does not take it.
        """
        known = result.key in self.known
        self.known[result.key] = result
        filled = {name: v for name, v in asdict(result).items() if v is not None}
        try:
            _append(self._file, json.dumps(filled) + "\n")
            if known:
                self._rewrite()
            else:
                _append(self._table, _rows([result]))
        except OSError as error:
            raise self._unwritable(error) from None

    def _restore(self) -> None:
        """Read both files, and make the table say what the record says."""
        table, torn = self._table_lines()
        self.known = {result.key: result for result in _read_table(table, torn, self._path)}
        as_written = dict(self.known)
        lines, cut = _whole_lines(_content(self._file))
        for result in _read_record(lines, cut, self._record):
            self.known[result.key] = result
        # A counterexample that the record lost is looked for again.
        self.known = {
            key: result
            for key, result in self.known.items()
            if result.verdict != "sat" or result.x is not None
        }
        if cut:
            os.ftruncate(self._file, len(lines))
        shown = {key: replace(result, x=None, y=None) for key, result in self.known.items()}
        if torn or shown != as_written or not table:
            self._rewrite()
        else:
            self._reopen()

    def _table_lines(self) -> tuple[bytes, bytes]:
        return _whole_lines(self._path.read_bytes() if self._path.exists() else b"")

    def _rewrite(self) -> None:
        """The table anew, in one step: a kill leaves the old one or the new one."""
        part = self._path.with_name(f"{self._path.name}.part")
        file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | BINARY, 0o644)
        try:
            _append(file, ",".join(COLUMNS) + "\n" + _rows(list(self.known.values())))
        finally:
            os.close(file)
        self._close_table()  # Windows replaces no file that is open.
        os.replace(part, self._path)
        _sync_folder(self._path.parent)
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
            f"The results cannot be written ({error.strerror}). Received: --out `{self._path}`."
        )


def _lock(file: int, path: Path) -> None:
    """Until the process ends, however it does. Where there are no such locks, none is taken."""
    try:
        _lock_of_system(file)
    except (BlockingIOError, PermissionError):
        raise InputError(
            "Another run is writing these results; wait for it, or choose another --out. "
            f"Received: `{path}`."
        ) from None
    except OSError:
        return  # a file system without locks


def _lock_of_system(file: int) -> None:
    try:
        import fcntl
    except ImportError:
        _lock_of_windows(file)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock_of_windows(file: int) -> None:
    """One byte far behind the end, since Windows keeps others from reading what is locked."""
    try:
        import msvcrt
    except ImportError:
        return
    place = os.lseek(file, 0, os.SEEK_CUR)
    os.lseek(file, LOCKED, os.SEEK_SET)
    try:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue]
    finally:
        os.lseek(file, place, os.SEEK_SET)


def _content(file: int) -> bytes:
    """All of an open file; what is appended to it goes to its end all the same."""
    os.lseek(file, 0, os.SEEK_SET)
    parts = []
    while part := os.read(file, 2**20):
        parts.append(part)
    return b"".join(parts)


def _append(file: int, text: str) -> None:
    data = text.encode()
    while data:
        data = data[os.write(file, data) :]
    os.fsync(file)


def _sync_folder(folder: Path) -> None:
    """A new name is on the disk too, where the system can say so."""
    try:
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
    except OSError:
        return


def _rows(results: list[Result]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for result in results:
        writer.writerow([getattr(result, name) for name in COLUMNS])
    return text.getvalue()


def _whole_lines(data: bytes) -> tuple[bytes, bytes]:
    """The lines that were written to their end, and what is left."""
    end = data.rfind(b"\n") + 1
    return data[:end], data[end:]


def _read_table(data: bytes, torn: bytes, path: Path) -> list[Result]:
    try:
        rows = list(csv.reader(io.StringIO(data.decode(errors="replace"))))
    except csv.Error:
        rows = [["?"]]
    if (rows and rows[0] != list(COLUMNS)) or (torn and not rows):
        raise InputError(
            f"--out holds something else than results; their first line is {','.join(COLUMNS)}. "
            f"Received: `{path}`."
        )
    return [_result(dict(zip(COLUMNS, row, strict=False)), path) for row in rows[1:]]


def _read_record(data: bytes, torn: bytes, path: Path) -> list[Result]:
    start = b'{"onnx": '
    lines = data.decode(errors="replace").splitlines()
    if torn[: len(start)] != start[: len(torn)] and torn.strip(b"\0"):
        lines.append(torn.decode(errors="replace"))  # Nothing of ours: refused, and kept.
    found = []
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        found.append(_result(record if isinstance(record, dict) else {"line": line}, path))
    return found


def _result(record: dict[str, Any], path: Path) -> Result:
    try:
        result = Result(**{**record, "seconds": float(record["seconds"])})
    except (KeyError, TypeError, ValueError):
        result = None
    if result is None or result.verdict not in (*DECIDED, *OPEN_VERDICTS):
        raise InputError(
            f"`{path}` holds a line that is no result; take it out, or choose another --out. "
            f"Received: {str(record)[:80]}."
        )
    return result
