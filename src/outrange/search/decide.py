"""Whether some input satisfies a condition: the same search, with a fixed mark to reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..core import Distance, Formula, Warrant
from ..domains import bounds
from ..graph import Graph
from ..graph.measure import measure
from ..graph.rewrite import fold, piecewise_to_pairs
from .array_engine import ArrayEngine
from .engine_search import METHODS as ENGINE_METHODS, EngineSearch
from .kernel import library
from .kernel_search import METHODS as KERNEL_METHODS, KernelSearch
from .phase_search import METHODS as PHASE_METHODS, PhaseSearch, takes
from .roots import Roots
from .solve import MANY_INPUTS
from .state import State
from .tape import record


FIRST_TURN = 0.5
"""Seconds of the first turn of each group of cases; every later round doubles it."""

ABOVE_ZERO = float(np.nextafter(0.0, 1.0))


@dataclass(frozen=True, eq=False)
class Cases:
    """Clauses that are all asked about the same boxes.

    Args:
        clauses: `m` conjunctions over `[x, y]`.
        strict: `(m,)` whether a clause needs a value below 0 (not just 0) to hold.
        roots: The boxes, of all inputs.
        distances: Norm balls that belong to every clause.
    """

    clauses: Sequence[Sequence[Formula]]
    strict: np.ndarray
    roots: Roots
    distances: tuple[Distance, ...] = ()


@dataclass(frozen=True, eq=False)
class Decision:
    """Whether a clause holds somewhere.

    Args:
        status: `"sat"` (a point was accepted), `"unsat"` (proved: nowhere), or why neither is
            known: `"time"`, `"interrupted"`, `"rounding"` (nothing is left to split).
        lower: Proved: no point makes any open clause's value less than this.
        seen: The least value met of any open clause.
        at: Where, `(d,)`.
        boxes: Boxes bounded.
        seconds: Wall time.
        methods: What was used, for the reader.
        warrant: What stands behind `lower`.
    """

    status: str
    lower: float
    seen: float
    at: np.ndarray
    boxes: int
    seconds: float
    methods: tuple[str, ...]
    warrant: Warrant = Warrant.FLOAT64_ROUNDED


def decide(
    graph: Graph,
    groups: Sequence[Cases],
    accept: Callable[[np.ndarray], bool],
    *,
    time_limit: float | None = None,
    progress: Callable | None = None,
    seed: int = 0,
    engine: str = "auto",
) -> Decision:
    """Look for a point that satisfies a clause, or prove that there is none.

    Falsification first, for every group; then branch and bound, the groups in turns.

    Args:
        graph: The network.
        groups: What is asked, and where; at least one.
        accept: Called with a point `(d,)` whose value is low enough in float64; True ends the
            search. After False it goes on to look for lower ones.
        time_limit: Seconds of wall time; None goes on until it is decided.
        progress: Called a few times a second with a `SearchProgress`.
        seed: Of the samples.
        engine: `"auto"` takes the compiled kernel where the graph allows; `"array"` never does.

    Returns:
        A `Decision`.

    Sound: yes, float64 rounding paid. Complete: for piecewise-linear graphs up to float64
    resolution; convergent for smooth ones. Cost: exponential in the number of inputs at worst.
    """
    clock = State(np.zeros((1, 1)), 0.0, time_limit, None)
    hunts: list[_Hunt] = []
    status: str | None = None
    with np.errstate(all="ignore"):
        try:
            for group in groups:
                left = None if time_limit is None else max(0.0, time_limit - clock.seconds)
                hunts.append(_Hunt(graph, group, left, progress, seed, engine))
                if hunts[-1].look(accept):
                    return _decision("sat", [hunts[-1]], clock)
            status = _in_turns(hunts, accept, clock)
        except KeyboardInterrupt:
            status = "interrupted"
    if status == "sat":
        return _decision("sat", [h for h in hunts if h.found], clock)
    still = [h for h in hunts if not h.proved]
    if not still and len(hunts) == len(groups):
        return _decision("unsat", hunts, clock)
    return _decision(status or "rounding", still, clock, len(hunts) < len(groups))


def _in_turns(hunts: list[_Hunt], accept, clock: State) -> str | None:
    """Every open hunt gets a turn, again and again, each round twice as long."""
    turn = FIRST_TURN if len(hunts) > 1 else np.inf
    waiting = [h for h in hunts if not h.proved]
    while waiting:
        for hunt in list(waiting):
            stopped = hunt.go(turn, accept)
            if stopped in ("sat", "time", "interrupted"):
                return stopped
            if clock.out_of_time:
                return "time"
            if stopped is None:
                waiting.remove(hunt)
                if not hunt.proved:
                    return "rounding"
        turn *= 2
    return None


def _decision(status: str, hunts: list[_Hunt], clock: State, partial: bool = False) -> Decision:
    if not hunts:
        return Decision(status, -np.inf, np.inf, np.empty(0), 0, clock.seconds, ())
    best = min(hunts, key=lambda h: h.least[0])
    lower = -np.inf if partial else min(h.low for h in hunts)
    methods = tuple(dict.fromkeys(m for h in hunts for m in h.methods))
    boxes = sum(h.state.boxes for h in hunts)
    return Decision(status, lower, *best.least, boxes, clock.seconds, methods)


class _Hunt:
    """One group: its search, and what is known of it."""

    def __init__(self, graph: Graph, cases: Cases, time_limit, progress, seed: int, engine: str):
        measured = fold(piecewise_to_pairs(measure(graph, cases.clauses, cases.distances)))
        m, roots = len(cases.clauses), cases.roots
        hull = roots.hull
        self.target = np.where(cases.strict, 0.0, ABOVE_ZERO)
        self.found = False
        rows, zero = np.eye(m), np.zeros(m)
        self.state = State(rows, 0.0, time_limit, progress)
        self.state.known = self._by_intervals(measured, roots)
        self.state.target, self.state.goal = self.target, self.target.copy()
        self._free, self._fixed = hull.lo < hull.hi, hull.lo
        one = len(roots.lo) == 1 and not roots.whole.any()
        if one and self._free.sum() > MANY_INPUTS and takes(measured):
            self._free = np.ones(hull.size, bool)
            self.methods = PHASE_METHODS
            self.search = PhaseSearch(measured, hull, self.state, seed=seed)
            return
        tape = None
        if engine == "auto" and library() is not None:
            tape = record(measured, rows, zero, np.where(self._free, np.nan, hull.lo))
        if tape is None:
            self._free = np.ones(hull.size, bool)
            machine = ArrayEngine(measured, rows, zero, hull)
            self.methods = ENGINE_METHODS
            self.search = EngineSearch(machine, hull, self.state, seed=seed, roots=roots)
        else:
            free = self._free
            inner = Roots(roots.lo[:, free], roots.hi[:, free], roots.whole[free])
            self.methods = KERNEL_METHODS
            self.search = KernelSearch(
                tape, inner.hull, self.state, seed=seed, roots=inner, whole=inner.whole
            )

    def _by_intervals(self, measured: Graph, roots: Roots) -> np.ndarray:
        lo, _ = bounds(measured, roots.lo, roots.hi, "intervals")[measured.output]
        return np.where(np.isnan(lo), -np.inf, lo).min(axis=0)

    @property
    def lower(self) -> np.ndarray:
        return np.fmax(self.search.lower(), self.state.known)

    @property
    def proved(self) -> bool:
        """Whether no clause of the group holds anywhere."""
        return bool(np.all(self.lower >= self.target))

    @property
    def low(self) -> float:
        """The bound of the clause that is furthest from being settled."""
        return float(self.lower.min())

    @property
    def least(self) -> tuple[float, np.ndarray]:
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
