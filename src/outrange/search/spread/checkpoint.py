"""Checkpoints of a search, written to disk atomically, from which the same question can resume."""

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
from ...executors.ambient_pool import Workers
from ...graph.graph import graph_digest
from ..common.incumbent import Incumbent
from ..common.problem import Problem
from .boxes import Boxes


EVERY = 30.0
"""Minimum time between two checkpoints of a running search, in seconds."""

SHARE = 0.05
"""Maximum fraction of the search time that is spent writing checkpoints."""

FORMAT = "outrange.search.checkpoint 1"
"""Identifier of the file format."""


@dataclass(frozen=True, eq=False)
class TreeState:
    """The state from which a search resumes.

    Args:
        boxes: Boxes that are open or assigned to a task.
        closed: `(m,)` the least bounds of closed boxes.
        best: Best values, shape `(m,)`.
        at: Points at which the best values are attained, shape `(m, inputs)`.
        most: `(m,)` the largest known values of the objectives.
        bounded: Number of boxes bounded so far.
        given: Number of tasks so far, which determines the seeds of later tasks.
    """

    boxes: Boxes
    closed: np.ndarray
    best: np.ndarray
    at: np.ndarray
    most: np.ndarray
    bounded: int
    given: int


_in_use: dict[Path, Workers] = {}
"""Dict from checkpoint file to the workers of the question that uses it."""


def _release(path: Path) -> None:
    _in_use.pop(path, None)


class Checkpoint:
    """Checkpoint file of one problem.

    Args:
        question: Digest of everything that the bounds depend on.
    """

    def __init__(self, path: Path, question: str) -> None:
        self._path, self._question = path, question
        self._next = read_wall_clock() + EVERY
        self._warned = False

    @classmethod
    def of(cls, workers: Workers, problem: Problem, incumbent: Incumbent) -> Checkpoint | None:
        """Create the checkpoint of a problem, or return None if no folder is given.

        A question may consist of several problems, such as clauses, and several questions may
        share a folder. So the file's name is derived from everything that the problem's bounds
        depend on. Until the question ends, no other question of this process may use the file.

        Args:
            workers: The workers, and the folder of the checkpoints.
            problem: Objectives and their boxes.
            incumbent: Provides the targets and tolerances that close a box.

        Raises:
            InputError: The folder cannot be created, or an identical question that is running in
                this process already uses the file.
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
                f"`resume` must be a folder that can be written to ({error.strerror}). "
                f"Received: `{workers.folder}`."
            ) from None
        path = (workers.folder / f"{question[:24]}.npz").resolve()
        if _in_use.setdefault(path, workers) is not workers:
            raise InputError(
                "Identical questions that run at the same time must not share a `resume` "
                "folder. Choose a folder for each thread, or ask the question only once. "
                f"Received: `{workers.folder}` in two threads."
            )
        workers.on_close(lambda: _release(path))
        return cls(path, question)

    @property
    def is_due(self) -> bool:
        """Whether enough time has passed since the last checkpoint; see `EVERY` and `SHARE`."""
        return read_wall_clock() >= self._next

    def save(self, state: TreeState) -> None:
        """Write a state atomically: the old file survives a killed process or a full disk."""
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
            self._discard(part, error)
        spent = read_wall_clock() - begin
        self._next = read_wall_clock() + max(EVERY, spent / SHARE)

    def _discard(self, part: Path, error: OSError) -> None:
        """Remove a partial file, and warn once; the search continues."""
        with suppress(OSError):
            part.unlink(missing_ok=True)
        if not self._warned:
            self._warned = True
            failure = f"No checkpoint could be written to {self._path} ({error.strerror or error})"
            warnings.warn(
                f"{failure}; the search continues without checkpoints.",
                RuntimeWarning,
                stacklevel=2,
            )

    def read(self) -> TreeState | None:
        """Read the state, or return None if there is no file.

        Raises:
            InputError: The file cannot be read, is damaged, has another format, or belongs to
                another question.
        """
        if not self._path.exists():
            return None
        try:
            with np.load(self._path, allow_pickle=False) as file:
                content = dict(file)
            if str(content["format"]) != FORMAT or str(content["question"]) != self._question:
                raise ValueError("another question")
            boxes = Boxes(**{f.name: content[f"boxes_{f.name}"] for f in fields(Boxes)})
            names = [
                f.name for f in fields(TreeState) if f.name not in ("boxes", "bounded", "given")
            ]
            arrays = {name: content[name] for name in names}
            return TreeState(
                boxes=boxes, bounded=int(content["bounded"]), given=int(content["given"]), **arrays
            )
        except (
            OSError,
            ValueError,
            KeyError,
            EOFError,
            NotImplementedError,  # of the zipfile package, for damaged flags
            RuntimeError,
            zipfile.BadZipFile,
        ) as error:
            raise InputError(
                "Each checkpoint in the `resume` folder must be a file that an earlier call wrote "
                f"for the same question. Received: `{self._path}` ({error}). Remove this file to "
                "start the search from the beginning."
            ) from None
