"""Progress and results of searches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from ...core import Warrant
from .tolerance import TOL


class Stop(StrEnum):
    """Reason why a search returned to its caller."""

    FINISHED = "finished"
    """Every objective is closed, the gaps suffice, or no work is left."""
    GOAL = "goal"
    """A value lies below its goal; its point awaits validation."""
    PAUSED = "paused"
    """The turn of the search is over; the search can be resumed."""
    TIME = "time"
    """The time limit has passed, or the search has stalled."""
    MEMORY = "memory"
    """The system is out of memory; bounds proved so far remain valid."""
    INTERRUPTED = "interrupted"
    """The user pressed Ctrl-C."""
    ERROR = "error"
    """An internal error, which has been reported; bounds proved so far remain valid."""


EARLY = (Stop.TIME, Stop.MEMORY, Stop.INTERRUPTED, Stop.ERROR)
"""Reasons to stop that become the status of a search whose gaps are still open."""


class Status(StrEnum):
    """Outcome of a search; public answers report the same values."""

    EXACT = "exact"
    """Every gap is within its tolerance."""
    SAT = "sat"
    """Decision: a point was accepted as a witness."""
    UNSAT = "unsat"
    """Decision: it is proved that no point satisfies any clause."""
    INFEASIBLE = "infeasible"
    """It is proved that no input is admissible."""
    TIME = "time"
    MEMORY = "memory"
    INTERRUPTED = "interrupted"
    ERROR = "error"
    ROUNDING = "rounding"
    """No work is left, but a gap is still open, usually because of float64 rounding."""


@dataclass(frozen=True, eq=False)
class SearchProgress:
    """State of a running search; the bounds are already proved.

    Args:
        seconds: Wall-clock seconds so far.
        boxes: Sub-problems bounded so far.
        lower: `(m,)` proved lower bounds.
        seen: `(m,)` least known values.
        open: Number of open sub-problems.
    """

    seconds: float
    boxes: int
    lower: np.ndarray
    seen: np.ndarray
    open: int


Progress = Callable[[SearchProgress], object]
"""Callback that receives the state of a running search, at most about twice a second."""


@dataclass(frozen=True, eq=False)
class Solution:
    """Result of a search: brackets of the least values of `m` objectives over an input set.

    Args:
        status: The result, or why the search ended early.
        lower: `(m,)` proved bounds: in real arithmetic, no input of the set has a smaller value.
        seen: `(m,)` values attained at `at`, or infinite if no input is known.
        at: `(m, d)` inputs, one per objective; NaN if no input is known.
        tolerance: `(m,)` absolute target gaps.
        boxes: Number of sub-problems bounded.
        seconds: Duration in wall-clock seconds.
        methods: The methods used, with references.
        warrant: The warrant of `lower`.
        tol: The relative tolerance that corresponds to `tolerance`.
        reached: Pairs of a relative gap and the seconds until all objectives were within it.
    """

    status: Status
    lower: np.ndarray
    seen: np.ndarray
    at: np.ndarray
    tolerance: np.ndarray
    boxes: int = 0
    seconds: float = 0.0
    methods: tuple[str, ...] = ()
    warrant: Warrant = Warrant.FLOAT64_ROUNDED
    tol: float = TOL
    reached: tuple[tuple[float, float], ...] = ()

    @classmethod
    def unknown(
        cls,
        status: Status,
        inputs: int,
        objectives: int = 1,
        lower: float = -np.inf,
        methods: tuple[str, ...] = (),
    ) -> Solution:
        """Create a solution without a search, in which `lower` bounds all objectives.

        No input is known, and all tolerances are 0.
        """
        return cls(
            status,
            np.full(objectives, lower),
            np.full(objectives, np.inf),
            np.full((objectives, inputs), np.nan),
            np.zeros(objectives),
            methods=methods,
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Solution], seconds: float) -> Solution:
        """Concatenate the objectives of several solutions into one solution.

        Its status is `EXACT` if all parts have this status, and otherwise the first other status.

        Args:
            parts: Solutions of different objectives over the same inputs.
            seconds: Duration of the joint solution, in wall-clock seconds.
        """
        columns = ("lower", "seen", "at", "tolerance")
        lower, seen, at, tolerance = (
            np.concatenate([getattr(part, name) for part in parts]) for name in columns
        )
        open_ = [part.status for part in parts if part.status is not Status.EXACT]
        return cls(
            open_[0] if open_ else Status.EXACT,
            lower,
            seen,
            at,
            tolerance,
            **_cost(parts),
            seconds=seconds,
        )

    @classmethod
    def least_of(cls, parts: Sequence[Solution]) -> Solution:
        """Combine solutions of one objective over several sets into a solution over their union."""
        best = min(parts, key=lambda part: float(part.seen[0]))
        lower = min(float(part.lower[0]) for part in parts)
        # An unfinished set matters only if its bound is the least one.
        open_ = [
            part.status
            for part in parts
            if part.status is not Status.EXACT and part.lower[0] <= lower
        ]
        return replace(
            best,
            status=open_[0] if open_ else Status.EXACT,
            lower=np.array([lower]),
            **_cost(parts),
        )

    @property
    def point(self) -> np.ndarray | None:
        """The best known input `(d,)` for the first objective, or None if no input is known."""
        return None if np.isnan(self.at[0]).any() else self.at[0]


def _cost(parts: Sequence[Solution]) -> dict:
    """Return total boxes, all methods, the weakest warrant and the largest relative tolerance."""
    return {
        "boxes": sum(part.boxes for part in parts),
        "methods": tuple(dict.fromkeys(m for part in parts for m in part.methods)),
        "warrant": min(part.warrant for part in parts),
        "tol": max(part.tol for part in parts),
    }
