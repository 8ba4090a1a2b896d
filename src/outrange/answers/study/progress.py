"""Progress of a running comparison."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from ..render.document import Table
from ..render.text import block_lines, short, size


EVERY = 1.0
"""Seconds between two tables on a terminal; elsewhere ten times as long."""


@dataclass(frozen=True)
class StudyProgress:
    """How far a comparison is.

    Args:
        seconds: Wall-clock time so far, in seconds.
        epoch: Epochs trained.
        epochs: Epochs planned.
        metric: What is compared.
        leaders: `(combination, median metric, least, most)` of the best combinations now.
    """

    seconds: float
    epoch: int
    epochs: int
    metric: str
    leaders: tuple[tuple[str, float, float, float], ...]

    def __str__(self) -> str:
        when = f"epoch {self.epoch} of {self.epochs}, {size(self.seconds)}"
        rows = [(name, *map(short, values)) for name, *values in self.leaders]
        return "\n".join(block_lines(Table((when, self.metric, "least", "most"), rows)))


def live_table(out: TextIO | None = None) -> Callable[[StudyProgress], None]:
    """A function for `progress=` that shows the leaders, redrawn in place on a terminal."""
    stream = sys.stderr if out is None else out
    drawn, at = 0, -float("inf")

    def show(now: StudyProgress) -> None:
        nonlocal drawn, at
        wait = EVERY if stream.isatty() else 10 * EVERY
        done = now.epoch >= now.epochs
        if not done and time.perf_counter() - at < wait:
            return
        at = time.perf_counter()
        text = str(now)
        if stream.isatty() and drawn:
            stream.write(f"\x1b[{drawn}A\x1b[J")
        stream.write(text + "\n")
        stream.flush()
        drawn = text.count("\n") + 1

    return show
