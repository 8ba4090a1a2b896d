"""One call of the box kernel, with arrays of its own: two of them may be under way."""

from __future__ import annotations

import numpy as np

from ...core import work
from ...core.clock import charge, read_clock
from ..common.incumbent import Incumbent
from ..kernel.binding import CompiledProgram, address
from ..kernel.layer_program import UNSTABLE


Room = dict[str, np.ndarray]


class Rooms:
    """Arrays for results, used again: fresh memory costs a tenth of a box."""

    def __init__(self) -> None:
        self._free: list[Room] = []

    def take(self, count: int, kernel: CompiledProgram) -> Room:
        """Arrays for so many boxes."""
        while self._free:
            room = self._free.pop()
            if len(room["lo"]) >= count:
                return room
        m, d, s = kernel.objectives, kernel.program.inputs, kernel.program.states
        return {
            "lo": np.empty((count, d)),
            "hi": np.empty((count, d)),
            "lb": np.empty((count, m)),
            "status": np.empty((count, s), np.int8),
            "open_": np.empty((count, m), np.uint8),
        }

    def give_back(self, room: Room) -> None:
        """Nobody reads them any more."""
        self._free.append(room)


class KernelCall:
    """Bounds, closes and splits boxes and their children.

    Args:
        ticket: What its boxes were lent by.
        kernel: The network and its objectives.
        incumbent: Its best points, tolerances and cutoffs, as they are now.
        free: `(d,)` bool: the inputs that boxes have sides for.
        tasks: The boxes, as `Frontier.pop` returns them.
        budget: How many boxes to bound for each of them.
        settings: Units and linear programs of an exact leaf, steps of ascent, threads.
        room: For what stays open.
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
        room: Room,
    ) -> None:
        self.ticket, self._kernel, self.room = ticket, kernel, room
        names = ("lo", "hi", "lb", "status", "open")
        self._given = [np.ascontiguousarray(tasks[name]) for name in names]
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
        self.taken = len(self._given[0])
        """How many boxes it was given."""
        self.count = 0
        """How many stay open."""
        self.seconds = 0.0

    def run(self) -> None:
        """In C, which holds no lock of Python's meanwhile."""
        begin = read_clock()
        self.count = self._kernel.lib.explore(
            self._kernel.handle,
            self.taken,
            *map(address, self._given),
            *self._numbers,
            *map(address, (self.best, self.at, *self._ends)),
            *((None, None) if self._goal is None else map(address, self._goal)),
            *map(address, self.room.values()),
            address(self.closed),
            address(self._stats),
        )
        self._charge()
        self.seconds = read_clock() - begin

    def _charge(self) -> None:
        """Report the work: back-substituted rows per box, and linear programs of exact leaves."""
        program, steps = self._kernel.program, self._numbers[3]
        rows = self._kernel.objectives * (steps + 1) + program.states / UNSTABLE
        boxes = work.COMPILED * self.bounded * rows * program.products
        charge(boxes + work.PIVOT * int(self._stats[2]) * program.states * program.inputs)

    @property
    def left(self) -> Room:
        """What stays open."""
        return {name: array[: self.count] for name, array in self.room.items()}

    @property
    def bounded(self) -> int:
        """How many boxes were bounded."""
        return int(self._stats[0])
