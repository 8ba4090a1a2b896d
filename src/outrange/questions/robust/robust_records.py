"""File of the results for the inputs of a data set; each result is written immediately."""

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
"""Relative difference between two runs of one model that the order of float64 sums may cause."""


APART = ("probe", "provenance")
"""Parts of the first line that are not compared exactly: the probe may differ by rounding, and the
provenance may differ arbitrarily."""


class Records:
    """File with one line for the question, then one line per decided input.

    Args:
        path: Path of the file; None to store nothing.
        question: Identification of the question, as JSON values.
        probe: Numbers that identify the network; see `common.fingerprints`.
        origin: Additional information for readers of the file, as JSON values.

    Raises:
        InputError: The file belongs to another question, or cannot be written.
    """

    def __init__(
        self, path: Any, question: dict[str, Any], probe: np.ndarray, origin: dict[str, Any]
    ) -> None:
        self.known: dict[int, dict[str, Any]] = {}
        self._path = None if path is None else Path(os.fspath(path))
        if self._path is None:
            return
        head = {"format": FORMAT, "version": 1, **question, "probe": jsonable(probe)}
        head["provenance"] = origin
        try:
            if self._path.exists() and self._path.stat().st_size:
                self._restore(head, probe)
            else:
                self._append(head)
        except OSError as error:
            raise InputError(
                "The file of results must be readable and writable; choose another path. "
                f"Received: {error}."
            ) from None

    def add(self, index: int, record: dict[str, Any]) -> None:
        """Record the result for one input; when this returns, the result is on disk."""
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
            records = {int(line.pop("index")): line for line in lines}
        except (ValueError, KeyError, AttributeError) as error:
            raise InputError(
                "The file of results must contain results of an earlier call: choose another file, "
                f"or remove this one. Received: {self._path} ({error})."
            ) from None
        wanted = {name: part for name, part in head.items() if name not in APART}
        other = next((name for name in wanted if first.get(name) != wanted[name]), None)
        same = seen.shape == probe.shape and np.allclose(seen, probe, rtol=SAME, atol=0.0)
        if other is None and not same:
            other = "model"
        if other is not None:
            raise InputError(
                f"The file of results must belong to this question, but its `{other}` differs. "
                f"Choose another file, or remove it. Received: {self._path}."
            )
        if len(whole) < len(data):
            # The input of a truncated line is decided again.
            with self._path.open("r+b") as file:
                file.truncate(len(whole))
        self.known = records


def digest(*arrays: np.ndarray) -> str:
    """Return a SHA-256 hash of arrays, including their types and shapes."""
    hasher = sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        hasher.update(f"{array.dtype} {array.shape}".encode())
        hasher.update(array.tobytes())
    return hasher.hexdigest()
