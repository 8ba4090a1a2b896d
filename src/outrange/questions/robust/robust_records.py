"""Results for the inputs of a data set, written to disk as soon as they are known."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from ...answers.render.jsonable import jsonable
from ...core import InputError


FORMAT = "outrange.robust_accuracy.records"

SAME = 1e-12
"""Relative: numbers of two runs of one model differ by how float64 sums are ordered."""


APART = ("probe", "provenance")
"""Parts of the first line that another run of the same question may have otherwise."""


class Records:
    """A file of lines: what was asked, then one line an input.

    Args:
        path: The file; None keeps nothing.
        asked: What identifies the question, ready for JSON.
        probe: What tells the network from others: see `common.fingerprints`.
        origin: What whoever finds the file wants to know besides, ready for JSON.

    Raises:
        InputError: The file is about something else, or cannot be written.
    """

    def __init__(
        self, path: Any, asked: dict[str, Any], probe: np.ndarray, origin: dict[str, Any]
    ) -> None:
        self.known: dict[int, dict[str, Any]] = {}
        self._path = None if path is None else Path(os.fspath(path))
        if self._path is None:
            return
        head = {"format": FORMAT, "version": 1, **asked, "probe": jsonable(probe)}
        head["provenance"] = origin
        try:
            if self._path.exists() and self._path.stat().st_size:
                self._restore(head, probe)
            else:
                self._append(head)
        except OSError as error:
            raise InputError(
                f"The file of results must be readable and writable. Received: {error}."
            ) from None

    def add(self, index: int, record: dict[str, Any]) -> None:
        """Record the result for one input; it is on the disk when this returns."""
        self.known[index] = record
        if self._path is not None:
            self._append({"index": index, **jsonable(record)})

    def _append(self, line: dict[str, Any]) -> None:
        assert self._path is not None
        with self._path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _restore(self, head: dict[str, Any], probe: np.ndarray) -> None:
        assert self._path is not None
        data = self._path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        try:
            first, *lines = [json.loads(line) for line in whole.decode().splitlines()]
            seen = np.asarray(first.pop("probe"), np.float64)
            found = {int(line.pop("index")): line for line in lines}
        except (ValueError, KeyError, AttributeError) as error:
            raise InputError(
                f"The file of results holds no records of this kind: choose another, or remove it. "
                f"Received: {self._path} ({error})."
            ) from None
        wanted = {name: part for name, part in head.items() if name not in APART}
        other = next((name for name in wanted if first.get(name) != wanted[name]), None)
        same = seen.shape == probe.shape and np.allclose(seen, probe, rtol=SAME, atol=0.0)
        if other is None and not same:
            other = "model"
        if other is not None:
            raise InputError(
                f"The file of results is about another question: its `{other}` differs. Choose "
                f"another file, or remove it. Received: {self._path}."
            )
        if len(whole) < len(data):
            # A truncated line: its input is decided again.
            with self._path.open("r+b") as file:
                file.truncate(len(whole))
        self.known = found


def digest(*arrays: np.ndarray) -> str:
    """What identifies data."""
    found = sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        found.update(f"{array.dtype} {array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()
