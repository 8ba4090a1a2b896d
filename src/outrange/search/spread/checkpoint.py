"""The state of a search on the disk: written in one step, read only for the very same question."""

from __future__ import annotations

import os
import warnings
import zipfile
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from ...core import VERSION, InputError, value_digest
from ...core.clock import read_wall_clock
from ...executors.seam import Workers
from ...graph.graph import graph_digest
from ..common.incumbent import Incumbent
from ..common.problem import Problem
from .boxes import Boxes


EVERY = 30.0
"""Seconds between two checkpoints."""

SHARE = 0.05
"""Of the time, that writing them may take."""

FORMAT = "outrange.search.checkpoint 1"


@dataclass(frozen=True, eq=False)
class TreeState:
    """Everything that a search goes on from.

    Args:
        boxes: Open, and in hand.
        closed: `(m,)` the least bound of what was closed.
        best: Best values, shape `(m,)`.
        at: Array of shape `(m, inputs)`.
        most: `(m,)` the largest values seen.
        bounded: Boxes bounded so far.
        given: Tasks given so far, which the seeds of later ones go on from.
    """

    boxes: Boxes
    closed: np.ndarray
    best: np.ndarray
    at: np.ndarray
    most: np.ndarray
    bounded: int
    given: int


class Checkpoint:
    """One file of a folder.

    Args:
        question: What it is about.
    """

    def __init__(self, path: Path, question: str) -> None:
        self._path, self._question = path, question
        self._next = read_wall_clock() + EVERY
        self._warned = False

    @classmethod
    def of(cls, workers: Workers, problem: Problem, incumbent: Incumbent) -> Checkpoint | None:
        """That of a problem; None where none is kept.

        A question may have several problems (halves of a box, clauses), and several questions may
        share a folder: a file is told by all that its bounds are about.

        Args:
            workers: Who works, and where the state is kept.
            incumbent: What closes a box.
        """
        if workers.folder is None:
            return None
        domain = problem.domain
        parts = [problem.rows, problem.offset, domain.lo, domain.hi, domain.whole]
        target = np.empty(0) if incumbent.target is None else incumbent.target
        tol = incumbent.convergence.tolerance.fine
        question = value_digest([VERSION, graph_digest(problem.graph), *parts, target, tol])
        try:
            workers.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"`resume` is a folder that can be written ({error.strerror}). "
                f"Received: `{workers.folder}`."
            ) from None
        return cls(workers.folder / f"{question[:24]}.npz", question)

    @property
    def is_due(self) -> bool:
        """Whether it is time for one."""
        return read_wall_clock() >= self._next

    def save(self, state: TreeState) -> None:
        """Write a state. A kill leaves the old one or the new one; so does a full disk."""
        begin = read_wall_clock()
        part = self._path.with_name(f"{self._path.name}.part")
        arrays = {f.name: getattr(state, f.name) for f in fields(state) if f.name != "boxes"}
        boxes = {f"boxes_{f.name}": getattr(state.boxes, f.name) for f in fields(state.boxes)}
        head = {"format": FORMAT, "question": self._question}
        try:
            with part.open("wb") as file:
                np.savez(file, allow_pickle=False, **head, **arrays, **boxes)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self._path)
        except OSError as error:
            self._unwritten(part, error)
        spent = read_wall_clock() - begin
        self._next = read_wall_clock() + max(EVERY, spent / SHARE)

    def _unwritten(self, part: Path, error: OSError) -> None:
        """The search goes on; what was written before stays."""
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if not self._warned:
            self._warned = True
            told = f"No checkpoint could be written to {self._path} ({error.strerror or error})"
            warnings.warn(f"{told}; the search goes on without.", RuntimeWarning, stacklevel=2)

    def read(self) -> TreeState | None:
        """What was written; None if nothing was.

        Raises:
            InputError: The file is damaged, or about something else.
        """
        if not self._path.exists():
            return None
        try:
            with np.load(self._path, allow_pickle=False) as file:
                found = dict(file)
            if str(found["format"]) != FORMAT or str(found["question"]) != self._question:
                raise ValueError("another question")
            boxes = Boxes(**{f.name: found[f"boxes_{f.name}"] for f in fields(Boxes)})
            names = [
                f.name for f in fields(TreeState) if f.name not in ("boxes", "bounded", "given")
            ]
            arrays = {name: found[name] for name in names}
            return TreeState(
                boxes=boxes, bounded=int(found["bounded"]), given=int(found["given"]), **arrays
            )
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(
                "`resume` holds what an interrupted call of the same question wrote; remove the "
                f"file to begin anew. Received: `{self._path}` ({error})."
            ) from None
