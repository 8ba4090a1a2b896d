"""Rounds of turns, and a portfolio: several searches of one problem that take turns.

Reference: B. Huberman, R. Lukose, T. Hogg, *An economics approach to hard computational problems*,
Science 275 (1997).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Generic, TypeVar

import numpy as np

from ...core import Warrant
from .failures import SearchFailedError, attempt
from .incumbent import Incumbent
from .method import BeginMethod
from .search import Search
from .task import SearchTask


FIRST_TURN = 0.5
"""Length of the first turn of a search whose `share` is 1, in seconds. It doubles every round."""

LEAST_GAIN = 0.01
"""Fraction of its open gap that the leading search must close in a turn to remain the leader."""

SHARE_BEHIND = 0.0625
"""Fraction of a turn that each gradual search other than the leader gets after the first round."""


Member = TypeVar("Member")


class Rounds(Generic[Member]):
    """Members that take turns in a fixed order; the length of a turn doubles with every round.

    Args:
        members: The members, in the order of their turns.
        turn: Length of a turn in the first round, in seconds.
    """

    def __init__(self, members: Iterable[Member], turn: float) -> None:
        self.going, self.turn = list(members), turn
        self._at = 0

    @property
    def current(self) -> Member:
        """The member whose turn it is."""
        return self.going[self._at]

    def end_turn(self, *, goes_on: bool = True) -> bool:
        """Move on to the next member, and return whether a new round begins.

        Args:
            goes_on: Whether the current member has a turn in later rounds, too.
        """
        if not goes_on:
            del self.going[self._at]
        self._at += goes_on
        if self._at < len(self.going):
            return False
        self._at, self.turn = 0, 2 * self.turn
        return True


class Portfolio(Search):
    """Several searches of one problem with a shared incumbent, taking turns of growing length.

    A bound proved by one search is available to all. From the second round on, the search with the
    best bounds usually gets most of the time, because its lead shows which kind of split suits the
    network.
    """

    def __init__(self, parts: tuple[Search, ...]) -> None:
        self.incumbent, self._parts = parts[0].incumbent, parts
        self._rounds = Rounds(parts, FIRST_TURN)
        self._used: list[Search] = []
        self._leader: Search | None = None
        self._stood = -np.inf
        """Value of `_standing` for the leader when it was last chosen."""
        self._stalled: set[int] = set()
        """The `id` of each leader that closed less than `LEAST_GAIN` of its gap in a turn."""
        self._ended_by: type[MemoryError | SearchFailedError] | None = None
        self._turn_ends = self.incumbent.clock.seconds + parts[0].share * FIRST_TURN

    def lower(self) -> np.ndarray:
        return np.maximum.reduce([part.lower() for part in self._parts])

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods of the searches that have run."""
        used = self._used or self._parts[:1]
        return tuple(dict.fromkeys(m for part in used for m in part.methods))

    @property
    def waiting(self) -> int:
        return sum(part.waiting for part in self._rounds.going)

    @property
    def warrant(self) -> Warrant:
        return min(part.warrant for part in self._parts)

    @property
    def finished(self) -> bool:
        # `lower` would cost a pass over all open boxes; the bounds after the last turn suffice.
        return not bool((self.incumbent.known < self.incumbent.cutoff()).any())

    def recover(self) -> None:
        for part in self._parts:
            part.recover()

    def advance(self) -> bool:
        """Advance the current search of the round.

        Return whether a search that can prove bounds still has work to do.

        Raises:
            MemoryError: No open search proves bounds, and the last failure was a lack of memory.
            SearchFailedError: No open search proves bounds, and the last failure was an internal
                error.
        """
        part = self._rounds.current
        if part not in self._used:
            self._used.append(part)
        try:
            goes_on = not part.finished and attempt(part.advance, type(part).__name__)
        except (MemoryError, SearchFailedError) as error:
            # The other searches continue. If none of them proves bounds, this error ends all.
            part.recover()
            # Only the type is kept: the error itself holds references to the full memory.
            goes_on, self._ended_by = False, type(error)
        if not goes_on or self.incumbent.clock.seconds > self._turn_ends:
            self.incumbent.prove(part.lower())
            self._next(goes_on)
        if any(part.proves for part in self._rounds.going):
            return True
        if self._ended_by is not None:
            raise self._ended_by()
        return False

    def _next(self, goes_on: bool) -> None:
        if self._rounds.end_turn(goes_on=goes_on):
            self._choose_leader()
        share = self._share(self._rounds.current) if self._rounds.going else 1.0
        self._turn_ends = self.incumbent.clock.seconds + share * self._rounds.turn

    def _share(self, part: Search) -> float:
        """Return the length of a search's turn, relative to the turns of this round."""
        is_behind = self._leader is not None and part is not self._leader and part.gradual
        return SHARE_BEHIND if is_behind else part.share

    def _choose_leader(self) -> None:
        """Choose the search with the best bounds as the leader.

        Searches whose bounds are not yet `settled` are preferred, and then searches that have not
        stalled while they led. Searches that are not `gradual` never lead.
        """
        rising = [part for part in self._rounds.going if part.gradual]
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
        """Return minus the mean gap of a search over all objectives, relative to observed ranges.

        Closed objectives have gap 0.
        """
        incumbent = self.incumbent
        open_ = incumbent.known < incumbent.cutoff()
        gap = (incumbent.best - part.lower()) / incumbent.scale()
        return -float(np.where(open_, np.nan_to_num(gap, nan=np.inf), 0.0).mean())


