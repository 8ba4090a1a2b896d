"""What travels between a search and its workers: open boxes, and what is known of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from ..common.incumbent import Incumbent
from ..common.tolerance import Tolerance
from ..input_split.frontier import Frontier


@dataclass(frozen=True, eq=False)
class Boxes:
    """Open boxes, one a row of each array: those of a `Frontier`.

    Args:
        lo: Array of shape `(n, d)`.
        hi: Array of shape `(n, d)`.
        lb: `(n, m)` proved bounds, infinite where a box is not open for an objective.
        status: `(n, s)` what is known of the units.
        open: `(n, m)` for which objectives a box is open.
        priority: Array of shape `(n,)`.
    """

    lo: np.ndarray
    hi: np.ndarray
    lb: np.ndarray
    status: np.ndarray
    open: np.ndarray
    priority: np.ndarray

    def __len__(self) -> int:
        return len(self.lo)

    @property
    def least(self) -> np.ndarray:
        """`(m,)` the least bound of any of them, infinite where none is open."""
        return self.lb.min(axis=0, initial=np.inf)

    @classmethod
    def taken(cls, frontier: Frontier, count: int) -> Self:
        """The most urgent boxes; they count in the frontier's bound until it is settled."""
        return cls(**frontier.pop(count))

    @classmethod
    def all_of(cls, frontier: Frontier) -> Self:
        """Copies of all boxes of a frontier."""
        return cls(**frontier.boxes)

    @classmethod
    def joined(cls, parts: Sequence[Boxes]) -> Self:
        """The boxes of all parts."""
        names = [field.name for field in fields(cls)]
        return cls(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})

    def put(self, frontier: Frontier) -> None:
        """Add them to a frontier."""
        frontier.push(self.lo, self.hi, self.lb, self.status, self.open, self.priority)


@dataclass(frozen=True, eq=False)
class Known:
    """What a worker is told of the whole search: the incumbent as it is now.

    Args:
        rows: `(m, outputs)` the objectives' rows.
        best: Best values, shape `(m,)`.
        at: Array of shape `(m, inputs)`.
        most: `(m,)` the largest values seen.
        dropped: `(m,)` objectives closed elsewhere.
        known: `(m,)` bounds proved elsewhere.
        floor: `(m,)` what rounding costs.
        target: `(m,)` of a decision.
        goal: Array of shape `(m,)`.
        tol: The finest tolerance asked for.
    """

    rows: np.ndarray
    best: np.ndarray
    at: np.ndarray
    most: np.ndarray
    dropped: np.ndarray
    known: np.ndarray
    floor: np.ndarray
    target: np.ndarray | None
    goal: np.ndarray | None
    tol: float

    @classmethod
    def of(cls, incumbent: Incumbent, rows: np.ndarray) -> Known:
        """A copy of what an incumbent holds."""
        m = len(incumbent.best)
        target, goal = incumbent.target, incumbent.goal
        return cls(
            rows,
            incumbent.best.copy(),
            incumbent.best_at.copy(),
            incumbent.most.copy(),
            np.broadcast_to(incumbent.dropped, m).copy(),
            incumbent.known.copy(),
            np.broadcast_to(incumbent.floor, m).astype(np.float64),
            None if target is None else target.copy(),
            None if goal is None else goal.copy(),
            incumbent.convergence.tolerance.fine,
        )

    def incumbent(self, seconds: float) -> Incumbent:
        """An incumbent of its own for a sub-tree."""
        tol = Tolerance(self.tol, self.tol)
        found = Incumbent(self.rows, tol, seconds, _nobody)
        found.start(self.best, self.at, self.most)
        found.dropped, found.known, found.floor = self.dropped, self.known.copy(), self.floor.copy()
        found.target = self.target
        found.goal = None if self.goal is None else self.goal.copy()
        return found


def _nobody(_: object) -> None:
    """Who watches the whole is not told of its parts."""


@dataclass(frozen=True, eq=False)
class SubtreeReport:
    """What became of a sub-tree.

    Args:
        boxes: What is still open.
        closed: `(m,)` the least bound of what was closed.
        best: Best values, shape `(m,)`.
        at: Array of shape `(m, inputs)`.
        bounded: Boxes that were bounded.
    """

    boxes: Boxes
    closed: np.ndarray
    best: np.ndarray
    at: np.ndarray
    bounded: int
    seconds: float
