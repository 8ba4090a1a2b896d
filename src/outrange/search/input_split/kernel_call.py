"""One call of the box kernel, with its own arrays, so that two calls can run concurrently."""

from __future__ import annotations

import numpy as np

from ...core import work
from ...core.clock import charge, read_clock
from ..common.incumbent import Incumbent
from ..kernel.binding import CompiledProgram, address
from ..kernel.layer_program import UNSTABLE


ResultArrays = dict[str, np.ndarray]
"""The arrays to which the kernel writes the results of one call, by name."""


class ArrayPool:
    """Pool of result arrays, reused because allocation costs a tenth as much as bounding."""

    def __init__(self) -> None:
        self._free: list[ResultArrays] = []

    def take(self, count: int, kernel: CompiledProgram) -> ResultArrays:
        """Return arrays with room for `count` boxes, from the pool if possible."""
        while self._free:
            arrays = self._free.pop()
            if len(arrays["lo"]) >= count:
                return arrays
        m, d, s = kernel.objectives, kernel.program.inputs, kernel.program.states
        return {
            "lo": np.empty((count, d)),
            "hi": np.empty((count, d)),
            "lb": np.empty((count, m)),
            "status": np.empty((count, s), np.int8),
            "open_": np.empty((count, m), np.uint8),
        }

    def give_back(self, arrays: ResultArrays) -> None:
        """Return arrays to the pool after their last use."""
        self._free.append(arrays)


class KernelCall:
    """A kernel call that bounds, closes and splits boxes and their children.

    Args:
        ticket: Ticket of its boxes in the frontier.
        kernel: The network and its objectives.
        incumbent: Provides the current best points, tolerances and cutoffs.
        free: `(d,)` mask of the inputs that vary within boxes.
        tasks: The boxes, as `Frontier.pop` returns them.
        budget: Maximum number of boxes to bound for each box of `tasks`.
        settings: Maximum number of units of an exact leaf, maximum number of its linear programs,
            number of ascent steps, and number of threads.
        arrays: Arrays that receive the boxes that stay open.
    """

    def __init__(
        self,
        ticket: int,
        kernel: CompiledProgram,
        incumbent: Incumbent,
        free: np.ndarray,
        tasks: dict[str, np.ndarray],
        budget: int,
        settings: tuple[int, int, int, int],
        arrays: ResultArrays,
    ) -> None:
        self.ticket, self._kernel, self.arrays = ticket, kernel, arrays
        names = ("lo", "hi", "lb", "status", "open")
        self._inputs = [np.ascontiguousarray(tasks[name]) for name in names]
        self._numbers = (budget, *settings)
        self.scale = np.ascontiguousarray(incumbent.scale())
        self._ends = [np.ascontiguousarray(incumbent.aim()), self.scale]
        self._goal: tuple[np.ndarray, np.ndarray] | None = None
        if incumbent.target is not None:
            goal = np.ascontiguousarray(incumbent.goal, np.float64)
            self._goal = (np.ascontiguousarray(incumbent.cutoff()), goal)
        self.best = incumbent.best.copy()
        self.at = np.ascontiguousarray(incumbent.best_at[:, free])
        self.closed = np.full(self.best.shape, np.inf)
        self._stats = np.zeros(5, np.int64)
        self.taken = len(self._inputs[0])
        """Number of boxes passed to the kernel."""
        self.count = 0
        """Number of boxes that stay open."""
        self.seconds = 0.0

    def run(self) -> None:
        """Run the call in C, without holding Python's global interpreter lock."""
        begin = read_clock()
        self.count = self._kernel.lib.explore(
            self._kernel.handle,
            self.taken,
            *map(address, self._inputs),
            *self._numbers,
            *map(address, (self.best, self.at, *self._ends)),
            *((None, None) if self._goal is None else map(address, self._goal)),
            *map(address, self.arrays.values()),
            address(self.closed),
            address(self._stats),
        )
        self._charge()
        self.seconds = read_clock() - begin

    def _charge(self) -> None:
        """Report the work on back-substituted rows and exact leaves to the clock."""
        program, steps = self._kernel.program, self._numbers[3]
        rows = self._kernel.objectives * (steps + 1) + program.states / UNSTABLE
        boxes = work.COMPILED * self.bounded * rows * program.products
        charge(boxes + work.PIVOT * int(self._stats[2]) * program.states * program.inputs)

    @property
    def left(self) -> ResultArrays:
        """The arrays of the boxes that stay open, by name."""
        return {name: array[: self.count] for name, array in self.arrays.items()}

    @property
    def bounded(self) -> int:
        """Number of boxes that the call bounded."""
        return int(self._stats[0])
