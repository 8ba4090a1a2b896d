"""Messages between a search and its workers: open boxes, and the state of the whole search."""

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
    """Open boxes of a `Frontier`, one per row of each array.

    Args:
        lo: Array of shape `(n, d)`.
        hi: Array of shape `(n, d)`.
        lb: `(n, m)` proved bounds, infinite if a box is not open for an objective.
        status: `(n, s)` known phases of the units.
        open: `(n, m)` whether a box is open for an objective.
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
        """`(m,)` least bound of each objective over all boxes; infinite if none is open for it."""
        return self.lb.min(axis=0, initial=np.inf)

    @classmethod
    def pop(cls, frontier: Frontier, count: int) -> Self:
        """Pop up to `count` boxes; the frontier's bound includes them until they are settled."""
        return cls(**frontier.pop(count))

    @classmethod
    def all_of(cls, frontier: Frontier) -> Self:
        """Copy all boxes of a frontier."""
        return cls(**frontier.boxes)

    @classmethod
    def concatenate(cls, parts: Sequence[Boxes]) -> Self:
        """Concatenate the boxes of all parts."""
        names = [field.name for field in fields(cls)]
        return cls(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})

    def put(self, frontier: Frontier) -> None:
        """Push the boxes onto a frontier."""
        frontier.push(self.lo, self.hi, self.lb, self.status, self.open, self.priority)


@dataclass(frozen=True, eq=False)
class SearchState:
    """State of the whole search that a worker receives: a copy of the incumbent.

    Args:
        rows: `(m, outputs)` the objectives' rows.
        best: Best values, shape `(m,)`.
        at: Points at which the best values are attained, shape `(m, inputs)`.
        most: `(m,)` the largest known values of the objectives.
        dropped: `(m,)` mask of the objectives that need no more work.
        proved: `(m,)` bounds proved so far for the whole problem.
        floor: `(m,)` gaps that rounding may cause.
        target: `(m,)` targets of a decision; None for ranges.
        goal: `(m,)` goals of a decision; None for ranges.
        tol: The finest requested tolerance.
    """

    rows: np.ndarray
    best: np.ndarray
    at: np.ndarray
    most: np.ndarray
    dropped: np.ndarray
    proved: np.ndarray
    floor: np.ndarray
    target: np.ndarray | None
    goal: np.ndarray | None
    tol: float

    @classmethod
    def of(cls, incumbent: Incumbent, rows: np.ndarray) -> SearchState:
        """Copy the state of an incumbent."""
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
        """Create an incumbent for a sub-tree, with a time limit in seconds."""
        tol = Tolerance(self.tol, self.tol)
        incumbent = Incumbent(self.rows, tol, seconds, _nobody)
        incumbent.start(self.best, self.at, self.most)
        incumbent.dropped, incumbent.known, incumbent.floor = (
            self.dropped,
            self.proved.copy(),
            self.floor.copy(),
        )
        incumbent.target = self.target
        incumbent.goal = None if self.goal is None else self.goal.copy()
        return incumbent


def _nobody(_: object) -> None:
    """Ignore a progress event, since progress is reported only for the whole search."""


@dataclass(frozen=True, eq=False)
class SubtreeReport:
    """Result of the search of a sub-tree.

    Args:
        boxes: Boxes that are still open.
        closed: `(m,)` the least bounds of closed boxes.
        best: Best values, shape `(m,)`.
        at: Points at which the best values are attained, shape `(m, inputs)`.
        bounded: Number of boxes bounded.
        seconds: Duration of the search on the worker, in seconds.
    """

    boxes: Boxes
    closed: np.ndarray
    best: np.ndarray
    at: np.ndarray
    bounded: int
    seconds: float
