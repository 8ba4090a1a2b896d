"""The plainest of questions: rows of the states stay between limits for some time."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from .loop import PipeDecision
from .pipe import Segment


@dataclass(frozen=True, eq=False)
class Rows:
    """`low <= rows @ x <= high` at all times of `[start, end]`; a `Decide`.

    Args:
        rows: `(R, n)`.
        low: `(R,)`; `-inf` where there is no limit.
        high: `(R,)`; `inf` where there is none.
        start: When it begins to count, exactly.
        end: When it has counted.
        inside: Whether `end` is the end of a period: then that instant alone is asked about if
            `start` is the same.
    """

    rows: np.ndarray
    low: np.ndarray
    high: np.ndarray
    start: Fraction
    end: Fraction
    inside: bool = True

    def counts(self, segment: Segment) -> bool:
        """Whether a segment has to do with the times that count."""
        if segment.start == segment.end:
            return self.start <= segment.start <= self.end
        if self.start == self.end:
            return not self.inside and segment.start <= self.start <= segment.end
        return segment.start < self.end and self.start < segment.end

    def __call__(self, segment: Segment) -> PipeDecision:
        count = segment.boxes.size
        if not self.counts(segment):
            return PipeDecision(np.zeros(count, bool), np.zeros((count, self.rows.shape[1])))
        least, most = segment.range(self.rows)
        beyond = np.maximum(self.low - least, most - self.high)
        with np.errstate(all="ignore"):
            share = np.where(beyond > 0, beyond / (most - least), -np.inf)
        share = np.where(np.isnan(share), np.inf, share)
        return PipeDecision(np.any(beyond > 0, axis=1), self.rows[share.argmax(axis=1)])
