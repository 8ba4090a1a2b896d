"""Search of one box with known bounds on its float32 rounding errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ....core import Box, OutOfTime, deadline
from ...common.domain_boxes import DomainBoxes
from ...common.incumbent import Incumbent
from ...input_split.bisection import few_points
from ...input_split.kernel_search import KernelSearch
from ...kernel.binding import CompiledProgram
from ...kernel.layer_program import LayerProgram


MOST_BOXES = 4096
"""Number of boxes after which the search of a part stops; a part that needs more is halved."""

STEPS = 48
"""Maximum number of slope ascent steps per objective, for small boxes and for parts with few
unstable units."""


@dataclass(frozen=True, eq=False)
class Float32Goal:
    """Objectives of a float32 network, and the lower bounds to be proved for them.

    Args:
        signs: `(m, k)` objectives as rows over the plan's forms.
        real: `(m,)` lower bounds proved in real arithmetic; `-inf` where none is known.
        target: `(m,)` lower bounds to reach.
        scale: `(m,)` positive units in which shortfalls are measured.
        points: `(m, d)` points at which the real objectives are nearly least; a row is NaN if its
            point is unknown. None if no point is known.
    """

    signs: np.ndarray
    real: np.ndarray
    target: np.ndarray
    scale: np.ndarray
    points: np.ndarray | None = None


class BoxResult(NamedTuple):
    """Result of the search of one box.

    Args:
        lower: `(m,)` lower bounds on the objectives over the box.
        boxes: Number of boxes bounded.
        ended: Whether no box is left open.
        at: `(m, d)` points at which the least values of the objectives were found; None if a
            deadline interrupted the search.
    """

    lower: np.ndarray
    boxes: int
    ended: bool
    at: np.ndarray | None = None


class _Bounding(KernelSearch):
    """Kernel search that only bounds boxes, without attacks between splits."""

    def advance(self) -> bool:
        """Bound some boxes, and replace those that stay open with sub-boxes; return True."""
        self._explore()
        self.frontier.settle()
        return True


def explore_box(
    program: LayerProgram,
    kernel: CompiledProgram,
    box: Box,
    rows: np.ndarray,
    target: np.ndarray,
    proved: np.ndarray,
    *,
    seconds: float,
    steps: int = KernelSearch.ascent,
    most: int = MOST_BOXES,
) -> BoxResult:
    """Compute lower bounds on all objectives over a box by branch and bound.

    Args:
        program: Program whose layers state how far they may deviate from their definitions.
        kernel: The same program, compiled for a box that contains this one.
        box: Box of all inputs; the program reads only the inputs that vary in it.
        rows: `(m, k)` objectives as rows over the forms.
        target: `(m,)` bounds to reach.
        proved: `(m,)` bounds that are already proved.
        seconds: Time limit in seconds.
        steps: Maximum number of slope ascent steps per objective of a box.
        most: Number of bounded boxes after which the search stops.
    """
    incumbent = Incumbent(rows, 0.0, seconds, None)
    incumbent.prove(proved)
    incumbent.target, incumbent.goal = target, np.full(proved.size, -np.inf)
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
        return BoxResult(proved, incumbent.boxes, False)
    lower = np.fmax(search.lower(), incumbent.known)
    return BoxResult(lower, incumbent.boxes, search.finished, incumbent.best_at)
