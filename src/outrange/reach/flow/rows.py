"""The plainest of questions: rows of the states stay between limits for some time."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...graph import Graph
from ..polynomials.models import Models
from ..polynomials.ranges import Hull
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
            return PipeDecision(np.zeros(count, bool), None)
        least, most = segment.range(self.rows)
        return decided(least, most, self.low, self.high, segment.forms(self.rows))


@dataclass(frozen=True, eq=False)
class Measures:
    """`low <= g(x, t) <= high` at all times of `[start, end]`, `g` any graph; a `Decide`.

    Args:
        graph: Its inputs are named `x` and `t`, or one of the two.
        low: `(R,)` of its outputs; `-inf` where there is no limit.
        high: `(R,)`; `inf` where there is none.
        start: When it begins to count, exactly.
        end: When it has counted.
    """

    graph: Graph
    low: np.ndarray
    high: np.ndarray
    start: Fraction
    end: Fraction

    def __call__(self, segment: Segment) -> PipeDecision:
        none = np.zeros((1, 0))
        if not Rows(none, none[0], none[0], self.start, self.end).counts(segment):
            return PipeDecision(np.zeros(segment.boxes.size, bool), None)
        found = segment.measured(self.graph)
        return decided(*Hull.of(found).ends(), self.low, self.high, found)


def decided(
    least: np.ndarray, most: np.ndarray, low: np.ndarray, high: np.ndarray, forms: Models
) -> PipeDecision:
    """Which boxes leave their limits, and by which form they do so most.

    Args:
        least: `(b, R)` of each form.
        most: `(b, R)`.
        low: `(R,)` limits.
        high: `(R,)`.
        forms: The forms, `(b, R)`.
    """
    beyond = np.maximum(low - least, most - high)
    if not (beyond > 0).any():
        return PipeDecision(np.zeros(len(least), bool), None)
    with np.errstate(all="ignore"):
        share = np.where(beyond > 0, beyond / (most - least), -np.inf)
    worst = np.where(np.isnan(share), np.inf, share).argmax(axis=1)
    rows = np.arange(len(least))
    rest = None if forms.rest is None else forms.rest[rows, worst][:, None]
    one = Models(
        forms.frame, forms.coef[rows, worst][:, None], forms.sym[rows, worst][:, None], rest
    )
    return PipeDecision(np.any(beyond > 0, axis=1), middle_of(one))


def middle_of(tube: Models) -> Models:
    """Forms in the middle of a tube, at an instant; for blame, not for proofs."""
    frame = tube.frame
    powers = 0.5 ** np.arange(frame.times)
    coef = tube.coef.reshape(*tube.coef.shape[:2], frame.times, frame.width)
    return Models(
        frame, np.einsum("bntm,t->bnm", coef, powers),
        np.einsum("bnts,t->bns", tube.sym, powers)[:, :, None], tube.rest,
    )  # fmt: skip
