"""Data for figures of a closed loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ..render.loops import Ends, Runs, Worst, Zone
from ..render.text import clipped_name
from ..verdict import LONGEST_CLAIM
from .pipe import Pipe
from .trajectory import LoopTrajectory, LoopZone


class LoopFigure(Protocol):
    """Interface of an answer about a closed loop: the fields that its figures use."""

    @property
    def status(self) -> str: ...
    @property
    def claim(self) -> str: ...
    @property
    def pipe(self) -> Pipe: ...
    @property
    def counterexample(self) -> LoopTrajectory | None: ...
    @property
    def zones(self) -> Sequence[LoopZone]: ...
    @property
    def trajectories(self) -> np.ndarray: ...
    @property
    def runs_at(self) -> np.ndarray: ...
    @property
    def dt(self) -> float | None: ...


def figure_data(
    answer: LoopFigure,
) -> tuple[str, tuple[str, ...], Ends, Runs, Worst | None, list[Zone]]:
    """Return the data of a figure of a closed loop.

    Returns:
        The title; the names of the states; the boxes; the simulated trajectories; the violating
        trajectory or None; and the sets that the specification mentions.
    """
    claim, example, pipe = (
        clipped_name(answer.claim, LONGEST_CLAIM),
        answer.counterexample,
        answer.pipe,
    )
    title = f"{answer.status}: {claim}" if claim else "Where the states can be (proved)"
    worst = None
    if example is not None:
        run = np.arange(len(example.lo)) if example.times is None else example.times
        worst = example.states, example.step, run
    zones = [(zone.bad, zone.lo, zone.hi, zone.start, zone.stop) for zone in answer.zones]
    ends = pipe.start, pipe.stop, pipe.lo, pipe.hi
    runs_at = answer.runs_at
    if answer.dt is None:
        runs_at = np.arange(answer.trajectories.shape[1])
    return title, pipe.states, ends, Runs(answer.trajectories, runs_at), worst, zones