def begin_in_turns(*begins: Callable[[], Search]) -> Search:
    """Start several searches and return one that alternates between them.

    Searches that fail to start are left out.

    Args:
        begins: Functions that each start a search; all searches share an incumbent.

    Raises:
        SearchFailedError: Every search fails to start.
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


class DeferredSearch(Search):
    """A search that starts only when first advanced, because its first bounds may take a long time.

    Args:
        incumbent: Shared with the other searches.
    """

    def __init__(self, begin: Callable[[], Search], incumbent: Incumbent) -> None:
        self.incumbent, self._begin = incumbent, begin
        self._search: Search | None = None

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods of the search, or an empty tuple before it has started."""
        return () if self._search is None else self._search.methods

    @property
    def gradual(self) -> bool:
        """Whether the wrapped search is `gradual`; True before it has started."""
        return self._search is None or self._search.gradual

    @property
    def settled(self) -> bool:
        """Whether the wrapped search is `settled`; True before it has started."""
        return self._search is None or self._search.settled

    @property
    def share(self) -> float:
        """Relative turn length of the wrapped search; 1 before it has started."""
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
        """Start the search at the first call, and advance it at later calls."""
        if self._search is None:
            self._search = self._begin()
            return True
        return self._search.advance()


def method_first(begin: BeginMethod, usual: Callable[[], Search], task: SearchTask) -> Search:
    """Start a method, which has the first turn, and then the search by splits (`usual`)."""
    search = _attempt_method(begin)
    return usual() if search is None else begin_in_turns(lambda: search, usual)


def method_first_usual_deferred(
    begin: BeginMethod, usual: Callable[[], Search], task: SearchTask
) -> Search:
    """Start a method; the search by splits (`usual`) starts only after the method's first turn."""
    return method_first(begin, lambda: DeferredSearch(usual, task.incumbent), task)


def usual_first(begin: BeginMethod, usual: Callable[[], Search], task: SearchTask) -> Search:
    """Start the search by splits (`usual`), which has the first turn, and then a method.

    The method is not started if the first bounds settle a decision, or a first point meets a goal.
    """
    first = usual()
    if task.incumbent.met or task.incumbent.decided:
        return first
    search = _attempt_method(begin)
    return first if search is None else Portfolio((first, search))


def method_starts_usual_leads(
    begin: BeginMethod, usual: Callable[[], Search], task: SearchTask
) -> Search:
    """Start a method, and then the search by splits (`usual`), which has the first turn.

    If the method's first points meet a goal, `usual` starts only if these points are rejected.
    """
    search = _attempt_method(begin)
    if search is None:
        return usual()
    if task.incumbent.met:
        return Portfolio((search, DeferredSearch(usual, task.incumbent)))
    return begin_in_turns(usual, lambda: search)


def _attempt_method(begin: BeginMethod) -> Search | None:
    """Start a method, or return None if it fails to start or cannot handle the problem."""
    with suppress(SearchFailedError):
        return attempt(begin, "the beginning of a method")
    return None
