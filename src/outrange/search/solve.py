"""The one entry of the search: the least value of linear forms of a network's output over a box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..core import Box, Warrant
from ..domains import bounds
from ..graph import Builder, Graph
from ..graph.rewrites.gates import simplified
from ..graph.rewrites.rewrite import fold
from ..graph.values import Value
from .common.incumbent import State
from .common.limits import MANY_INPUTS
from .common.solution import Solution
from .engines.array_engine import ArrayEngine
from .input_split.array_search import METHODS as ENGINE_METHODS, EngineSearch
from .input_split.kernel_search import METHODS as KERNEL_METHODS, KernelSearch
from .kernel.binding import library
from .kernel.layer_program import record
from .milp import turns as milp_search
from .neuron_split.search import METHODS as PHASE_METHODS, PhaseSearch, takes
from .wide_search import METHODS as PASS_METHODS, PassSearch, is_wide


PATIENCE = 3.0
"""Seconds of the first turn of the box search; each later turn is twice as long."""


def solve(
    graph: Graph,
    box: Box,
    rows: np.ndarray,
    offset: np.ndarray | None = None,
    *,
    tol: float = 1e-6,
    time_limit: float | None = None,
    progress: Callable | None = None,
    seed: int = 0,
    engine: str = "auto",
    solver: bool = True,
) -> Solution:
    """Bracket `min over the box of rows[k] @ output(x) + offset[k]` for every `k`.

    Args:
        graph: The network.
        box: Its flat inputs.
        rows: `(m, outputs)`; a row and its negative together ask for a range.
        offset: `(m,)`, zeros by default.
        tol: Gap to reach, relative to the range seen of each form.
        time_limit: Seconds of wall time; None goes on until every gap is closed.
        progress: Called a few times a second with a `SearchProgress`.
        seed: Of the samples that start the search.
        solver: Whether a mixed-integer solver may close what box splits do not; its claims carry
            `Warrant.SOLVER_TOLERANCE`.
        engine: `"auto"` takes the compiled kernel where the graph allows; `"array"` never does.

    Returns:
        A `Solution`: bounds that hold whatever stopped the search.

    Sound: yes, float64 rounding paid. Complete: yes for piecewise-linear graphs (up to float64
    resolution), convergent for smooth ones. Cost: exponential in the number of inputs at worst.
    """
    rows = np.atleast_2d(np.asarray(rows, np.float64))
    offset = np.zeros(len(rows)) if offset is None else np.asarray(offset, np.float64)
    state = State(rows, tol, time_limit, progress)
    state.known = _by_intervals(graph, box, rows, offset)
    if engine == "auto" and is_wide(graph):
        passes = PassSearch(with_rows(graph, rows, offset), box, state, seed=seed)
        stopped = passes.run()
        state.report(passes.lower(), 0)
        return _met(state.solution(passes.lower(), stopped, PASS_METHODS), state.known)
    small = simplified(graph)
    # What a mixture of gates is cut to shows only there.
    state.known = np.fmax(state.known, _by_intervals(small, box, rows, offset))
    tape = None
    if engine == "auto" and library() is not None:
        tape = record(small, rows, offset, np.where(box.lo < box.hi, np.nan, box.lo))
    with np.errstate(all="ignore"):
        turns = PATIENCE if solver else np.inf
        free = box.lo < box.hi
        if int(free.sum()) > MANY_INPUTS and engine == "auto" and takes(small):
            phases = PhaseSearch(with_rows(small, rows, offset), box, state, seed=seed)
            stopped = phases.run()
            state.report(phases.lower(), 0)
            found = state.solution(phases.lower(), stopped, PHASE_METHODS)
        elif tape is not None:
            boxes = KernelSearch(tape, Box(box.lo[free], box.hi[free]), state, seed=seed)
            found = _in_turns(boxes, small, box, rows, offset, state, turns)
        else:
            machine = ArrayEngine(small, rows, offset, box)
            state.known = np.fmax(state.known, _by_ends(*machine.outputs, rows, offset))
            search = EngineSearch(machine, box, state, seed=seed)
            stopped = search.run()
            state.report(search.lower(), 0)
            found = state.solution(search.lower(), stopped, ENGINE_METHODS)
    return _met(found, state.known)


def _in_turns(
    boxes: KernelSearch, graph, box: Box, rows, offset, state: State, patience: float
) -> Solution:
    """Splits of boxes and, where they get nowhere, the solver, in turns of growing length."""
    free, methods = box.lo < box.hi, KERNEL_METHODS
    program, tried = None, False
    while (stopped := boxes.run(state.seconds + patience)) == "patience":
        if not tried:
            tried = True
            try:
                program = milp_search.program(graph, box, rows, offset)
            except KeyboardInterrupt:
                stopped = "interrupted"
                break
        if program is None:
            patience = np.inf
            continue
        early = program.close(np.maximum(boxes.lower(), state.known), free, state, patience)
        if early is not None:
            stopped = early
            break
        patience *= 2
    lower, warrant = boxes.lower(), Warrant.FLOAT64_ROUNDED
    state.report(lower, 0)
    if program is not None and np.any(program.lower > np.maximum(lower, state.known)):
        lower = np.maximum(lower, program.lower)
        methods, warrant = (*methods, milp_search.METHOD), Warrant.SOLVER_TOLERANCE
    at = np.tile(box.lo, (len(lower), 1))
    at[:, free] = state.best_at
    return replace(state.solution(lower, stopped, methods), at=at, warrant=warrant)


def with_rows(graph: Graph, rows: np.ndarray, offset: np.ndarray) -> Graph:
    """The graph whose outputs are `rows @ output + offset`."""
    builder = Builder(graph.inputs, nodes=list(graph.nodes), source="objectives")
    y = Value(builder, graph.output, (1, graph.value_size(graph.output)))
    return fold(builder.finish([builder.dense(y, rows.T, offset)], ["value"]))


def _by_intervals(graph, box, rows, offset) -> np.ndarray:
    """Interval bounds are exact where an output's own range is what limits it (a dead unit's 0)."""
    lo, hi = bounds(graph, box.lo[None], box.hi[None], "intervals")[graph.output]
    return _by_ends(lo, hi, rows, offset)


def _by_ends(lo, hi, rows, offset) -> np.ndarray:
    """What bounds of the outputs say of rows that are one output, or its negative."""
    plus, minus = np.maximum(rows, 0.0), np.minimum(rows, 0.0)
    with np.errstate(all="ignore"):
        single = (np.abs(rows).sum(axis=1) == 1.0) & (np.abs(rows).max(axis=1) == 1.0)
        single &= offset == 0
        low = np.where(plus > 0, plus * lo, 0.0) + np.where(minus < 0, minus * hi, 0.0)
    return np.where(single, low.sum(axis=1), -np.inf)


def _met(found: Solution, known: np.ndarray) -> Solution:
    lower = np.maximum(found.lower, known)
    with np.errstate(invalid="ignore"):
        closed = np.all(found.seen - lower <= found.tolerance)
    return replace(found, lower=lower, status="exact" if closed else found.status)
