"""Decisions on whether a flowpipe satisfies constraints throughout a time window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from ...core import down
from ...graph import Graph
from ..polynomials.models import Models
from ..polynomials.ranges import Hull
from .pipe import Decide, PipeDecision, Segment


HALVINGS = 5
"""Largest number of times that `AnyOf` bisects a segment to switch between alternatives."""


@dataclass(frozen=True, eq=False)
class Window:
    """The time window `[start, end]` of a question about a flowpipe.

    Args:
        end: Exact last time; equal to `start` for a single instant.
        period: Period of the loop. It matters for a window that is an instant between two periods:
            if it is given, the question is about the segment of the instant only. If it is None,
            the question is also about the less sharp segments before and after the instant.
        held_to: Final time of the loop, for questions about controls, which are constant over each
            period; None for other questions. If it is given, an instant belongs to the period that
            begins there, and the final time belongs to the last period.
    """

    start: Fraction
    end: Fraction
    period: Fraction | None = None
    held_to: Fraction | None = None

    def counts(self, segment: Segment) -> bool:
        """Return whether the question must be decided on a segment."""
        if segment.start == segment.end:
            return self.held_to is None and self.start <= segment.start <= self.end
        if self.held_to is not None:
            last = self.start == segment.end == self.held_to
            return segment.start <= self.end and (self.start < segment.end or last)
        if self.start < self.end:
            # The segment shares more than an endpoint with the window, or the next segment shares
            # it too.
            return segment.start < self.end and self.start < segment.end
        between = self.period is not None and (self.start / self.period).denominator == 1
        return not between and segment.start <= self.start <= segment.end


@dataclass(frozen=True, eq=False)
class Rows:
    """The decision on whether `low <= rows @ x <= high` at all times of a window.

    Args:
        rows: Coefficients of the forms, `(R, n)`.
        low: `(R,)`: lower limits; `-inf` where there is no limit.
        high: `(R,)`: upper limits; `inf` where there is none.
        window: The times at which the constraint must hold.
    """

    rows: np.ndarray
    low: np.ndarray
    high: np.ndarray
    window: Window

    def __call__(self, segment: Segment) -> PipeDecision:
        if not self.window.counts(segment):
            return nothing_open(segment)
        least, most = segment.within(self.rows, self.low, self.high)
        return decide_limits(least, most, self.low, self.high, segment.forms(self.rows))


@dataclass(frozen=True, eq=False)
class Measures:
    """The decision on whether `low <= g(x, t) <= high` at all times of a window, for a graph `g`.

    Args:
        graph: The graph `g`, with inputs `x` and `t` or only one of the two.
        low: `(R,)`: lower limits of its outputs; `-inf` where there is none.
        high: `(R,)`: upper limits; `inf` where there is none.
        window: The times at which the constraint must hold.
    """

    graph: Graph
    low: np.ndarray
    high: np.ndarray
    window: Window

    def __call__(self, segment: Segment) -> PipeDecision:
        if not self.window.counts(segment):
            return nothing_open(segment)
        models = segment.models_of(self.graph)
        return decide_limits(*Hull.of(models).ends(), self.low, self.high, models)


@dataclass(frozen=True, eq=False)
class AllOf:
    """The conjunction of several decisions: a box is open if any part leaves it open."""

    parts: Sequence[Decide]

    def __call__(self, segment: Segment) -> PipeDecision:
        decisions = [part(segment) for part in self.parts]
        whole = _select_forms(decisions, np.any([d.open for d in decisions], axis=0), np.argmax)
        slacks = [d.slack for d in decisions if d.slack is not None]
        return replace(whole, slack=np.min(slacks, axis=0) if slacks else None)


@dataclass(frozen=True, eq=False)
class AnyOf:
    """The decision on whether, at every time, at least one part holds.

    An example is the claim that the states stay outside a box. If no part holds throughout a
    segment, its time is bisected: one part may hold before the trajectory passes a corner, and
    another part afterward.
    """

    parts: Sequence[Decide]

    def __call__(self, segment: Segment) -> PipeDecision:
        return self._decide(segment, HALVINGS if segment.start < segment.end else 0)

    def _decide(self, segment: Segment, left: int) -> PipeDecision:
        decisions = [part(segment) for part in self.parts]
        whole = _select_forms(decisions, np.all([d.open for d in decisions], axis=0), np.argmin)
        none = np.full(segment.boxes.size, np.inf)
        slack = np.max([none if d.slack is None else d.slack for d in decisions], axis=0)
        whole = replace(whole, slack=slack)
        some = np.flatnonzero(whole.open)
        if not some.size or left == 0:
            return whole
        first, second = segment.take(some, True).bisect()
        decision = self._decide(first, left - 1)
        still_open, least = decision.open.copy(), np.array(decision.slack)
        fine = np.flatnonzero(~still_open)
        if fine.size:
            # Only boxes that are decided in the first half need the second.
            decision = self._decide(second.take(fine, True), left - 1)
            still_open[fine] = decision.open
            least[fine] = np.minimum(least[fine], np.array(decision.slack))
        open_ = np.zeros(segment.boxes.size, bool)
        open_[some], slack[some] = still_open, least
        return PipeDecision(open_, whole.forms if open_.any() else None, whole.excess, slack)


def nothing_open(segment: Segment) -> PipeDecision:
    """Return a `PipeDecision` that leaves no box of the segment open."""
    count = segment.boxes.size
    return PipeDecision(np.zeros(count, bool), None, np.zeros(count))


def _select_forms(
    decisions: Sequence[PipeDecision], open_: np.ndarray, choose: Callable[..., np.ndarray]
) -> PipeDecision:
    """Combine the decisions of several parts.

    For each box, the function that leaves the box open is taken from the part that `choose`
    selects.

    Args:
        decisions: The decisions of the parts.
        open_: `(b,)`: whether each box is open in the result.
        choose: `np.argmax` or `np.argmin`, applied to the excesses of the parts.
    """
    excess = np.stack([d.excess for d in decisions])
    if not open_.any():
        return PipeDecision(open_, None, np.zeros(open_.size))
    which = choose(excess, axis=0)
    forms: Models | None = None
    for k, decision in enumerate(decisions):
        if decision.forms is not None:
            forms = (
                decision.forms if forms is None else select_boxes(which == k, decision.forms, forms)
            )
    return PipeDecision(open_, forms, np.take_along_axis(excess, which[None], axis=0)[0])


def select_boxes(mask: np.ndarray, a: Models, b: Models) -> Models:
    """Return models taken from `a` for the boxes in the mask `(b,)`, and from `b` elsewhere."""
    assert a.rest is not None and b.rest is not None
    return Models(
        a.frame, np.where(mask[:, None, None], a.coef, b.coef),
        np.where(mask[:, None, None, None], a.sym, b.sym),
        np.where(mask[:, None], a.rest, b.rest),
    )  # fmt: skip


def decide_limits(
    least: np.ndarray, most: np.ndarray, low: np.ndarray, high: np.ndarray, forms: Models
) -> PipeDecision:
    """Decide for which boxes the bounds on all functions satisfy the limits; the others stay open.

    The result contains, for each open box, the function whose bounds exceed its limits most,
    relative to the width of these bounds.

    Args:
        least: `(b, R)`: lower bound on each function.
        most: `(b, R)`: upper bound on each function.
        low: `(R,)`: lower limits; `-inf` where there is none.
        high: `(R,)`: upper limits; `inf` where there is none.
        forms: The functions as Taylor models, `(b, R)`.
    """
    with np.errstate(invalid="ignore"):
        beyond = np.maximum(low - least, most - high)
    # NaN counts as open.
    beyond = np.where(np.isnan(beyond), np.inf, beyond)
    slack = down(-beyond).min(axis=1)
    if not (beyond > 0).any():
        return PipeDecision(np.zeros(len(least), bool), None, np.zeros(len(least)), slack)
    with np.errstate(all="ignore"):
        share = np.where(beyond > 0, beyond / (most - least), -np.inf)
    share = np.where(np.isnan(share), np.inf, share)
    worst = share.argmax(axis=1)
    rows = np.arange(len(least))
    rest = None if forms.rest is None else forms.rest[rows, worst][:, None]
    worst_form = Models(
        forms.frame, forms.coef[rows, worst][:, None], forms.sym[rows, worst][:, None], rest
    )
    excess = np.maximum(share[rows, worst], 0.0)
    return PipeDecision(np.any(beyond > 0, axis=1), middle_of(worst_form), excess, slack)


def middle_of(tube: Models) -> Models:
    """Return models of a tube's values at the midpoint of its time span; not for proofs."""
    frame = tube.frame
    powers = 0.5 ** np.arange(frame.times)
    coef = tube.coef.reshape(*tube.coef.shape[:2], frame.times, frame.width)
    return Models(
        frame, np.einsum("bntm,t->bnm", coef, powers),
        np.einsum("bnts,t->bns", tube.sym, powers)[:, :, None], tube.rest,
    )  # fmt: skip
