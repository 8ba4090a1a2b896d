"""Interface of all searches, and the loop that drives them."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from ...core import OutOfTime, Warrant
from .failures import SearchFailedError, attempt
from .incumbent import Incumbent
from .solution import EARLY, Solution, Status, Stop


class Search(ABC):
    """A search that raises proved lower bounds step by step, and can be paused and resumed.

    Its bounds and points are valid at any time, even after an interrupt.
    """

    incumbent: Incumbent
    """The best points, the clock and the tolerances; several searches may share one."""
    gradual: bool = True
    """Whether the bounds rise step by step; otherwise, the search proves all or nothing."""
    settled: bool = True
    """Whether the bounds show how well the search performs; False while parts of the problem have
    had little time."""
    proves: bool = True
    """Whether the search proves bounds; otherwise, it only finds points while other searches
    run."""
    share: float = 1.0
    """Length of the search's turns, relative to the turns of other searches of the same problem."""
    methods: tuple[str, ...]
    """Methods of the search with references, as shown in the answer."""

    @abstractmethod
    def lower(self) -> np.ndarray:
        """Return the lower bounds proved so far for the objectives, `(m,)`."""

    @abstractmethod
    def advance(self) -> bool:
        """Do one piece of work, well under a second if possible; return whether work is left."""

    @property
    def waiting(self) -> int:
        """Number of open sub-problems."""
        return 1

    @property
    def warrant(self) -> Warrant:
        """The kind of evidence behind the bounds that `lower` returns."""
        return Warrant.FLOAT64_ROUNDED

    @property
    def finished(self) -> bool:
        """Whether every objective is closed."""
        return not bool((self.lower() < self.incumbent.cutoff()).any())

    @abstractmethod
    def recover(self) -> None:
        """Restore a consistent state after an interruption of `advance`."""

    def run(self, until: float = np.inf) -> Stop:
        """Advance until there is a reason to stop, and return this reason.

        Args:
            until: Time on the incumbent's clock at which to pause, in seconds.
        """
        incumbent = self.incumbent
        try:
            while not self.finished:
                if incumbent.met:
                    return Stop.GOAL
                if incumbent.clock.expired:
                    return Stop.TIME
                if incumbent.clock.seconds > until:
                    return Stop.PAUSED
                if not attempt(self.advance, type(self).__name__):
                    break
                if incumbent.look_due:
                    incumbent.look(self.lower(), self.waiting)
                    if incumbent.suffices:
                        break
                    if incumbent.convergence.has_stalled():
                        return Stop.TIME
        except KeyboardInterrupt:
            self.recover()
            return Stop.INTERRUPTED
        except OutOfTime:
            self.recover()
            return Stop.TIME
        except MemoryError:
            self.recover()
            return Stop.MEMORY
        except SearchFailedError:
            self.recover()
            return Stop.ERROR
        return Stop.GOAL if incumbent.met else Stop.FINISHED

    def solution(self, stop: Stop) -> Solution:
        """Return the current bounds and points as a solution.

        Args:
            stop: The last result of `run`.
        """
        incumbent = self.incumbent
        lower = np.fmax(self.lower(), incumbent.known)
        try:
            incumbent.look(lower, 0)
        except KeyboardInterrupt:
            stop = Stop.INTERRUPTED
        reached = incumbent.closed_to(lower)
        tol = incumbent.convergence.tolerance.fine if reached is None else reached
        status = Status(stop) if stop in EARLY else Status.ROUNDING
        if reached is not None:
            status = Status.EXACT
        return Solution(
            status,
            lower,
            incumbent.best,
            incumbent.best_at,
            incumbent.tolerance(tol),
            incumbent.boxes,
            incumbent.clock.seconds,
            self.methods,
            self.warrant,
            tol,
            tuple(incumbent.convergence.reached.items()),
        )


def pass_on(stop: Stop | None) -> None:
    """Raise the exception that ended a nested search, if it also ends the outer search.

    Args:
        stop: Result of the nested search.

    Raises:
        KeyboardInterrupt: The user pressed Ctrl-C.
        MemoryError: The system is out of memory.
        SearchFailedError: The nested search ended with an internal error.
    """
    if stop is Stop.INTERRUPTED:
        raise KeyboardInterrupt
    if stop is Stop.MEMORY:
        raise MemoryError
    if stop is Stop.ERROR:
        raise SearchFailedError


def ended_by(error: BaseException) -> Status:
    """Return the status of a search that an exception ended.

    Args:
        error: `OutOfTime`, `MemoryError`, `KeyboardInterrupt` or `SearchFailedError`.
    """
    if isinstance(error, OutOfTime):
        return Status.TIME
    if isinstance(error, SearchFailedError):
        return Status.ERROR
    return Status.MEMORY if isinstance(error, MemoryError) else Status.INTERRUPTED
