"""A narrow waist: many inputs reach the objectives through a few values in the middle.

Controllers end in a few numbers that go through physics: sines, products, floors. What is before
these numbers is known to neuron splits, and what is behind them has few inputs. So their ranges are
searched first; then the boxes of such numbers on which the objectives may miss their targets are
found; and then it is asked whether any input reaches these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..core import Atom, Box, Warrant
from ..core.arrays import linear_forms
from ..domains.cone import cone
from ..graph import Graph, Slot
from ..graph.measure import measure
from ..graph.rewrites.rewrite import ending_at
from .common.domain_boxes import DomainBoxes
from .common.incumbent import Incumbent
from .common.problem import Problem
from .common.search import Search, pass_on
from .common.solution import Stop
from .halving import OpenBoxes
from .neuron_split.search import supports
from .neuron_split.smooth_relaxations import supports_op
from .step_cases import step_cases


WIDEST = 6
"""Entries of a waist: boxes of more would be too many."""

FIRST_TURN = 2.0
"""Seconds for the ranges of the waist, then for the regions that are open; doubled when it is
the turn of the ranges again."""

SLICE = 0.25
"""Seconds of one piece of work."""

PAVED = 256
"""Boxes in which the part behind is bounded at a time, of which the open ones are one region."""

TOLERANCE = 1e-2
"""Relative gap of the ranges of the waist."""


ABOVE_ZERO = float(np.nextafter(0.0, 1.0))
"""What the value of a region reaches where no input does."""

Begin = Callable[[Problem, Incumbent], Search]
"""Begins the search that suits a problem."""

Ends = tuple[np.ndarray, np.ndarray]
"""Least and largest entries of the waist."""


@dataclass(frozen=True, eq=False)
class Waist:
    """A graph in two parts.

    Args:
        inputs: The inputs that the front reads, of all.
        front: From these to the waist.
        rest: From the waist to the outputs.
    """

    inputs: np.ndarray
    front: Graph
    rest: Graph


def find_waist(graph: Graph) -> Waist | None:
    """The narrowest waist in front of which neuron splits know every op; None if there is none.

    Of several the last: the more is in front, the more the entries know of each other.
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
    front = ending_at(part, values, [Slot(f"waist {v}", (part.value_size(v),)) for v in values])
    return Waist(whole.leaves[0][1], front, rest.graph) if supports(front) else None


def _widths(graph: Graph) -> Iterator[tuple[int, int]]:
    """Yield narrow values up to which all ops are supported, with the entries read behind them."""
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


