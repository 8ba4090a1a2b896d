"""Propagation of batches of boxes through a loop, on workers or threads.

Assumptions about conditions refer to the graph of a step. The graph is a different object in each
process, so the assumptions are sent with the graph's index in the loop instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np

from ...core import InputError, OutOfTime, deadline, seconds_left
from ...executors.ambient_pool import ambient_workers
from ...executors.payload import deserialize
from ...executors.worker_cache import CachedPayload
from ...graph import Graph
from ..system import LoopSystem
from ..tube_boxes import TubeBox
from ..zonotope_pass import OpenCondition
from .threads import map_batches
from .waves import Waves


class Bounding(Protocol):
    """The interface of a search that propagates boxes through a loop."""

    system: LoopSystem
    trouble: str
    waiting: list[TubeBox]
    done: list[TubeBox]
    waves: Waves | None

    def bound(self, batch: Sequence[TubeBox]) -> tuple[np.ndarray, np.ndarray, np.ndarray]: ...


@dataclass(frozen=True, eq=False)
class SentBox:
    """A box in a form that can be sent to another process.

    Args:
        box: The box without its references to graphs.
        assumed: Values that conditions are assumed to have, keyed by step, index of the graph,
            value and entry.
        guard: The first undecided condition, with its step and the index of the graph; None if
            there is none.
    """

    box: TubeBox
    assumed: dict[tuple[int, int, int, int], float]
    guard: tuple[int, int, OpenCondition] | None

    @staticmethod
    def of(box: TubeBox, graphs: Sequence[Graph]) -> SentBox:
        """Convert a box of a loop whose graphs are `graphs`, in the order of `graphs_of`."""
        number = {id(graph): i for i, graph in enumerate(graphs)}
        assumed = {(k, number[id(g)], v, e): at for (k, g, v, e), at in box.assumed.items()}
        guard = box.guard and (box.guard[0], number[id(box.guard[1])], box.guard[2])
        return SentBox(replace(box, assumed={}, guard=None), assumed, guard)

    def unpack(self, graphs: Sequence[Graph]) -> TubeBox:
        """Return the box, with references to `graphs`, the graphs in this process."""
        assumed = {(k, graphs[i], v, e): at for (k, i, v, e), at in self.assumed.items()}
        guard = self.guard and (self.guard[0], graphs[self.guard[1]], self.guard[2])
        return replace(self.box, assumed=assumed, guard=guard)


@dataclass(frozen=True, eq=False)
class BoundedBoxes:
    """A worker's result for a batch: the boxes with their bounds, and which are proved.

    Args:
        boxes: The boxes, with bounds on their trajectories.
        closed: `(B,)`: whether the specification is proved for each box.
        blame: `(B, d)`: contribution of each initial variable to the open inequality, which
            determines where open boxes are cut.
        margin: `(B,)`: margins of the boxes.
        trouble: A sentence that says where the plant may be undefined; empty if nowhere.
    """

    boxes: list[SentBox]
    closed: np.ndarray
    blame: np.ndarray
    margin: np.ndarray
    trouble: str

    def enter(
        self, search: Bounding, batch: Sequence[TubeBox]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Store the bounds in the caller's boxes; return `closed`, `blame` and `margin`."""
        graphs = graphs_of(search.system)
        for box, sent in zip(batch, self.boxes, strict=True):
            new = sent.unpack(graphs)
            box.states, box.controls, box.gains = new.states, new.controls, new.gains
            box.reached, box.guard, box.empty = new.reached, new.guard, new.empty
        search.trouble = self.trouble or search.trouble
        return self.closed, self.blame, self.margin


@dataclass(frozen=True, eq=False)
class BoundedHere:
    """Result for a batch whose bounds a thread of this process has stored in the boxes.

    Args:
        result: The result of `Bounding.bound`; None if it raised `error`.
        trouble: A sentence that says where the plant may be undefined; empty if nowhere.
        error: The error that `Bounding.bound` raised; None if it raised none.
    """

    result: tuple[np.ndarray, np.ndarray, np.ndarray] | None
    trouble: str
    error: InputError | None = None

    def enter(
        self, search: Bounding, batch: Sequence[TubeBox]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the stored result of `bound`, or raise the stored error.

        Raises:
            InputError: `bound` raised this error.
            OutOfTime: There is no result and no stored error.
        """
        search.trouble = self.trouble or search.trouble
        if self.result is None:
            raise self.error or OutOfTime
        return self.result


def graphs_of(system: LoopSystem) -> list[Graph]:
    """Return all graphs of a loop, in the same order in every process."""
    return [*system.steps, *(graph for mode in system.of_modes.values() for graph in mode)]


def bound_batches(
    search: Bounding, batches: Sequence[Sequence[TubeBox]]
) -> dict[int, BoundedBoxes | None] | dict[int, BoundedHere | None]:
    """Bound batches on workers or threads; return results keyed by the index of the batch.

    The result of a batch is absent or None if time ran out, or if its workers were lost.
    """
    helpers, results = ambient_workers(), {}
    if helpers is None:
        return dict(enumerate(map_batches(partial(_bound_here, search), batches)))
    if search.waves is None:
        shared = copy(search)
        shared.waiting, shared.done = [], []
        # The user's own model stays in this process.
        shared.system = replace(search.system, model_step=None)
        search.waves = Waves(helpers, shared, "initial states", bound_boxes)
    graphs = graphs_of(search.system)
    sent = [[SentBox.of(box, graphs) for box in batch] for batch in batches]
    search.waves.ask(sent, seconds_left(), results)
    return results


def _bound_here(search: Bounding, batch: Sequence[TubeBox]) -> BoundedHere | None:
    """Propagate a batch in a thread; return None if time ran out first."""
    search_copy = copy(search)
    search_copy.trouble = ""
    try:
        return BoundedHere(search_copy.bound(batch), search_copy.trouble)
    except OutOfTime:
        return None
    except InputError as error:
        return BoundedHere(None, search_copy.trouble, error)


def bound_boxes(
    payload: CachedPayload, sent: Sequence[SentBox], seconds: float
) -> BoundedBoxes | None:
    """Propagate a batch on a worker; return None if time ran out first.

    Args:
        payload: The search in serialized form, without boxes.
        sent: The boxes of the batch.
        seconds: Remaining time; infinite without a limit.
    """
    search: Bounding = copy(payload.get_or_make("search", deserialize))
    search.trouble = ""  # Threads of one process share the payload: this copy belongs to this task.
    graphs = graphs_of(search.system)
    batch = [box.unpack(graphs) for box in sent]
    try:
        with deadline(seconds):
            closed, blame, margin = search.bound(batch)
    except OutOfTime:
        return None
    boxes = [SentBox.of(box, graphs) for box in batch]
    return BoundedBoxes(boxes, closed, blame, margin, search.trouble)
