"""The search of one box, of which it is known what float32 may round there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...core import Box, OutOfTime, deadline
from ..common.domain_boxes import DomainBoxes
from ..common.incumbent import Incumbent
from ..kernel.binding import CompiledProgram
from ..kernel.layer_program import LayerProgram
from .halves import few_points
from .kernel_search import KernelSearch


MOST_BOXES = 4096
"""Boxes that the search of a part may bound; a part that needs more is halved."""

STEPS = 48
"""Of the ascent on slopes in a box in which little is undecided."""


@dataclass(frozen=True, eq=False)
class Float32Goal:
    """What is to be proved of objectives in float32.

    Args:
        signs: `(m, k)`: the objectives as rows of the plan's forms.
        real: `(m,)` lower bounds proved in real arithmetic; `-inf` where nothing is.
        target: `(m,)` lower bounds that are good enough.
        scale: `(m,)` positive: what a miss is measured by.
        points: `(m, d)` where the real objectives are that low; NaN where that is not known.
    """

    signs: np.ndarray
    real: np.ndarray
    target: np.ndarray
    scale: np.ndarray
    points: np.ndarray | None = None


class Explored(NamedTuple):
    """What a search has come to.

    Args:
        lower: `(m,)` lower bounds of the objectives over the box.
        boxes: How many it took.
        ended: Whether none was left.
        at: `(m, d)` the points at which the objectives were least; None if it did not come so far.
    """

    lower: np.ndarray
    boxes: int
    ended: bool
    at: np.ndarray | None = None


class _Bounding(KernelSearch):
    """The search of a part: nobody asks it for points."""

    def advance(self) -> bool:
        """Explore some boxes."""
        self._explore()
        self.frontier.settle()
        return True


def explored(
    program: LayerProgram,
    kernel: CompiledProgram,
    box: Box,
    rows: np.ndarray,
    target: np.ndarray,
    known: np.ndarray,
    *,
    seconds: float,
    steps: int = KernelSearch.ascent,
    most: int = MOST_BOXES,
) -> Explored:
    """Lower bounds of all objectives over a box.

    Args:
        program: Of which each layer says how far it may be off its definition.
        kernel: The same, compiled for a box that holds this one.
        box: Of all inputs; the program's are those that vary in it.
        rows: `(m, k)` the objectives.
        target: `(m,)` bounds that are good enough.
        known: `(m,)` bounds that are proved.
        seconds: How long at most.
        steps: Of the ascent on slopes, a box.
    """
    incumbent = Incumbent(rows, 0.0, seconds, None)
    incumbent.prove(known)
    incumbent.target, incumbent.goal = target, np.full(known.size, -np.inf)
    try:
        with deadline(seconds):
            search = _Bounding(program, DomainBoxes.of(box), incumbent, first=few_points,
                               kernel=kernel)  # fmt: skip
            search.ascent = steps
            while not search.finished and incumbent.boxes < most:
                search.advance()
                if incumbent.clock.expired:
                    break
    except OutOfTime:
        return Explored(known, incumbent.boxes, False)
    lower = np.fmax(search.lower(), incumbent.known)
    return Explored(lower, incumbent.boxes, search.finished, incumbent.best_at)
