"""Decides whether some input of a network satisfies a condition on inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import numpy as np

from ..core import Clock, OutOfTime, deadline
from ..graph import Graph
from ..graph.limits import check_within
from .common.clause_groups import ClauseGroup
from .common.failures import SearchFailedError, attempt
from .common.portfolio import Rounds
from .common.solution import EARLY, Progress, Solution, Status, Stop
from .decide_group import Accept, GroupSearch
from .methods.pooled_clauses.pool import PooledClauses
from .methods.table import POOLED_CLAUSES
from .prefilter import drop_refuted


FIRST_TURN = 0.5
"""Length of the first turn of each of several groups of clauses, in seconds; it doubles with every
round. A single group has no turns."""


def decide(
    graph: Graph,
    groups: Sequence[ClauseGroup],
    accept: Accept,
    *,
    time_limit: float | None = None,
    progress: Progress | None = None,
    seed: int = 0,
    engine: str = "auto",
) -> Solution:
    """Find a point that satisfies a clause, or prove that there is none.

    First, the search of every group is started, and its first points are offered. Then the searches
    take turns.

    Args:
        groups: Clauses and the boxes on which they are decided; at least one.
        accept: Called with a point `(d,)` whose value is low enough in float64; True ends the
            search, False continues it for lower values.
        time_limit: Wall-clock seconds, or None for no limit.
        progress: Called at most about twice a second with a `SearchProgress`.
        seed: Seed for the samples.
        engine: `"auto"` uses the compiled kernel if the graph allows it; `"array"` never does.

    Returns:
        A `Solution` of one objective, which summarizes the clauses. `status` is `SAT` (a point was
        accepted), `UNSAT` (proved that no point satisfies any clause), `ROUNDING` (rounding errors
        keep a clause open), or the reason why the search ended early. `lower` is a lower bound on
        the values of clauses: after `SAT`, in the group whose point was accepted; after `UNSAT`, in
        all groups; otherwise, in the groups that are still open. `seen` is the lowest value found
        in the same groups, at the point `at`.

    Raises:
        InputError: A box exceeds the limits of an input.

    Sound: yes, float64 rounding errors accounted for. Complete: for piecewise-linear graphs up to
    float64 resolution; convergent for smooth ones. Very wide graphs get an incomplete search
    (`methods.incomplete`). Cost: exponential in the number of inputs at worst.
    """
    for group in groups:
        check_within(graph.inputs, group.roots.lo, group.roots.hi)
    with deadline(time_limit), np.errstate(all="ignore"):
        return _Decision(graph, groups, accept, progress, seed, engine).run()


class _Decision:
    """State of one decision, which alternates between searches of its groups of clauses."""

    def __init__(
        self,
        graph: Graph,
        groups: Sequence[ClauseGroup],
        accept: Accept,
        progress: Progress | None,
        seed: int,
        engine: str,
    ) -> None:
        self.graph, self.groups, self.accept = graph, list(groups), accept
        self._options = (progress, seed, engine)
        self.clock = Clock()
        self.searches: list[GroupSearch] = []
        self.pooled = [PooledClauses(graph, group) for group in groups]
        self._failed = False
        self.filtered = False
        """Whether the pre-filter has refuted some clause."""

    def run(self) -> Solution:
        stop: Stop | None = None
        try:
            stop = self._begin() or self._run_in_turns()
        except KeyboardInterrupt:
            stop = Stop.INTERRUPTED
        except OutOfTime:
            stop = Stop.TIME
        except MemoryError:
            stop = Stop.MEMORY
        if stop is Stop.GOAL:
            return self._solution(Status.SAT, [s for s in self.searches if s.accepted])
        unproved = [search for search in self.searches if not search.proved]
        partial = len(self.searches) < len(self.pooled)
        if not unproved and not partial:
            return self._solution(Status.UNSAT, self.searches)
        status = Status(stop) if stop in EARLY else Status.ROUNDING
        return self._solution(status, unproved or self.searches, partial)

    def _begin(self) -> Stop | None:
        """Start the search of every group; return why this ended early, or None."""
        # If the preparation fails, every group is searched separately.
        with suppress(SearchFailedError):
            attempt(self._prepare, "the refutation of clauses before the search")
        progress, seed, engine = self._options
        for entry in self.pooled:
            if self.searches and self.clock.expired:
                return Stop.TIME
            arguments = entry.graph, entry.group, self.graph.size, None, progress, seed, engine
            try:
                search = attempt(partial(GroupSearch, *arguments), "the beginning of a search")
            except SearchFailedError:
                self._failed = True
                continue
            self.searches.append(search)
            if search.offer_points(self.accept):
                return Stop.GOAL
        return None

    def _prepare(self) -> None:
        """Pool groups whose clauses differ only in constants; pre-filter the other groups."""
        pooled = self.pooled
        if POOLED_CLAUSES.suits(self.graph, self.groups):
            pooled = POOLED_CLAUSES.begin(self.graph, self.groups)
        alone = [entry.group for entry in pooled if entry.graph is self.graph]
        left = drop_refuted(self.graph, alone, lambda: self.clock.expired)
        clauses = [sum(len(group.clauses) for group in part) for part in (alone, left)]
        self.filtered = clauses[1] < clauses[0]
        merged = [entry for entry in pooled if entry.graph is not self.graph]
        self.pooled = [*merged, *(PooledClauses(self.graph, group) for group in left)]

    def _run_in_turns(self) -> Stop:
        """Run every open group in rounds of turns, whose length doubles with each round.

        Return why the rounds ended.
        """
        turn = FIRST_TURN if len(self.searches) > 1 else np.inf
        rounds = Rounds((search for search in self.searches if not search.proved), turn)
        while rounds.going:
            search = rounds.current
            stop = search.run(rounds.turn, self.accept)
            if stop is Stop.ERROR:
                self._failed = True
            elif stop is Stop.GOAL or stop in EARLY:
                return stop
            if self.clock.expired:
                return Stop.TIME
            if stop is Stop.FINISHED and not search.proved and search.offer_ties(self.accept):
                return Stop.GOAL
            rounds.end_turn(goes_on=stop not in (Stop.ERROR, Stop.FINISHED))
        return Stop.ERROR if self._failed else Stop.FINISHED

    def _solution(
        self, status: Status, searches: list[GroupSearch], partial: bool = False
    ) -> Solution:
        """Return a solution with the lowest bound and the lowest value of several searches.

        Args:
            searches: The searches to summarize.
            partial: Whether some group was not started.
        """
        seconds = self.clock.seconds
        if not searches:
            lower = 0.0 if status is Status.UNSAT and self.filtered else -np.inf
            lower = np.inf if status is Status.UNSAT and not self.filtered else lower
            none = Solution.unknown(status, self.graph.size, lower=lower)
            return replace(none, seconds=seconds)
        lower = -np.inf if partial else min(float(s.lower.min()) for s in searches)
        seen, at = min((search.least for search in searches), key=lambda pair: pair[0])
        return Solution(
            status,
            # Clauses that the pre-filter refuted have no other bound.
            np.array([min(lower, 0.0) if self.filtered else lower]),
            np.array([seen]),
            at[None],
            np.zeros(1),
            sum(search.boxes for search in searches),
            seconds,
            tuple(dict.fromkeys(m for search in searches for m in search.methods)),
            min(search.search.warrant for search in searches),
        )
