"""A box search that starts anew on halves of its box where rounding keeps its gap open.

The kernel pays for rounding by the sizes that values have on its root box. In a deep network they
can be far larger there than on any part of it, and what is paid swamps the bounds of small boxes
too. A search that has closed all its boxes, and whose gap is open all the same, is followed by one
on each half, with its own sizes.
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


MOST_HALVES = 1024
"""Searches that are begun on halves at most."""

SHRINKS = 0.9
"""A half is worth a search if its noise is under this share of that of the whole."""

FINEST = 2.0**-64
"""Noise of this share of what an objective attains keeps nothing open but a tie: about a point
where it is exact, the halves would go on to the smallest numbers."""

SAMPLES = 16
"""Points that a search on a half starts from: the best ones are known."""


class BoxSearch(Protocol):
    """A search on the kernel, here or over workers."""

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
    """A search on a part of the box, and what was proved of all objectives there before."""

    domain: DomainBoxes
    search: BoxSearch
    before: np.ndarray

    def lower(self) -> np.ndarray:
        return np.fmax(self.search.lower(), self.before)

    @property
    def noise(self) -> np.ndarray:
        return self.search.kernel.radius


class Halves(Search):
    """A search of a box, then of halves of halves, until rounding keeps no gap open.

    Args:
        begin: Begins a search on a part of it, with a way to find first points; None: the usual.

    Sound: every part's bound is proved, and the parts cover the box. Complete: up to what rounding
    costs on the smallest parts. Cost: nothing where the first search closes every gap.
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
        """What rounding costs where there was nothing left to halve: nobody can ask for less."""
        self._left = MOST_HALVES

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
        """Some boxes of the part that is searched now; the last of them may end it."""
        part = self._open[-1]
        # Boxes of this part cannot be closed to less; the whole can, so the floor is not kept.
        self.incumbent.floor = np.maximum(self._floor, 8 * part.noise)
        if not part.search.finished:
            part.search.advance()
        self.incumbent.floor = self._floor
        if part.search.finished:
            self._conclude(part)
        return True

    def _conclude(self, part: _Part) -> None:
        """Keep what a part has proved; where that is not enough, search its halves."""
        incumbent, lower = self.incumbent, part.lower()
        open_ = lower < incumbent.cutoff()
        halves = self._halved(part, open_) if open_.any() else []
        if not halves:
            self._closed = np.minimum(self._closed, lower)
            self._floor = np.where(open_, np.maximum(self._floor, 8 * part.noise), self._floor)
            incumbent.floor = self._floor
        # Only now: an interrupt must find the part, or what took its place.
        self._open = [*self._open[:-1], *halves]

    def _halved(self, part: _Part, open_: np.ndarray) -> list[_Part]:
        """Searches on both halves; none where there is nothing to halve, or nothing to gain."""
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
        found = []
        for a, b in ((lo[cut], middle), (middle, hi[cut])):
            low, high = domain.lo.copy(), domain.hi.copy()
            low[0, cut], high[0, cut] = a, b
            half = DomainBoxes(low, high, domain.whole)
            found.append(_Part(half, self._begin(half, few_points), part.lower()))
            self.incumbent.floor = self._floor
        self._left -= 1
        better = any(np.any((half.noise < SHRINKS * part.noise)[open_]) for half in found)
        return found if better else []


def few_points(
    gradient: Gradient,
    evaluate: Evaluate,
    boxes: DomainBoxes,
    objectives: int,
    rng: np.random.Generator,
) -> Points:
    """Samples: a search on a half begins with the best points known."""
    x = boxes.snap(boxes.hull.uniform(rng, SAMPLES))
    y = evaluate(x)
    return y.min(axis=0), x[y.argmin(axis=0)], y.max(axis=0)
