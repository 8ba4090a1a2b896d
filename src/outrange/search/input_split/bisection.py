"""Restart of a box search on the halves of its box if rounding keeps its gap open.

The kernel's rounding errors depend on the magnitudes of values on its root box. In a deep network,
these magnitudes can be far larger on the root box than on its parts, and then the errors swamp even
the bounds of small boxes. So if a search has closed all its boxes but its gap is still open, each
half is searched with its own magnitudes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..attack.first_points import First
from ..attack.pgd import Evaluate, Gradient, Points
from ..common.domain_boxes import DomainBoxes
from ..common.incumbent import Incumbent
from ..common.search import Search
from ..kernel.binding import CompiledProgram


MOST_SPLITS = 1024
"""Maximum number of splits into halves."""

SHRINKS = 0.9
"""Upper limit on the ratio of a half's rounding error to that of the whole part. The halves are
searched only if the ratio is below this limit for at least one half and one open objective."""

FINEST = 2.0**-64
"""Rounding error, as a fraction of an objective's range, up to which halving does not help.

If the rounding error is that small and the gap is still open, some point attains the target.
Around this point, halving would continue down to the smallest floating-point numbers.
"""

SAMPLES = 16
"""Number of random points at which `few_points` evaluates the objectives."""


class BoxSearch(Protocol):
    """A search on the compiled kernel, in this process or distributed over workers."""

    incumbent: Incumbent
    methods: tuple[str, ...]

    @property
    def kernel(self) -> CompiledProgram: ...
    @property
    def free(self) -> np.ndarray: ...
    @property
    def waiting(self) -> int: ...
    @property
    def finished(self) -> bool: ...
    def lower(self) -> np.ndarray: ...
    def advance(self) -> bool: ...
    def recover(self) -> None: ...


@dataclass(frozen=True, eq=False)
class _Part:
    """A search on a part of the box, and the bounds already proved for all objectives there."""

    domain: DomainBoxes
    search: BoxSearch
    before: np.ndarray

    def lower(self) -> np.ndarray:
        return np.fmax(self.search.lower(), self.before)

    @property
    def noise(self) -> np.ndarray:
        """`(m,)` the smallest gaps that rounding errors allow for the objectives."""
        return self.search.kernel.radius


class BisectionSearch(Search):
    """Search of a box, then of its halves and their halves, while rounding keeps a gap open.

    Args:
        begin: Function that starts a search on a part of the box. Its second argument is a function
            that finds the first points of a half; it is None for the whole box.

    Sound: every part's bound is proved, and the parts cover the box. Complete: up to rounding on
    the smallest parts, of which there are at most `MOST_SPLITS + 1`. Cost: nothing if the first
    search closes every gap.
    """

    def __init__(
        self, domain: DomainBoxes, begin: Callable[[DomainBoxes, First | None], BoxSearch]
    ) -> None:
        first = begin(domain, None)
        self.incumbent, self.methods, self._begin = first.incumbent, first.methods, begin
        m = first.kernel.objectives
        self._open = [_Part(domain, first, np.full(m, -np.inf))]
        self._closed = np.full(m, np.inf)
        self._floor = self.incumbent.floor = np.zeros(m)
        """`(m,)` the gaps that rounding errors may cause on finished parts."""
        self._left = MOST_SPLITS

    def lower(self) -> np.ndarray:
        return np.minimum.reduce([self._closed, *(part.lower() for part in self._open)])

    @property
    def waiting(self) -> int:
        return sum(part.search.waiting for part in self._open)

    @property
    def finished(self) -> bool:
        return not self._open

    def recover(self) -> None:
        self.incumbent.floor = self._floor
        for part in self._open:
            part.search.recover()

    def advance(self) -> bool:
        """Explore boxes of the current part; conclude the part if none is left. Return True."""
        part = self._open[-1]
        # This part's gap cannot fall below its own rounding error; the whole's gap perhaps can.
        self.incumbent.floor = np.maximum(self._floor, 8 * part.noise)
        if not part.search.finished:
            part.search.advance()
        self.incumbent.floor = self._floor
        if part.search.finished:
            self._conclude(part)
        return True

    def _conclude(self, part: _Part) -> None:
        """Adopt the bounds of a finished part; if they do not suffice, search its halves."""
        incumbent, lower = self.incumbent, part.lower()
        open_ = lower < incumbent.cutoff()
        halves = self._halve(part, open_) if open_.any() else []
        if not halves:
            self._closed = np.minimum(self._closed, lower)
            self._floor = np.where(open_, np.maximum(self._floor, 8 * part.noise), self._floor)
            incumbent.floor = self._floor
        # Only now: an interrupt must find either the part or its halves.
        self._open = [*self._open[:-1], *halves]

    def _halve(self, part: _Part, open_: np.ndarray) -> list[_Part]:
        """Return searches on both halves of a part, or `[]`.

        The list is empty if no splits are left, or if no input can be halved. It is also empty if
        the rounding errors are at most `FINEST`, or hardly shrink on the halves (see `SHRINKS`).
        """
        domain = part.domain
        lo, hi = domain.lo[0], domain.hi[0]
        free = np.flatnonzero(part.search.free & ~domain.whole)
        tied = part.noise <= FINEST * self.incumbent.scale()
        if not self._left or not free.size or tied[open_].all():
            return []
        kernel = part.search.kernel
        status = np.zeros(kernel.program.states, np.int8)
        scores = kernel.bound(lo[part.search.free], hi[part.search.free], status, 1)[3]
        blame = np.zeros(lo.size)
        blame[part.search.free] = np.nan_to_num(scores[open_]).sum(axis=0)
        cut = int(free[np.argmax(blame[free] + 1e-12 * (hi - lo)[free])])
        middle = 0.5 * lo[cut] + 0.5 * hi[cut]
        if not lo[cut] < middle < hi[cut]:
            return []
        halves = []
        for a, b in ((lo[cut], middle), (middle, hi[cut])):
            low, high = domain.lo.copy(), domain.hi.copy()
            low[0, cut], high[0, cut] = a, b
            half = DomainBoxes(low, high, domain.whole)
            halves.append(_Part(half, self._begin(half, few_points), part.lower()))
            self.incumbent.floor = self._floor
        self._left -= 1
        better = any(np.any((half.noise < SHRINKS * part.noise)[open_]) for half in halves)
        return halves if better else []


def few_points(
    gradient: Gradient,
    evaluate: Evaluate,
    boxes: DomainBoxes,
    objectives: int,
    rng: np.random.Generator,
) -> Points:
    """Return each objective's least value, its point, and its largest value on a few samples.

    A search on a half needs only a few samples, because it already has the best known points.
    """
    x = boxes.snap(boxes.hull.uniform(rng, SAMPLES))
    y = evaluate(x)
    return y.min(axis=0), x[y.argmin(axis=0)], y.max(axis=0)
