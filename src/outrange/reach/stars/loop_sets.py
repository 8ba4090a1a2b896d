"""Exact reach sets of a piecewise-linear closed loop after every step.

The unrolled loop is one network, and each step cuts the linear regions of the previous step
further. Rounding errors are represented by symbols, which later steps propagate like the state. If
time runs out during a step, the step is repeated on a few hulls that cover all regions before the
step, because repeating it on thousands of regions would take too long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...answers.reach_sets.star import Star
from ...answers.reach_sets.star_union import StarUnion
from ...core import Atom, Box, Clock, OutOfTime, UnsupportedError, check_deadline, deadline
from ...core.progress import Stage, report_progress
from ...graph import Graph
from ...graph.rewrites.rewrite import piecewise_to_pairs
from ...questions.cells_to_stars import Planes, build_stars
from ...questions.exact_corners import find_attained_outputs
from ...questions.reach_set import SHARE_OF_TIME, convex_parts
from ...search.reach_sets.cells import Cells, InputFrame
from ...search.reach_sets.hulls import hulls
from ...search.reach_sets.regions import LinearRegions, has_regions
from ..simulation import trajectories
from ..system import LoopSystem, unroll


@dataclass(eq=False)
class _InitialPart:
    """A convex part of the initial set, with its linear regions up to the current step."""

    frame: InputFrame
    box: Box
    whole: Cells
    cells: list[Cells]
    search: LinearRegions


@dataclass(frozen=True, eq=False)
class LoopSets:
    """The reach sets of a loop after every step.

    Args:
        sets: The union of stars after each step, the initial set first.
        reason: `"exact"`, or why the sets are only enclosures: `"time"`, `"interrupted"`,
            `"pieces"`.
        states: `(runs, steps + 1, states)`: simulated trajectories in float64.
    """

    sets: tuple[StarUnion, ...]
    reason: str
    states: np.ndarray


def exact_sets(system: LoopSystem, clock: Clock, most: int, seed: int = 0) -> LoopSets:
    """Compute the reach set after every step, exact for as many steps as the limits permit.

    Args:
        clock: The clock of the question.
        most: Limit on the number of pieces after a step, shared equally by the parts of the initial
            set.
        seed: Random seed of the trajectories.

    Raises:
        UnsupportedError: The loop is not piecewise linear.
        InputError: The initial set is not a union of polytopes, or too many inputs of the unrolled
            loop vary.
    """
    straight = replace(system, steps=tuple(map(piecewise_to_pairs, system.steps)))
    graph = unroll(straight, system.horizon)
    if not has_regions(graph):
        raise UnsupportedError(
            "Exact reach sets need a piecewise-linear loop: affine maps, relu, abs, clip and "
            "interp. Otherwise, use `outrange.closed_loop`, which bounds the states by boxes. "
            "Received: a controller or plant with another operation, such as a product of two "
            "variables, tanh, sin or a comparison."
        )
    regions = system.regions(system.horizon)
    parts = _parts(graph, list(convex_parts(graph.inputs, regions)), most)
    # Delayed controls are internal states.
    shown = np.arange(len(system.states) - system.hidden)
    names = tuple(system.states[i] for i in shown)
    plain = unroll(system, system.horizon)

    def union(pieces: list[Star], value: int) -> StarUnion:
        return StarUnion(
            names, tuple(pieces), find_attained_outputs(plain, value, shown, pieces, regions)
        )

    sets = [union(_stars(parts, 0, shown), 0)]
    with deadline(SHARE_OF_TIME * clock.left if np.isfinite(clock.left) else None):
        ends = zip(graph.nodes[-1].inputs, plain.nodes[-1].inputs, strict=True)
        for k, (end, value) in enumerate(ends):
            report_progress(Stage(f"step {k + 1} of {system.horizon}"))
            sets.append(union(_after(parts, end, shown), value))
    stopped = [part.search.stopped for part in parts if part.search.stopped]
    _, states, _ = trajectories(system, regions, system.horizon, seed, None)
    return LoopSets(tuple(sets), stopped[0] if stopped else "exact", states[:, :, shown])


def _parts(
    graph: Graph, sets: Sequence[tuple[Box, tuple[Atom, ...]]], most: int
) -> list[_InitialPart]:
    parts = []
    for box, atoms in sets:
        frame = InputFrame.of(box)
        polytope = frame.polytope(box, atoms)
        if polytope.points:
            last = graph.nodes[-1].inputs[-1]
            search = LinearRegions(graph, max(1, most // len(sets)), last, gives_up=True)
            whole = Cells.of(frame, polytope)
            parts.append(_InitialPart(frame, box, whole, [whole], search))
    return parts


def _after(parts: list[_InitialPart], value: int, entries: np.ndarray) -> list[Star]:
    """Advance the parts by a step, and return the stars after it.

    Args:
        parts: The parts of the initial set, changed in place.
        value: Index of the unrolled loop's value that is the state after the step.
        entries: Indices of the entries of `value` that the stars contain.
    """
    if all(part.search.gives_up for part in parts):
        before = [part.cells for part in parts]
        try:
            _advance(parts, value)
            return _stars(parts, value, entries)
        except (OutOfTime, KeyboardInterrupt) as ended:
            reason = "time" if isinstance(ended, OutOfTime) else "interrupted"
        for part, cells in zip(parts, before, strict=True):
            part.search.stopped = part.search.stopped or reason
            part.search.gives_up = False
            merged = hulls(part.whole, cells)
            part.cells = [merged.with_symbols(merged.value)] if merged.value else cells
    _advance(parts, value)
    return _stars(parts, value, entries)


def _advance(parts: list[_InitialPart], value: int) -> None:
    stopped = next((part.search.stopped for part in parts if part.search.stopped), "")
    for part in parts:
        part.search.stopped = part.search.stopped or stopped
        ended = part.search.advance(part.cells, value)
        part.cells = [cells.with_symbols(value) for cells in ended]
        stopped = stopped or part.search.stopped


def _stars(parts: list[_InitialPart], value: int, entries: np.ndarray) -> list[Star]:
    planes: Planes = {}
    pieces: list[Star] = []
    for part in parts:
        cells = _in_time(part.cells) if part.search.gives_up else part.cells
        pieces += build_stars(part.frame, part.box, cells, value, entries, planes)
    return pieces


def _in_time(parts: Sequence[Cells]) -> Iterator[Cells]:
    """Iterate over `parts`; raise `OutOfTime` after the deadline."""
    for cells in parts:
        check_deadline()
        yield cells
