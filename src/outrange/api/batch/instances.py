"""Instance lists in the format of VNN-COMP, and lists of expected verdicts."""

from __future__ import annotations

import csv
import os
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...answers.verdict import SAT, UNSAT
from ...core import InputError
from .digests import digest_of


Key = tuple[str, str]

MEANINGS = {"sat": SAT, "violated": SAT, "unsat": UNSAT, "holds": UNSAT}


@dataclass(frozen=True)
class Instance:
    """A model, a property and a time limit.

    Args:
        onnx: Name of the model in the list.
        vnnlib: Name of the property in the list.
        seconds: Time limit of the instance.
        model_file: Path of the model's file.
        property_file: Path of the property's file.
    """

    onnx: str
    vnnlib: str
    seconds: float
    model_file: Path
    property_file: Path

    @property
    def key(self) -> Key:
        return key_of(self.onnx, self.vnnlib)

    @property
    def files(self) -> str:
        """Digest of the current contents of the model file and the property file."""
        return digest_of(self.model_file, self.property_file)


def key_of(onnx: str, vnnlib: str) -> Key:
    """Return the key of an instance, its two names without `./` and `.gz`.

    Equivalent rows of a list then have equal keys.
    """
    names = [posixpath.normpath(name.strip().replace("\\", "/")) for name in (onnx, vnnlib)]
    first, second = (name.removesuffix(".gz") for name in names)
    return first, second


def read_instances(
    path: Path, root: Path | None, seconds: float | None, only: str | None
) -> list[Instance]:
    """Read the instances from a CSV file, without duplicates.

    Args:
        path: A CSV file with rows `onnx,vnnlib,timeout`, optionally after a header row.
        root: Folder to which file names are relative; None for the folder of the list.
        seconds: Time limit of every instance, overriding the list; None to use the limits in the
            list.
        only: Substring that `onnx,vnnlib` must contain, ignoring case; None for all instances.

    Raises:
        InputError: The list is missing or malformed, or a file that it names is missing.
    """
    folder = path.parent if root is None else root
    instances: dict[Key, Instance] = {}
    for number, row in _rows(path):
        if [word.lower() for word in row[:2]] == ["onnx", "vnnlib"]:
            continue
        if len(row) < 2 or not (row[0] and row[1]):
            raise InputError(
                "A row of the list must have the form `onnx,vnnlib,timeout`. "
                f"Received: {','.join(row)[:80]!r} in line {number} of `{path}`."
            )
        if only is not None and only.lower() not in f"{row[0]},{row[1]}".lower():
            continue
        limit = _limit(row, number, path) if seconds is None else seconds
        files = (_present(folder, name) for name in row[:2])
        instance = Instance(row[0], row[1], limit, *files)
        first = instances.setdefault(instance.key, instance)
        if first.seconds != limit:
            raise InputError(
                "An instance that is listed twice must have the same time limit in both rows; "
                "remove a row, or set one limit for all with --each. "
                f"Received: {','.join(row)[:80]!r} in line {number} "
                f"of `{path}`, and an earlier row with the limit {first.seconds:g}."
            )
    if not instances:
        narrowed = "" if only is None else f" with --only {only!r}"
        raise InputError(
            f"The list must contain at least one instance. Received: `{path}`{narrowed}."
        )
    _check_files(list(instances.values()))
    return list(instances.values())


def of_pairs(
    pairs: Iterable[tuple[Any, Any]], root: Path | None, seconds: float | None, only: str | None
) -> list[Instance]:
    """Build instances from pairs of files, without duplicates.

    Args:
        pairs: Pairs of a model file and a property file.
        root: Folder to which file names are relative; None for the current folder.
        seconds: Time limit of each instance.
        only: Substring that `onnx,vnnlib` must contain, ignoring case; None for all instances.

    Raises:
        InputError: The limit is missing, an item is not a pair, or a file is missing.
    """
    if seconds is None:
        raise InputError(
            "For pairs of files, `each` must be a time limit in seconds. Received: each=None."
        )
    instances: dict[Key, Instance] = {}
    for pair in pairs:
        try:
            onnx, vnnlib = map(os.fspath, pair)
        except (TypeError, ValueError):
            raise InputError(
                "`instances` must be pairs of a model file and a property file. "
                f"Received: {str(pair)[:80]}."
            ) from None
        if only is None or only.lower() in f"{onnx},{vnnlib}".lower():
            files = (_present(root or Path(), name) for name in (onnx, vnnlib))
            instance = Instance(onnx, vnnlib, seconds, *files)
            instances.setdefault(instance.key, instance)
    _check_files(list(instances.values()))
    return list(instances.values())


def read_expected(path: Path) -> dict[Key, str]:
    """Read expected verdicts from a CSV file with the columns `onnx`, `vnnlib` and `verdict`.

    Args:
        path: The file. Verdicts are `sat` or `unsat` (or `violated`, `holds`); others are ignored.

    Raises:
        InputError: The file is missing, or lacks a column.
    """
    rows = list(_rows(path))
    titles = [word.lower() for word in rows[0][1]] if rows else []
    if not {"onnx", "vnnlib", "verdict"} <= set(titles):
        raise InputError(
            "The first line of a file of expected verdicts must name the columns onnx, vnnlib and "
            "verdict. "
            f"Received: {','.join(titles)[:80]!r} in `{path}`."
        )
    expected = {}
    for number, row in rows[1:]:
        if len(row) < len(titles):
            raise InputError(
                f"A row of expected verdicts must have {len(titles)} columns. "
                f"Received: {','.join(row)[:80]!r} in line {number} of `{path}`."
            )
        named = dict(zip(titles, row, strict=False))
        verdict = MEANINGS.get(named["verdict"].lower())
        if verdict is not None:
            expected[key_of(named["onnx"], named["vnnlib"])] = verdict
    return expected


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the fields of each nonempty row of a CSV file."""
    if not path.is_file():
        raise InputError(f"The list of instances does not exist. Received: `{path}`.")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        for number, line in enumerate(lines, 1):
            words = [word.strip() for row in csv.reader([line]) for word in row]
            if any(words):
                yield number, words
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"A list of instances must be a CSV file in UTF-8 ({type(error).__name__}). "
            f"Received: `{path}`."
        ) from None


def _limit(row: list[str], number: int, path: Path) -> float:
    try:
        limit = float(row[2])
    except (IndexError, ValueError):
        limit = np.nan
    if not 0 < limit < np.inf:
        raise InputError(
            "The third column of an instance must be its time limit in seconds, above 0, unless "
            f"--each sets one limit for all. Received: {','.join(row)[:80]!r} in line {number} of "
            f"`{path}`."
        )
    return limit


def _present(folder: Path, name: str) -> Path:
    """Return the path of a file, or of its compressed form if only that exists."""
    plain, packed = folder / name, folder / f"{name}.gz"
    return packed if packed.is_file() and not plain.is_file() else plain


def _check_files(instances: list[Instance]) -> None:
    files = dict.fromkeys(file for i in instances for file in (i.model_file, i.property_file))
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(files)} files are missing; names are relative to the list's "
            f"folder, or to --root. Received: `{missing[0]}`, which does not exist."
        )