class WaistSearch(Search):
    """Decides through a waist: its ranges, then whether inputs reach what is open behind it.

    Args:
        problem: The whole; a decision about one box.
        waist: Of its small graph, with the objectives as outputs.
        begin: Begins the searches in front of the waist.
    """

    methods = (
        "ranges of a narrow waist, and whether any input reaches what is open behind it (own)",
    )
    gradual = False
    share = 4.0  # Splits of more than a few inputs seldom get anywhere.

    def __init__(self, problem: Problem, waist: Waist, incumbent: Incumbent, begin: Begin) -> None:
        assert incumbent.target is not None
        self.incumbent, self._problem, self._waist, self._begin = incumbent, problem, waist, begin
        self._target = incumbent.target
        hull = problem.domain.hull
        self._box = Box(hull.lo[waist.inputs], hull.hi[waist.inputs])
        count = waist.front.value_size(waist.front.output)
        rows = np.concatenate([np.eye(count), -np.eye(count)])
        own = Incumbent(rows, TOLERANCE, self._limit, None)
        front = Problem(waist.front, rows, np.zeros(2 * count), DomainBoxes.of(self._box))
        self._ranges = begin(front, own)
        self._turn, self._ranging = FIRST_TURN, True
        self._ends = incumbent.clock.seconds + FIRST_TURN
        self._regions: list[Ends] = []
        self._asked: Search | None = None
        self._gave_up = self._closed = self._ranged = False
        self._worst = self._ranges.warrant

    def lower(self) -> np.ndarray:
        return np.where(self._closed, self._target, np.full(self._target.size, -np.inf))

    @property
    def _limit(self) -> float | None:
        """Seconds that are left."""
        left = self.incumbent.clock.left
        return None if np.isinf(left) else left

    @property
    def waiting(self) -> int:
        return max(1, len(self._regions))

    @property
    def warrant(self) -> Warrant:
        """What stands behind the ranges, and behind the regions that no input reaches."""
        return min(self._ranges.warrant, self._worst)

    def recover(self) -> None:
        """The regions that are open stay in the list until they are closed."""
        self._ranges.recover()
        self._asked = None

    def advance(self) -> bool:
        """Search the ranges for a while, or ask about a region."""
        if self._ranging:
            self._search_ranges()
        else:
            self._ask(self._regions[-1])
        return not (self._gave_up or self._closed)

    def _search_ranges(self) -> None:
        own, clock = self._ranges.incumbent, self.incumbent.clock
        stop = self._ranges.run(own.clock.seconds + SLICE)
        pass_on(stop)
        self._ranged = stop is Stop.FINISHED
        if stop is Stop.PAUSED and clock.seconds < self._ends:
            return
        least = np.fmax(self._ranges.lower(), own.known)
        lo, most = np.split(least, 2)
        hi = np.maximum(lo, -most)
        if not np.isfinite(least).all():
            self._gave_up = stop is not Stop.PAUSED
            return
        self._regions = self._open_within(lo, hi)
        self._closed = not self._regions
        if self._closed:
            return
        # Of the ranges only those ends matter at which something is open.
        firsts, lasts = (np.array([region[side] for region in self._regions]) for side in (0, 1))
        done = np.concatenate([firsts.min(axis=0) > lo, lasts.max(axis=0) < hi])
        own.dropped = own.dropped | done
        self._take_turns(ranging=False)

    def _take_turns(self, *, ranging: bool) -> None:
        self._ranging, self._asked = ranging, None
        self._turn *= 2.0 if ranging else 1.0
        self._ends = self.incumbent.clock.seconds + self._turn

    def _open_within(self, lo: np.ndarray, hi: np.ndarray) -> list[Ends]:
        """Hulls of what bounds of the rest leave open in a box of the waist, one a case."""
        late = lambda: self.incumbent.clock.expired  # noqa: E731
        target = self._target
        cases = step_cases(self._waist.rest, lo, hi)
        beyond = cases.graph.value_size(cases.graph.output) - target.size
        aim = np.concatenate([target, np.zeros(beyond)])
        shut = lambda least: cases.shut(least, target)  # noqa: E731
        found = []
        for ends in zip(cases.boxes.lo, cases.boxes.hi, strict=True):
            roots = cases.boxes.with_ends(*(end[None] for end in ends))
            boxes = OpenBoxes(cases.graph, roots, aim, late, shut)
            boxes.bound("forward")
            while 0 < len(boxes.lo) <= PAVED // 2 and not late():
                some = boxes.halvable(WIDEST)
                if not some.any():
                    break
                boxes.halve(some)
            if len(boxes.lo):
                found.append(
                    (boxes.lo[:, : lo.size].min(axis=0), boxes.hi[:, : lo.size].max(axis=0))
                )
        return found

    def _ask(self, region: Ends) -> None:
        """Search an input that reaches a region; halve the region where there is one."""
        if self._asked is None:
            self._asked = self._question(*region)
        asked = self._asked
        stop = asked.run(asked.incumbent.clock.seconds + SLICE)
        pass_on(stop)
        proved = bool((np.fmax(asked.lower(), asked.incumbent.known) >= ABOVE_ZERO).all())
        if stop is Stop.GOAL and not proved:
            self._offer(asked.incumbent.best_at[0])
        if proved or stop is Stop.GOAL:
            if proved:
                self._worst = min(self._worst, asked.warrant)
            self._regions[-1:] = [] if proved else self._halves(*region)
            self._asked, self._closed = None, not self._regions
        elif self._ranged or self._ranges.finished:
            self._gave_up = stop is Stop.FINISHED
        elif stop is Stop.FINISHED or self.incumbent.clock.seconds > self._ends:
            self._take_turns(ranging=True)

    def _question(self, lo: np.ndarray, hi: np.ndarray) -> Search:
        """Whether some input has all entries of the waist within a region."""
        front, own = self._waist.front, Incumbent(np.eye(1), 0.0, self._limit, None)
        own.target, own.goal = np.array([ABOVE_ZERO]), np.array([ABOVE_ZERO])
        parts = [
            Atom.of({front.size + i: sign}, -sign * end)
            for i in range(lo.size)
            for sign, end in ((-1.0, float(lo[i])), (1.0, float(hi[i])))
        ]
        value = measure(front, [tuple(parts)])
        problem = Problem(value, np.eye(1), np.zeros(1), DomainBoxes.of(self._box))
        return self._begin(problem, own)

    def _offer(self, x: np.ndarray) -> None:
        """Offer a point whose waist is in a region as a point of the whole."""
        at = self._problem.domain.middle()
        at[0, self._waist.inputs] = x
        problem = self._problem
        y = linear_forms(problem.rows, problem.graph.run(at))[0] + problem.offset
        self.incumbent.offer(y, np.repeat(at, y.size, axis=0))

    def _halves(self, lo: np.ndarray, hi: np.ndarray) -> list[Ends]:
        """What is open in both halves of a region."""
        middle = 0.5 * lo + 0.5 * hi
        splits = (middle > lo) & (middle < hi)
        if not splits.any():
            self._gave_up = True
            return [(lo, hi)]
        halves = (_half(self._waist.rest, lo, hi, splits, side) for side in (0, 1))
        return [found for half in halves for found in self._open_within(*half)]


def _half(
    rest: Graph, lo: np.ndarray, hi: np.ndarray, splits: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """A half of a region, cut across the entry that moves the outputs most in the middle."""
    corners = np.where(np.eye(lo.size, dtype=bool), hi, 0.5 * lo + 0.5 * hi)
    others = np.where(np.eye(lo.size, dtype=bool), lo, 0.5 * lo + 0.5 * hi)
    moves = np.abs(rest.run(corners) - rest.run(others)).sum(axis=1)
    moves = np.where(splits, np.nan_to_num(moves, nan=0.0), -1.0)
    cut = int(moves.argmax())
    lo, hi = lo.copy(), hi.copy()
    (hi if side == 0 else lo)[cut] = 0.5 * lo[cut] + 0.5 * hi[cut]
    return lo, hi
