"""Progress record of an ongoing comparison of training runs."""

from __future__ import annotations

from dataclasses import dataclass

from ..render.document import Table
from ..render.text import block_lines, short, size


@dataclass(frozen=True)
class StudyProgress:
    """Progress of a comparison of training runs.

    Args:
        seconds: Wall-clock time so far, in seconds.
        epoch: Number of epochs trained.
        epochs: Number of epochs planned.
        metric: Name of the compared metric.
        leaders: Best combinations so far, each as `(name, median metric, smallest metric, largest
            metric)`.
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
