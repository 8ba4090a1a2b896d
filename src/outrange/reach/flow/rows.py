"""Questions about pipes: forms of the states stay between limits for some time."""

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
"""The time of a segment is halved so often at most, to turn a corner."""


@dataclass(frozen=True, eq=False)
class Window:
    """When a question counts: at all times of `[start, end]`.

    Args:
        start: Exactly.
        end: Exactly; the same for one instant.
        period: Of the loop. At an instant between two periods the form there is asked, which is
            sharper than the segments before and after; without it, those are.
        held_to: The end of the loop, where what counts is held from each instant on: the instant
            belongs to the period that it begins, and the end to the last one.
    """

    start: Fraction
    end: Fraction
    period: Fraction | None = None
    held_to: Fraction | None = None

    def counts(self, segment: Segment) -> bool:
        """Whether a segment has to do with the times that count."""
        if segment.start == segment.end:
            return self.held_to is None and self.start <= segment.start <= self.end
        if self.held_to is not None:
            last = self.start == segment.end == self.held_to
            return segment.start <= self.end and (self.start < segment.end or last)
        if self.start < self.end:
            # What a segment shares with the window is more than one of its ends, or belongs to
            # the next one as well.
            return segment.start < self.end and self.start < segment.end
        between = self.period is not None and (self.start / self.period).denominator == 1
        return not between and segment.start <= self.start <= segment.end


@dataclass(frozen=True, eq=False)
class Rows:
    """`low <= rows @ x <= high` at all times of a window; a `Decide`.

    Args:
        rows: `(R, n)`.
        low: `(R,)`; `-inf` where there is no limit.
        high: `(R,)`; `inf` where there is none.
        window: When it counts.
    """

    rows: np.ndarray
    low: np.ndarray
    high: np.ndarray
    window: Window

    def __call__(self, segment: Segment) -> PipeDecision:
        if not self.window.counts(segment):
            return nothing_open(segment)
        least, most = segment.within(self.rows, self.low, self.high)
        return decided(least, most, self.low, self.high, segment.forms(self.rows))


@dataclass(frozen=True, eq=False)
class Measures:
    """`low <= g(x, t) <= high` at all times of a window, `g` any graph; a `Decide`.

    Args:
        graph: Its inputs are named `x` and `t`, or one of the two.
        low: `(R,)` of its outputs; `-inf` where there is no limit.
        high: `(R,)`; `inf` where there is none.
        window: When it counts.
    """

    graph: Graph
    low: np.ndarray
    high: np.ndarray
    window: Window

    def __call__(self, segment: Segment) -> PipeDecision:
        if not self.window.counts(segment):
            return nothing_open(segment)
        found = segment.measured(self.graph)
        return decided(*Hull.of(found).ends(), self.low, self.high, found)


@dataclass(frozen=True, eq=False)
class AllOf:
    """Every part holds; a `Decide`.

    Args:
        parts: The parts.
    """

    parts: Sequence[Decide]

    def __call__(self, segment: Segment) -> PipeDecision:
        found = [part(segment) for part in self.parts]
        whole = _chosen(found, np.any([d.open for d in found], axis=0), np.argmax)
        known = [d.slack for d in found if d.slack is not None]
        return replace(whole, slack=np.min(known, axis=0) if known else None)


@dataclass(frozen=True, eq=False)
class AnyOf:
    """At every time one part holds: to stay out of a box, say; a `Decide`.

    Where no part holds throughout a segment, its time is halved: a corner is turned with one part
    before and another one after.

    Args:
        parts: The parts.
    """

    parts: Sequence[Decide]

    def __call__(self, segment: Segment) -> PipeDecision:
        return self._decide(segment, HALVINGS if segment.start < segment.end else 0)

    def _decide(self, segment: Segment, left: int) -> PipeDecision:
        found = [part(segment) for part in self.parts]
        whole = _chosen(found, np.all([d.open for d in found], axis=0), np.argmin)
        none = np.full(segment.boxes.size, np.inf)
        slack = np.max([none if d.slack is None else d.slack for d in found], axis=0)
        whole = replace(whole, slack=slack)
        some = np.flatnonzero(whole.open)
        if not some.size or left == 0:
            return whole
        first, second = segment.take(some, True).halves()
        decision = self._decide(first, left - 1)
        here, least = decision.open.copy(), np.array(decision.slack)
        fine = np.flatnonzero(~here)
        if fine.size:
            # A box that is open in the first half needs no second look.
            decision = self._decide(second.take(fine, True), left - 1)
            here[fine] = decision.open
            least[fine] = np.minimum(least[fine], np.array(decision.slack))
        open_ = np.zeros(segment.boxes.size, bool)
        open_[some], slack[some] = here, least
        return PipeDecision(open_, whole.forms if open_.any() else None, whole.excess, slack)


def nothing_open(segment: Segment) -> PipeDecision:
    """A segment that says nothing against it."""
    count = segment.boxes.size
    return PipeDecision(np.zeros(count, bool), None, np.zeros(count))


def _chosen(
    found: Sequence[PipeDecision], open_: np.ndarray, choose: Callable[..., np.ndarray]
) -> PipeDecision:
    """The boxes `open_`, with the form of the part that exceeds its limits most, or least."""
    excess = np.stack([d.excess for d in found])
    if not open_.any():
        return PipeDecision(open_, None, np.zeros(open_.size))
    which = choose(excess, axis=0)
    forms: Models | None = None
    for k, decision in enumerate(found):
        if decision.forms is not None:
            forms = decision.forms if forms is None else where(which == k, decision.forms, forms)
    return PipeDecision(open_, forms, np.take_along_axis(excess, which[None], axis=0)[0])


def where(mask: np.ndarray, a: Models, b: Models) -> Models:
    """Of each box the models of `a` where the mask `(b,)` says so, else those of `b`."""
    assert a.rest is not None and b.rest is not None
    return Models(
        a.frame, np.where(mask[:, None, None], a.coef, b.coef),
        np.where(mask[:, None, None, None], a.sym, b.sym),
        np.where(mask[:, None], a.rest, b.rest),
    )  # fmt: skip


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
    with np.errstate(invalid="ignore"):
        beyond = np.maximum(low - least, most - high)
    # What is not known is open.
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
    one = Models(
        forms.frame, forms.coef[rows, worst][:, None], forms.sym[rows, worst][:, None], rest
    )
    excess = np.maximum(share[rows, worst], 0.0)
    return PipeDecision(np.any(beyond > 0, axis=1), middle_of(one), excess, slack)


def middle_of(tube: Models) -> Models:
    """Forms in the middle of a tube, at an instant; for blame, not for proofs."""
    frame = tube.frame
    powers = 0.5 ** np.arange(frame.times)
    coef = tube.coef.reshape(*tube.coef.shape[:2], frame.times, frame.width)
    return Models(
        frame, np.einsum("bntm,t->bnm", coef, powers),
        np.einsum("bnts,t->bns", tube.sym, powers)[:, :, None], tube.rest,
    )  # fmt: skip
