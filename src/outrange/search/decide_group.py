"""One group of cases: the search that suits it, and what is known of it."""

from __future__ import annotations

import numpy as np

from ..domains import bounds
from ..graph import Graph
from ..graph.measure import measure
from ..graph.rewrites.gates import simplified
from .attack.pgd import first_points
from .common.clause_groups import Cases
from .common.domain_boxes import Roots
from .common.incumbent import State
from .common.limits import MANY_INPUTS
from .input_split.kernel_search import METHODS as KERNEL_METHODS, KernelSearch
from .kernel.binding import library
from .kernel.layer_program import record
from .wide_search import METHODS as PASS_METHODS, PassSearch, is_wide


TIE = 1e-9
"""A value this near 0, as a share of the range seen, may be 0 but for rounding."""

ABOVE_ZERO = float(np.nextafter(0.0, 1.0))

FEW_INPUTS = 40
"""Up to so many, splitting inputs is tried as well: a few of them often decide all."""

FIRST_ATTEMPT = 0.5
"""Seconds of the first attempt of each of two searches; every later round doubles it."""


def hunt(graph: Graph, cases: Cases, time_limit, progress, seed: int, engine: str) -> Hunt | Either:
    """The search of a group: of inputs, of phases where inputs are many, or both in turns."""
    roots = cases.roots
    free = int((roots.hull.lo < roots.hull.hi).sum())
    options = (graph, cases, time_limit, progress, seed, engine)
    if len(roots.lo) > 1 or roots.whole.any():
        return Hunt(*options)
    if is_wide(graph):
        return Hunt(*options, phases=True)
    if free <= MANY_INPUTS:
        return Hunt(*options)
    phases = Hunt(*options, phases=True)
    if not phases.by_phases or free > FEW_INPUTS:
        return phases
    return Either((Hunt(*options), phases))


class Hunt:
    """One group: its search, and what is known of it.

    Args:
        graph: The network.
        cases: The group.
        time_limit: Seconds; None for no limit.
        progress: See `decide`.
        seed: Of the samples.
        engine: See `decide`.
        phases: Whether phases of units are split rather than inputs, where the graph allows.
    """

    def __init__(
        self,
        graph: Graph,
        cases: Cases,
        time_limit,
        progress,
        seed: int,
        engine: str,
        phases: bool = False,
    ):
        asked = measure(graph, cases.clauses, cases.distances)
        m, roots = len(cases.clauses), cases.roots
        passes = phases and is_wide(graph)
        measured = asked if passes else simplified(asked)
        hull = roots.hull
        self.target = np.where(cases.strict, 0.0, ABOVE_ZERO)
        self.found = False
        rows, zero = np.eye(m), np.zeros(m)
        self.state = State(rows, 0.0, time_limit, progress)
        self.state.known = self._by_intervals(measured, roots)
        self.state.target, self.state.goal = self.target, self.target.copy()

        def first(*given):
            return first_points(*given, late=lambda: self.state.out_of_time)

        self._free, self._fixed = hull.lo < hull.hi, hull.lo
        self.by_phases = passes or (phases and _takes_phases(measured))
        if passes:
            self._free = np.ones(hull.size, bool)
            self.methods = PASS_METHODS
            self.search = PassSearch(measured, hull, self.state, seed=seed)
            return
        if self.by_phases:
            from .neuron_split.search import METHODS as PHASE_METHODS, PhaseSearch

            self._free = np.ones(hull.size, bool)
            self.methods = PHASE_METHODS
            self.search = PhaseSearch(measured, hull, self.state, seed=seed)
            return
        tape = None
        if engine == "auto" and library() is not None:
            tape = record(measured, rows, zero, np.where(self._free, np.nan, hull.lo))
        if tape is None:
            from .engines.array_engine import ArrayEngine
            from .input_split.array_search import METHODS as ENGINE_METHODS, EngineSearch

            self._free = np.ones(hull.size, bool)
            machine = ArrayEngine(measured, rows, zero, hull)
            self.methods = ENGINE_METHODS
            self.search = EngineSearch(
                machine, hull, self.state, seed=seed, roots=roots, first=first
            )
        else:
            free = self._free
            inner = Roots(roots.lo[:, free], roots.hi[:, free], roots.whole[free])
            self.methods = KERNEL_METHODS
            self.search = KernelSearch(
                tape,
                inner.hull,
                self.state,
                seed=seed,
                roots=inner,
                whole=inner.whole,
                first=first,
            )

    def _by_intervals(self, measured: Graph, roots: Roots) -> np.ndarray:
        lo, _ = bounds(measured, roots.lo, roots.hi, "intervals")[measured.output]
        return np.where(np.isnan(lo), -np.inf, lo).min(axis=0)

    @property
    def boxes(self) -> int:
        """Sub-problems bounded."""
        return self.state.boxes

    @property
    def lower(self) -> np.ndarray:
        """`(m,)` proved bounds of the clauses' values."""
        return np.fmax(self.search.lower(), self.state.known)

    @property
    def closed(self) -> np.ndarray:
        """`(m,)` the clauses that hold nowhere."""
        return self.lower >= self.target

    @property
    def proved(self) -> bool:
        """Whether no clause of the group holds anywhere."""
        return bool(np.all(self.closed))

    @property
    def low(self) -> float:
        """The bound of the clause that is furthest from being settled."""
        return float(self.lower.min())

    @property
    def least(self) -> tuple[float, np.ndarray]:
        """The least value met, and where."""
        k = int(np.argmin(self.state.best))
        return float(self.state.best[k]), self._full(self.state.best_at[k])

    def _full(self, at: np.ndarray) -> np.ndarray:
        x = self._fixed.copy()
        x[self._free] = at
        return x

    def go(self, seconds: float, accept) -> str | None:
        """Search for a while; `"sat"` if a point was accepted."""
        until = self.state.seconds + seconds
        while (stopped := self.search.run(until)) == "met":
            if self.look(accept):
                return "sat"
        return stopped

    def tie(self, accept) -> bool:
        """Show the best points of a search that is over, also those that rounding puts above 0."""
        state = self.state
        near = state.best <= TIE * state.scale()
        self.found = any(
            accept(self._full(state.best_at[k])) for k in np.flatnonzero(near & ~self.closed)
        )
        return self.found

    def look(self, accept) -> bool:
        """Show the points below their goal; True if one was accepted."""
        state = self.state
        assert state.goal is not None
        for k in np.flatnonzero(state.best < state.goal):
            if accept(self._full(state.best_at[k])):
                self.found = True
                return True
            # Not good enough (float32 decides it there, say): look again where it is clearly lower.
            step = max(abs(state.best[k]), 1e-9 * state.scale()[k])
            state.goal[k] = state.best[k] - step
        return False


