"""Decisions through a bottleneck: many inputs affect the objectives through a few inner values.

The last steps of a controller often apply physics (sines, products, floors) to a few numbers.
Neuron splits support the network before these numbers, and the part after them has few inputs. So
the search first bounds the ranges of the bottleneck. Then it finds the boxes of bottleneck values
on which the objectives may miss their targets. Finally it decides whether any input reaches these
boxes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ....core import Atom, Box, Warrant
from ....core.arrays import linear_forms
from ....domains.cone import cone
from ....graph import Graph, Slot
from ....graph.measure import measure
from ....graph.rewrites.rewrite import extract_subgraph
from ...common.domain_boxes import DomainBoxes
from ...common.incumbent import Incumbent
from ...common.open_boxes import OpenBoxes
from ...common.portfolio import Rounds
from ...common.problem import Problem
from ...common.search import Search, pass_on
from ...common.solution import Stop
from ...common.task import Begin
from ...neuron_split.search import supports
from ...neuron_split.smooth_relaxations import supports_op
from .step_cases import step_cases


WIDEST = 6
"""Maximum number of entries of a bottleneck; more would need too many boxes."""

FIRST_TURN = 2.0
"""Length of the first search of the bottleneck ranges and of the open regions, in seconds.

It doubles whenever the ranges are searched again."""

SLICE = 0.25
"""Target duration of one call of `advance`, in seconds."""

PAVED = 256
"""Maximum number of open boxes into which a case is divided. The hull of these boxes is a
region."""

TOLERANCE = 1e-2
"""Target relative gap of the bottleneck ranges."""


ABOVE_ZERO = float(np.nextafter(0.0, 1.0))
"""Smallest positive float64 number.

