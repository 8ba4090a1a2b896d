"""Whether some input satisfies a condition: the same search, with a fixed mark to reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core import Warrant
from ..graph import Graph
from ..graph.limits import check_within
from .cases import Cases as Cases
from .hunt import Either, Hunt, hunt
from .sieve import sieve
from .state import State


FIRST_TURN = 0.5
"""Seconds of the first turn of each group of cases; every later round doubles it."""


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

    Raises:
        InputError: A box leaves the limits of an input.

    Sound: yes, float64 rounding paid. Complete: for piecewise-linear graphs up to float64
    resolution; convergent for smooth ones. Cost: exponential in the number of inputs at worst.
    """
    for group in groups:
        check_within(graph.inputs, group.roots.lo, group.roots.hi)
    clock = State(np.zeros((1, 1)), 0.0, time_limit, None)
    hunts: list[Hunt | Either] = []
    sieved = False
    status: str | None = None
    with np.errstate(all="ignore"):
        try:
            asked = sum(len(group.clauses) for group in groups)
            groups = sieve(graph, groups, lambda: clock.out_of_time)
            sieved = sum(len(group.clauses) for group in groups) < asked
            for group in groups:
                if hunts and clock.out_of_time:
                    status = "time"
                    break
                left = None if time_limit is None else max(0.0, time_limit - clock.seconds)
                hunts.append(hunt(graph, group, left, progress, seed, engine))
                if hunts[-1].look(accept):
                    return _decision("sat", [hunts[-1]], clock)
            status = status or _in_turns(hunts, accept, clock)
        except KeyboardInterrupt:
            status = "interrupted"
    if status == "sat":
        return _decision("sat", [h for h in hunts if h.found], clock)
    still = [h for h in hunts if not h.proved]
    partial = len(hunts) < len(groups)
    found = _decision(
        "unsat" if not still and not partial else status or "rounding",
        still or hunts,
        clock,
        partial,
    )
    # What was sieved out is known to hold nowhere, and no more.
    return replace(found, lower=min(found.lower, 0.0)) if sieved else found


def _in_turns(hunts: list[Hunt | Either], accept, clock: State) -> str | None:
    """Every open hunt gets a turn, again and again, each round twice as long."""
    turn = FIRST_TURN if len(hunts) > 1 else np.inf
    waiting = [h for h in hunts if not h.proved]
    tied = False
    while waiting:
        for one in list(waiting):
            stopped = one.go(turn, accept)
            if stopped in ("sat", "time", "interrupted"):
                return stopped
            if clock.out_of_time:
                return "time"
            if stopped is None:
                waiting.remove(one)
                if not one.proved:
                    if one.tie(accept):
                        return "sat"
                    tied = True
        turn *= 2
    return "rounding" if tied else None


def _decision(
    status: str, hunts: list[Hunt | Either], clock: State, partial: bool = False
) -> Decision:
    if not hunts:
        lower = np.inf if status == "unsat" else -np.inf
        return Decision(status, lower, np.inf, np.empty(0), 0, clock.seconds, ())
    best = min(hunts, key=lambda h: h.least[0])
    lower = -np.inf if partial else min(h.low for h in hunts)
    methods = tuple(dict.fromkeys(m for h in hunts for m in h.methods))
    boxes = sum(h.boxes for h in hunts)
    return Decision(status, lower, *best.least, boxes, clock.seconds, methods)