def _takes_phases(graph: Graph) -> bool:
    """Loaded only where inputs are many."""
    from .neuron_split.search import takes

    return takes(graph)


class Either:
    """Several searches of one group, in turns: what one of them settles is settled.

    Args:
        parts: The searches.
    """

    def __init__(self, parts: tuple[Hunt, ...]):
        self.parts = parts

    @property
    def found(self) -> bool:
        """Whether a point was accepted."""
        return any(part.found for part in self.parts)

    @property
    def methods(self) -> tuple[str, ...]:
        """Of the searches that bounded anything."""
        used = [part for part in self.parts if part.boxes] or self.parts[:1]
        return tuple(dict.fromkeys(m for part in used for m in part.methods))

    @property
    def boxes(self) -> int:
        """Sub-problems bounded."""
        return sum(part.boxes for part in self.parts)

    @property
    def proved(self) -> bool:
        """Whether no clause of the group holds anywhere."""
        return bool(np.logical_or.reduce([part.closed for part in self.parts]).all())

    @property
    def low(self) -> float:
        """The bound of the clause that is furthest from being settled."""
        return float(np.maximum.reduce([part.lower for part in self.parts]).min())

    @property
    def least(self) -> tuple[float, np.ndarray]:
        """The least value met, and where."""
        return min((part.least for part in self.parts), key=lambda found: found[0])

    def go(self, seconds: float, accept) -> str | None:
        """See `Hunt.go`."""
        until, turn = self.parts[0].state.seconds + seconds, FIRST_ATTEMPT
        going = list(self.parts)
        while going:
            for part in list(going):
                left = until - self.parts[0].state.seconds
                if left <= 0:
                    return "patience"
                stopped = part.go(min(turn, left), accept)
                if stopped in ("sat", "time", "interrupted"):
                    return stopped
                if self.proved:
                    return None
                if stopped is None:
                    going.remove(part)
            turn *= 2
        return None

    def tie(self, accept) -> bool:
        """See `Hunt.tie`."""
        return any(part.tie(accept) for part in self.parts)

    def look(self, accept) -> bool:
        """See `Hunt.look`."""
        return any(part.look(accept) for part in self.parts)
