"""Computation of flowpipes on workers or threads, one task for each batch of initial boxes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from ....core import Bounds, Clock
from ....executors.ambient_pool import ambient_workers
from ....executors.payload import deserialize
from ....executors.worker_cache import CachedPayload
from ....graph import Graph
from ...spread.threads import map_batches, on_one_core
from ...spread.waves import Waves
from ..controllers import SampledControl
from ..loop import flow_pipe
from ..pipe import Decide, FlowPipe, PipeDecision, Segment


@dataclass(frozen=True, eq=False)
class Reporting:
    """A decision that also reports progress; tasks on workers use only its field `decide`.

    Args:
        report: Called for each segment with the number of its boxes.
    """

    decide: Decide
    report: Callable[[int], None]

    def __call__(self, segment: Segment) -> PipeDecision:
        self.report(segment.boxes.size)
        return self.decide(segment)


@dataclass(eq=False)
class FlowTask:
    """The arguments of `flow_pipe` that are the same for all batches."""

    plant: Graph
    controller: Graph | SampledControl | None
    dt: Fraction
    steps: int
    decide: Decide | None
    disturbance: Bounds | None
    keep: bool
    waves: Waves | None = field(default=None, init=False, repr=False)

    def pipe(self, ends: Bounds, seconds: float | None) -> FlowPipe:
        """Compute the pipes of boxes, given by their corners, on one core."""
        with on_one_core():
            return flow_pipe(
                self.plant, self.controller, ends, self.dt, self.steps, seconds,
                disturbance=self.disturbance, decide=self.decide, keep=self.keep,
            )  # fmt: skip

    def run_batches(
        self, batches: Sequence[Bounds], seconds: float, results: dict[int, FlowPipe]
    ) -> None:
        """Compute the pipes of batches of boxes on workers, or on threads if there are no workers.

        Args:
            batches: Corners of the boxes of each batch.
            seconds: Remaining time; infinite without a limit.
            results: Filled with the finished pipes, keyed by the index of the batch. Pipes from
                workers are stored even after an interrupt.
        """
        helpers, decide, report = ambient_workers(), self.decide, _ignore
        if isinstance(decide, Reporting):
            decide, report = decide.decide, decide.report
        shared = replace(self, decide=decide)
        if helpers is None:
            clock = Clock(seconds)
            pipes = map_batches(lambda ends: shared.pipe(ends, clock.left), batches)
            results.update(enumerate(pipes))
            report(sum(len(ends[0]) for ends in batches))
            return
        if self.waves is None:
            self.waves = Waves(helpers, shared, "initial states", bound_flow)
        self.waves.ask(batches, seconds, results, lambda k: report(len(batches[k][0])))


def _ignore(boxes: int) -> None:
    """Do nothing; used in place of a function that reports progress."""


def bound_flow(payload: CachedPayload, ends: Bounds, seconds: float) -> FlowPipe:
    """Compute the flowpipes of a batch of boxes, on a worker.

    Args:
        payload: The `FlowTask` in serialized form.
        ends: Corners of the boxes.
        seconds: Remaining time; infinite without a limit.
    """
    task: FlowTask = payload.get_or_make("flow", deserialize)
    return task.pipe(ends, seconds if np.isfinite(seconds) else None)
