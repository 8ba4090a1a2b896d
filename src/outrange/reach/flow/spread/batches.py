"""Pipes of flows on workers or threads: each has the initial boxes of one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from ....core import Bounds, Clock
from ....executors.parcel import unpacked
from ....executors.seam import workers
from ....executors.shelf import Kept
from ....graph import Graph
from ...spread.threads import map_batches, on_one_core
from ...spread.waves import Waves
from ..controllers import SampledControl
from ..loop import flow_pipe
from ..pipe import Decide, FlowPipe, PipeDecision, Segment


@dataclass(frozen=True, eq=False)
class Reporting:
    """A question that tells how far it is; of what workers do, whoever asks them tells it.

    Args:
        asked: The question.
        told: Called with a number of boxes.
    """

    asked: Decide
    told: Callable[[int], None]

    def __call__(self, segment: Segment) -> PipeDecision:
        self.told(segment.boxes.size)
        return self.asked(segment)


@dataclass(eq=False)
class FlowTask:
    """What all batches have in common; see `flow_pipe`."""

    plant: Graph
    controller: Graph | SampledControl | None
    dt: Fraction
    steps: int
    decide: Decide | None
    disturbance: Bounds | None
    keep: bool
    waves: Waves | None = field(default=None, init=False, repr=False)

    def pipe(self, ends: Bounds, seconds: float | None) -> FlowPipe:
        """The pipes of some boxes."""
        with on_one_core():
            return flow_pipe(
                self.plant, self.controller, ends, self.dt, self.steps, seconds,
                disturbance=self.disturbance, decide=self.decide, keep=self.keep,
            )  # fmt: skip

    def together(
        self, batches: Sequence[Bounds], seconds: float, found: dict[int, FlowPipe]
    ) -> None:
        """Bound the pipes of batches of boxes by workers, or by threads where there are none.

        Args:
            batches: Corners of the boxes of each.
            seconds: Seconds that are left; infinite without a limit.
            found: Receives the pipes by the place of the batch, also if an interrupt ends it.
        """
        helpers, asked, told = workers(), self.decide, _nobody
        if isinstance(asked, Reporting):
            asked, told = asked.asked, asked.told
        about = replace(self, decide=asked)
        if helpers is None:
            clock = Clock(seconds)
            pipes = map_batches(lambda ends: about.pipe(ends, clock.left), batches)
            found.update(enumerate(pipes))
            told(sum(len(ends[0]) for ends in batches))
            return
        if self.waves is None:
            self.waves = Waves(helpers, about, "initial states", bound_flow)
        self.waves.ask(batches, seconds, found, lambda k: told(len(batches[k][0])))


def _nobody(boxes: int) -> None:
    """Where nobody asks how far it is."""


def bound_flow(kept: Kept, ends: Bounds, seconds: float) -> FlowPipe:
    """The pipes of a batch, on a worker.

    Args:
        kept: A `FlowTask`.
        ends: Corners of the boxes.
        seconds: That are left; infinite without a limit.
    """
    task: FlowTask = kept.once("flow", unpacked)
    return task.pipe(ends, seconds if np.isfinite(seconds) else None)
