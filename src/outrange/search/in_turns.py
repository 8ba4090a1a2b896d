"""Several searches of one problem in turns: the portfolio.

Reference: B. Huberman, R. Lukose, T. Hogg, *An economics approach to hard computational problems*,
Science 275 (1997).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..core import Warrant
from .common.failures import SearchFailedError, attempt
from .common.incumbent import Incumbent
from .common.search import Search


FIRST_TURN = 0.5
"""Seconds of the first turn of each search of a portfolio; every later round doubles it."""

LEAST_GAIN = 0.01
"""Share of its open gap that the search with the best bounds must close in a turn to keep it."""

SHARE_BEHIND = 0.0625
"""Share of a turn for a search whose bounds are worse than another's after the first round."""


class Portfolio(Search):
    """Several searches of one problem in turns of growing length; they share an incumbent.

    What one of them proves, the others need not. From the second round on the search with the best
    bounds gets most of the time: it shows early which kind of split suits a network.
    """

    def __init__(self, parts: tuple[Search, ...]) -> None:
        self.incumbent, self._parts = parts[0].incumbent, parts
        self._going = list(parts)
        self._used: list[Search] = []
        self._turn = FIRST_TURN
        self._leader: Search | None = None
        self._stood = -np.inf
        """The standing of the leader when its last turn began."""
        self._stalled: set[int] = set()
        """Identities of the leaders that gained nothing in a turn."""
        self._ended_by: type[MemoryError | SearchFailedError] | None = None
        self._at = 0
        self._turn_ends = self.incumbent.clock.seconds + parts[0].share * FIRST_TURN

    def lower(self) -> np.ndarray:
        return np.maximum.reduce([part.lower() for part in self._parts])

    @property
    def methods(self) -> tuple[str, ...]:
        """Those of the searches that have run."""
        used = self._used or self._parts[:1]
        return tuple(dict.fromkeys(m for part in used for m in part.methods))

    @property
    def waiting(self) -> int:
        return sum(part.waiting for part in self._going)

    @property
    def warrant(self) -> Warrant:
        return min(part.warrant for part in self._parts)

    @property
    def finished(self) -> bool:
        # `lower` would cost a pass over all open boxes: the bounds of the last turn suffice.
        return not bool((self.incumbent.known < self.incumbent.cutoff()).any())

    def recover(self) -> None:
        for part in self._parts:
            part.recover()

    def advance(self) -> bool:
        """Advance the search whose turn it is."""
        part = self._going[self._at]
        if part not in self._used:
            self._used.append(part)
        try:
            goes_on = not part.finished and attempt(part.advance, type(part).__name__)
        except (MemoryError, SearchFailedError) as error:
            # The others go on; where none is left that proves, that is why all end.
            part.recover()
            # The error itself would hold what filled the memory.
            goes_on, self._ended_by = False, type(error)
        if not goes_on:
            self._going.remove(part)
        if not goes_on or self.incumbent.clock.seconds > self._turn_ends:
            self.incumbent.prove(part.lower())
            self._next(goes_on)
        if any(part.proves for part in self._going):
            return True
        if self._ended_by is not None:
            raise self._ended_by()
        return False

    def _next(self, goes_on: bool) -> None:
        self._at += goes_on
        if self._at >= len(self._going):
            self._at = 0
            self._turn *= 2
            self._choose_leader()
        now = self._going[self._at : self._at + 1]
        behind = self._leader is not None and now != [self._leader] and all(p.gradual for p in now)
        share = SHARE_BEHIND if behind else now[0].share if now else 1.0
        self._turn_ends = self.incumbent.clock.seconds + share * self._turn

    def _choose_leader(self) -> None:
        """Choose the search with the best bounds of those that gained in their last long turn."""
        rising = [part for part in self._going if part.gradual]
        if self._leader in rising:
            gains = self._standing(self._leader) > self._stood * (1.0 - LEAST_GAIN)
            if self._leader.settled and not gains:
                self._stalled.add(id(self._leader))
        early = [part for part in rising if not part.settled]
        able = [part for part in rising if id(part) not in self._stalled]
        if not able:
            self._stalled.clear()
        self._leader = max(early or able or rising, key=self._standing, default=None)
        self._stood = -np.inf if self._leader is None else self._standing(self._leader)

    def _standing(self, part: Search) -> float:
        """The open gaps that a search has left, relative to the ranges seen: their mean."""
        incumbent = self.incumbent
        open_ = incumbent.known < incumbent.cutoff()
        gap = (incumbent.best - part.lower()) / incumbent.scale()
        return -float(np.where(open_, np.nan_to_num(gap, nan=np.inf), 0.0).mean())


def begin_in_turns(*begins: Callable[[], Search]) -> Search:
    """Begin searches that take turns, without those that fail as they begin.

    Args:
        begins: Each makes a search; all share an incumbent.

    Raises:
        SearchFailedError: All of them fail.
    """
    begun, ended_by = [], SearchFailedError()
    for begin in begins:
        try:
            begun.append(attempt(begin, "the beginning of a search"))
        except SearchFailedError as error:
            ended_by = error
    if not begun:
        raise ended_by
    return begun[0] if len(begun) == 1 else Portfolio(tuple(begun))


class Later(Search):
    """A search that begins when it is first advanced: its first bounds may take long.

    Args:
        incumbent: What it shares with the others.
    """

    def __init__(self, begin: Callable[[], Search], incumbent: Incumbent) -> None:
        self.incumbent, self._begin = incumbent, begin
        self._search: Search | None = None

    @property
    def methods(self) -> tuple[str, ...]:
        """Those of the search, once it has begun."""
        return () if self._search is None else self._search.methods

    @property
    def gradual(self) -> bool:
        """As the search is."""
        return self._search is None or self._search.gradual

    @property
    def settled(self) -> bool:
        """As the search is."""
        return self._search is None or self._search.settled

    @property
    def share(self) -> float:
        """As the search's."""
        return 1.0 if self._search is None else self._search.share

    @property
    def waiting(self) -> int:
        return 1 if self._search is None else self._search.waiting

    @property
    def warrant(self) -> Warrant:
        return Warrant.FLOAT64_ROUNDED if self._search is None else self._search.warrant

    @property
    def finished(self) -> bool:
        return self._search is not None and self._search.finished

    def lower(self) -> np.ndarray:
        none = np.full(self.incumbent.known.shape, -np.inf)
        return none if self._search is None else self._search.lower()

    def recover(self) -> None:
        if self._search is not None:
            self._search.recover()

    def advance(self) -> bool:
        """Begin, or advance the search."""
        if self._search is None:
            self._search = self._begin()
            return True
        return self._search.advance()
