"""Boxes of initial states on workers or threads: each takes one batch through the loop.

What is assumed of conditions names the graph of a step; in another process that is another object.
So it travels by its number in the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np

from ...core import InputError, OutOfTime, deadline, seconds_left
from ...executors.parcel import unpacked
from ...executors.seam import workers
from ...executors.shelf import Kept
from ...graph import Graph
from ..system import LoopSystem
from ..tube_boxes import TubeBox
from ..zonotope_pass import OpenCondition
from .threads import map_batches
from .waves import Waves


class Bounding(Protocol):
    """What takes boxes through a loop."""

    system: LoopSystem
    trouble: str
    waiting: list[TubeBox]
    done: list[TubeBox]
    waves: Waves | None

    def bounded(self, batch: Sequence[TubeBox]) -> tuple[np.ndarray, np.ndarray, np.ndarray]: ...


@dataclass(frozen=True, eq=False)
class SentBox:
    """A box on its way.

    Args:
        box: Without what names graphs.
        assumed: Levels by the step, the number of its graph, the value and the entry.
        guard: The condition that is open, likewise.
    """

    box: TubeBox
    assumed: dict[tuple[int, int, int, int], float]
    guard: tuple[int, int, OpenCondition] | None

    @staticmethod
    def of(box: TubeBox, graphs: Sequence[Graph]) -> SentBox:
        """A box of a loop with these graphs."""
        number = {id(graph): i for i, graph in enumerate(graphs)}
        assumed = {(k, number[id(g)], v, e): at for (k, g, v, e), at in box.assumed.items()}
        guard = box.guard and (box.guard[0], number[id(box.guard[1])], box.guard[2])
        return SentBox(replace(box, assumed={}, guard=None), assumed, guard)

    def here(self, graphs: Sequence[Graph]) -> TubeBox:
        """The box in a process where these are the graphs."""
        assumed = {(k, graphs[i], v, e): at for (k, i, v, e), at in self.assumed.items()}
        guard = self.guard and (self.guard[0], graphs[self.guard[1]], self.guard[2])
        return replace(self.box, assumed=assumed, guard=guard)


@dataclass(frozen=True, eq=False)
class BoundedBoxes:
    """What a worker found about a batch.

    Args:
        boxes: What is known of their trajectories.
        closed: `(B,)` which are closed.
        blame: `(B, d)` of those that are not.
        margin: `(B,)`.
        trouble: Where the plant may not be defined.
    """

    boxes: list[SentBox]
    closed: np.ndarray
    blame: np.ndarray
    margin: np.ndarray
    trouble: str

    def enter(
        self, search: Bounding, batch: Sequence[TubeBox]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Let the boxes of whoever asked know it, and return what it returns in one process."""
        graphs = graphs_of(search.system)
        for box, sent in zip(batch, self.boxes, strict=True):
            new = sent.here(graphs)
            box.states, box.controls, box.gains = new.states, new.controls, new.gains
            box.reached, box.guard, box.empty = new.reached, new.guard, new.empty
        search.trouble = self.trouble or search.trouble
        return self.closed, self.blame, self.margin


@dataclass(frozen=True, eq=False)
class BoundedHere:
    """Result of a batch that a thread of this process has bounded, in the boxes themselves.

    Args:
        found: As `Bounding.bounded` returns it; None where it raised `error`.
        trouble: Where the plant may not be defined.
        error: An error about the question.
    """

    found: tuple[np.ndarray, np.ndarray, np.ndarray] | None
    trouble: str
    error: InputError | None = None

    def enter(
        self, search: Bounding, batch: Sequence[TubeBox]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what `bounded` returned, or raise what it raised; see `BoundedBoxes.enter`."""
        search.trouble = self.trouble or search.trouble
        if self.found is None:
            raise self.error or OutOfTime
        return self.found


def graphs_of(system: LoopSystem) -> list[Graph]:
    """All graphs of a loop, in an order that every process has."""
    return [*system.steps, *(graph for mode in system.of_modes.values() for graph in mode)]


def bound_batches(
    search: Bounding, batches: Sequence[Sequence[TubeBox]]
) -> dict[int, BoundedBoxes | None] | dict[int, BoundedHere | None]:
    """Return what workers or threads find about some batches, by their places, as far as known."""
    helpers, found = workers(), {}
    if helpers is None:
        return dict(enumerate(map_batches(partial(_bound_here, search), batches)))
    if search.waves is None:
        about = copy(search)
        about.waiting, about.done = [], []
        # The user's own model stays here.
        about.system = replace(search.system, model_step=None)
        search.waves = Waves(helpers, about, "initial states", bound_boxes)
    graphs = graphs_of(search.system)
    sent = [[SentBox.of(box, graphs) for box in batch] for batch in batches]
    search.waves.ask(sent, seconds_left(), found)
    return found


def _bound_here(search: Bounding, batch: Sequence[TubeBox]) -> BoundedHere | None:
    """Take a batch through the loop, in a thread; None where the time was over before."""
    own = copy(search)
    own.trouble = ""
    try:
        return BoundedHere(own.bounded(batch), own.trouble)
    except OutOfTime:
        return None
    except InputError as error:
        return BoundedHere(None, own.trouble, error)


def bound_boxes(kept: Kept, sent: Sequence[SentBox], seconds: float) -> BoundedBoxes | None:
    """Take a batch through the loop, on a worker; None where the time was over before.

    Args:
        kept: The search, without boxes.
        sent: The batch.
        seconds: That are left; infinite without a limit.
    """
    search: Bounding = copy(kept.once("search", unpacked))
    search.trouble = ""  # Threads of one process share what is kept: this copy is this task's.
    graphs = graphs_of(search.system)
    batch = [one.here(graphs) for one in sent]
    try:
        with deadline(seconds):
            closed, blame, margin = search.bounded(batch)
    except OutOfTime:
        return None
    boxes = [SentBox.of(box, graphs) for box in batch]
    return BoundedBoxes(boxes, closed, blame, margin, search.trouble)