A region's value at an input is at most 0 if and only if the bottleneck values lie in the region. So
a lower bound of this size proves that no input reaches the region.
"""

Ends = tuple[np.ndarray, np.ndarray]
"""Lower and upper bounds `(n,)` of the `n` entries of a bottleneck."""


@dataclass(frozen=True, eq=False)
class Bottleneck:
    """A graph that is split at a bottleneck into two graphs.

    Args:
        inputs: Indices of the inputs that the front reads.
        front: Graph from these inputs to the bottleneck.
        rest: Graph from the bottleneck to the outputs.
    """

    inputs: np.ndarray
    front: Graph
    rest: Graph


def find_bottleneck(graph: Graph) -> Bottleneck | None:
    """Find the narrowest bottleneck whose front is supported by neuron splits, or return None.

    The front is the part of the graph before the bottleneck. If several are equally narrow, the
    last one is chosen: a longer front keeps more correlation between the entries.
    """
    every = np.arange(graph.value_size(graph.output))
    whole = cone(graph, graph.output, every)
    if [value for value, _ in whole.leaves] != [0]:
        return None
    part = whole.graph
    narrow = [(width, -floor) for floor, width in _widths(part)]
    if not narrow:
        return None
    floor = -min(narrow)[1]
    rest = cone(part, part.output, every, floor)
    values = [value for value, _ in rest.leaves]
    if any(some.size != part.value_size(value) for value, some in rest.leaves):
        return None
    front = extract_subgraph(
        part, values, [Slot(f"bottleneck {v}", (part.value_size(v),)) for v in values]
    )
    return Bottleneck(whole.leaves[0][1], front, rest.graph) if supports(front) else None


def _widths(graph: Graph) -> Iterator[tuple[int, int]]:
    """Yield `(value, width)` for each possible bottleneck of at most `WIDEST` entries.

    The bottleneck comes after `value`, and `width` is its number of entries. Neuron splits must
    support the ops of `value` and of all values on which it depends.
    """
    last = {j: v for v, node in enumerate(graph.nodes, 1) for j in node.inputs}
    supported, width = [True], graph.size if 0 in last else 0
    for floor, node in enumerate(graph.nodes[:-1], 1):
        supported.append(supports_op(node.op) and all(supported[j] for j in node.inputs))
        width += node.size if floor in last else 0
        width -= sum(graph.value_size(j) for j in {*node.inputs} if last[j] == floor)
        if width > WIDEST:
            continue
        if not supported[floor]:
            return
        yield floor, width


class BottleneckSearch(Search):
    """Search that bounds a bottleneck's ranges and decides whether inputs reach its open regions.

    Args:
        problem: The whole problem: a decision about one box.
        bottleneck: Bottleneck of the problem's small graph, with the objectives as outputs.
        begin: Function that starts a search of a problem about the front, for ranges and regions.
    """

    methods = (
        "ranges of a narrow bottleneck, and whether any input reaches the open regions behind it"
        " (own)",
    )
    gradual = False
    share = 4.0  # Splits of more than a few inputs seldom close a problem.

    def __init__(
        self, problem: Problem, bottleneck: Bottleneck, incumbent: Incumbent, begin: Begin
    ) -> None:
        assert incumbent.target is not None
        self.incumbent, self._problem, self._bottleneck, self._begin = (
            incumbent,
            problem,
            bottleneck,
            begin,
        )
        self._target = incumbent.target
        hull = problem.domain.hull
        self._box = Box(hull.lo[bottleneck.inputs], hull.hi[bottleneck.inputs])
        count = bottleneck.front.value_size(bottleneck.front.output)
        rows = np.concatenate([np.eye(count), -np.eye(count)])
        range_incumbent = Incumbent(rows, TOLERANCE, self._limit, None)
        front = Problem(bottleneck.front, rows, np.zeros(2 * count), DomainBoxes.of(self._box))
        self._ranges = begin(front, range_incumbent)
        phases = BottleneckSearch._search_ranges, BottleneckSearch._search_region
        self._phases = Rounds(phases, FIRST_TURN)
        self._ends = incumbent.clock.seconds + FIRST_TURN
        self._regions: list[Ends] = []
        self._region_search: Search | None = None
        self._gave_up = self._closed = self._ranges_done = False
        self._worst = self._ranges.warrant

    def lower(self) -> np.ndarray:
        return np.where(self._closed, self._target, np.full(self._target.size, -np.inf))

    @property
    def _limit(self) -> float | None:
        """Remaining time in seconds, or None if there is no limit."""
        left = self.incumbent.clock.left
        return None if np.isinf(left) else left

    @property
    def waiting(self) -> int:
        return max(1, len(self._regions))

    @property
    def warrant(self) -> Warrant:
        """The weakest warrant of the ranges and of the proofs about regions."""
        return min(self._ranges.warrant, self._worst)

    def recover(self) -> None:
        """Discard the search of a region; open regions stay in the list until they are closed."""
        self._ranges.recover()
        self._region_search = None

    def advance(self) -> bool:
        """Search the ranges or the last open region for one slice; return whether work is left."""
        self._phases.current(self)
        return not (self._gave_up or self._closed)

    def _search_ranges(self) -> None:
        incumbent, clock = self._ranges.incumbent, self.incumbent.clock
        stop = self._ranges.run(incumbent.clock.seconds + SLICE)
        pass_on(stop)
        self._ranges_done = stop is Stop.FINISHED
        if stop is Stop.PAUSED and clock.seconds < self._ends:
            return
        least = np.fmax(self._ranges.lower(), incumbent.known)
        lo, most = np.split(least, 2)
        hi = np.maximum(lo, -most)
        if not np.isfinite(least).all():
            self._gave_up = stop is not Stop.PAUSED
            return
        self._regions = self._open_within(lo, hi)
        self._closed = not self._regions
        if self._closed:
            return
        # A bound of the ranges matters only if some open region touches it.
        firsts, lasts = (np.array([region[side] for region in self._regions]) for side in (0, 1))
        done = np.concatenate([firsts.min(axis=0) > lo, lasts.max(axis=0) < hi])
        incumbent.dropped = incumbent.dropped | done
        self._end_phase()

    def _end_phase(self) -> None:
        self._region_search = None
        self._phases.end_turn()
        self._ends = self.incumbent.clock.seconds + self._phases.turn

    def _open_within(self, lo: np.ndarray, hi: np.ndarray) -> list[Ends]:
        """Return the open regions within a box of bottleneck values.

        Each region is the hull of one case's boxes on which some objective may miss its target.
        """
        late = lambda: self.incumbent.clock.expired  # noqa: E731
        target = self._target
        cases = step_cases(self._bottleneck.rest, lo, hi)
        beyond = cases.graph.value_size(cases.graph.output) - target.size
        aim = np.concatenate([target, np.zeros(beyond)])
        is_closed = lambda least: cases.is_closed(least, target)  # noqa: E731
        regions = []
        for ends in zip(cases.boxes.lo, cases.boxes.hi, strict=True):
            roots = cases.boxes.with_ends(*(end[None] for end in ends))
            boxes = OpenBoxes(cases.graph, roots, aim, late, is_closed)
            boxes.bound("forward")
            while 0 < len(boxes.lo) <= PAVED // 2 and not late():
                some = boxes.halvable(WIDEST)
                if not some.any():
                    break
                boxes.halve(some)
            if len(boxes.lo):
                regions.append(
                    (boxes.lo[:, : lo.size].min(axis=0), boxes.hi[:, : lo.size].max(axis=0))
                )
        return regions

    def _search_region(self) -> None:
        """Search for an input that reaches the last region; halve the region if an input does.

        Remove the region if the search proves that no input reaches it.
        """
        region = self._regions[-1]
        if self._region_search is None:
            self._region_search = self._start_region_search(*region)
        search = self._region_search
        stop = search.run(search.incumbent.clock.seconds + SLICE)
        pass_on(stop)
        proved = bool((np.fmax(search.lower(), search.incumbent.known) >= ABOVE_ZERO).all())
        if stop is Stop.GOAL and not proved:
            self._offer(search.incumbent.best_at[0])
        if proved or stop is Stop.GOAL:
            if proved:
                self._worst = min(self._worst, search.warrant)
            self._regions[-1:] = [] if proved else self._halves(*region)
            self._region_search, self._closed = None, not self._regions
        elif self._ranges_done or self._ranges.finished:
            self._gave_up = stop is Stop.FINISHED
        elif stop is Stop.FINISHED or self.incumbent.clock.seconds > self._ends:
            self._end_phase()

    def _start_region_search(self, lo: np.ndarray, hi: np.ndarray) -> Search:
        """Start the search for an input whose bottleneck values lie in a region."""
        front, incumbent = self._bottleneck.front, Incumbent(np.eye(1), 0.0, self._limit, None)
        incumbent.target, incumbent.goal = np.array([ABOVE_ZERO]), np.array([ABOVE_ZERO])
        parts = [
            Atom.of({front.size + i: sign}, -sign * end)
            for i in range(lo.size)
            for sign, end in ((-1.0, float(lo[i])), (1.0, float(hi[i])))
        ]
        value = measure(front, [tuple(parts)])
        problem = Problem(value, np.eye(1), np.zeros(1), DomainBoxes.of(self._box))
        return self._begin(problem, incumbent)

    def _offer(self, x: np.ndarray) -> None:
        """Offer a point of the front, which reaches a region, as a point of the whole problem."""
        at = self._problem.domain.middle()
        at[0, self._bottleneck.inputs] = x
        problem = self._problem
        y = linear_forms(problem.rows, problem.graph.run(at))[0] + problem.offset
        self.incumbent.offer(y, np.repeat(at, y.size, axis=0))

    def _halves(self, lo: np.ndarray, hi: np.ndarray) -> list[Ends]:
        """Halve a region, and return the open regions of both halves."""
        middle = 0.5 * lo + 0.5 * hi
        splits = (middle > lo) & (middle < hi)
        if not splits.any():
            self._gave_up = True
            return [(lo, hi)]
        halves = (_half(self._bottleneck.rest, lo, hi, splits, side) for side in (0, 1))
        return [region for half in halves for region in self._open_within(*half)]


def _half(
    rest: Graph, lo: np.ndarray, hi: np.ndarray, splits: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower (`side` 0) or upper half of a region, cut along one entry.

    The entry is the one, among those in `splits`, whose change from its lower to its upper bound
    changes the outputs most.
    """
    corners = np.where(np.eye(lo.size, dtype=bool), hi, 0.5 * lo + 0.5 * hi)
    others = np.where(np.eye(lo.size, dtype=bool), lo, 0.5 * lo + 0.5 * hi)
    moves = np.abs(rest.run(corners) - rest.run(others)).sum(axis=1)
    moves = np.where(splits, np.nan_to_num(moves, nan=0.0), -1.0)
    cut = int(moves.argmax())
    lo, hi = lo.copy(), hi.copy()
    (hi if side == 0 else lo)[cut] = 0.5 * lo[cut] + 0.5 * hi[cut]
    return lo, hi
