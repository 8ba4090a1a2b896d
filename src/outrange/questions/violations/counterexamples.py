"""Search for distinct counterexamples, spread over the region that violates a property."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...answers.answer import Cost
from ...answers.counterexamples import Counterexamples
from ...answers.verdict import Counterexample
from ...core import Formula, InputError, Region, Warrant
from ...core.clock import read_clock
from ...search.common.clause_groups import ClauseGroup
from ...search.decide import decide
from ...search.preimage import paving as search
from ...search.preimage.attack_boxes import violations_in
from ...search.preimage.clause_bounds import ClauseBounds
from ...search.preimage.paving import Paving, PavingBox
from ..common.arguments import check_hooks, check_limits
from ..common.named_arrays import graph_point
from ..common.network import NetworkLike
from ..common.provenance import input_domain
from ..conditions.clause_groups import expand_groups
from ..evidence.check_point import CounterexampleChecker, Witness
from ..inputs.parse_box import place
from ..verify import counterexample_at


MOST_BOXES = 100_000
"""Number of boxes after which the search ends."""

AT_ONCE = 32

METHODS = ("breadth-first paving, descent in each box",)


def counterexamples(
    network: NetworkLike,
    unsafe: Formula,
    regions: Sequence[Region],
    *,
    text: str,
    count: int = 10,
    apart: float = 0.0,
    time_limit: float | None = None,
    seed: int = 0,
    engine: str = "auto",
) -> Counterexamples:
    """Find distinct inputs that satisfy `unsafe`; see `outrange.counterexamples`.

    Args:
        network: The network under study.
        unsafe: The condition of a counterexample, over the flat `[x, y]`.
        regions: The input set, as a union of regions.
        text: The property as text, for the answer.
        count: Requested number of counterexamples.
        apart: Minimum distance between two counterexamples: the largest difference in any single
            input, relative to the width of the input set in this input.
        time_limit: Limit in seconds; None for no limit.
        seed: Random seed of the points tried.
        engine: `"auto"` uses the compiled kernel if it supports the graph; `"array"` never uses it.
    """
    check_limits(0.0, time_limit)
    check_hooks(None, seed)
    _check(count, apart)
    began = read_clock()
    groups = expand_groups(unsafe, regions, lambda i: place(network.graph.inputs, i))
    boxes, status, methods = 0, "none", ("interval arithmetic",)
    collection = _Collection(network, unsafe, regions, groups, int(count), float(apart))
    if groups:
        examiner = CounterexampleChecker(network, unsafe, regions)
        first = decide(
            network.graph, groups, examiner, time_limit=time_limit, seed=seed, engine=engine
        )
        boxes, methods = first.boxes, first.methods
        status = "none" if first.status == "unsat" else first.status
        if examiner.witness is not None:
            status = "all"
            collection.add(examiner.witness)
            until = np.inf if time_limit is None else began + float(time_limit)
            more = _CounterexampleSearch(network, groups, collection, until, seed, engine)
            if not collection.full:
                status = more.run()
                methods = (*methods, *METHODS)
            boxes += more.boxes
    return Counterexamples(
        model=network.name,
        claim=text,
        examples=tuple(collection.examples),
        asked=int(count),
        apart=float(apart),
        status=status,
        warrant=Warrant.FLOAT64_ROUNDED,
        cost=Cost(read_clock() - began, boxes),
        methods=methods,
        over=input_domain(network.graph.inputs, regions),
    )


def _check(count: Any, apart: Any) -> None:
    is_integer = isinstance(count, int | np.integer) and not isinstance(count, bool)
    if not is_integer or count < 1:
        raise InputError(f"`count` must be an integer >= 1. Received: count={count!r}.")
    number = isinstance(apart, int | float | np.number) and not isinstance(apart, bool)
    if not number or not 0 <= apart <= 1:
        raise InputError(
            f"`apart` must be a share of the input set's width, from 0 to 1. "
            f"Received: apart={apart!r}."
        )


class _Collection:
    """Collection of the counterexamples found so far."""

    def __init__(
        self,
        network: NetworkLike,
        unsafe: Formula,
        regions: Sequence[Region],
        groups: Sequence[ClauseGroup],
        count: int,
        apart: float,
    ) -> None:
        self._new_examiner: Callable[[], CounterexampleChecker] = lambda: CounterexampleChecker(
            network, unsafe, regions
        )
        self._network, self._count, self.apart = network, count, apart
        self.examples: list[Counterexample] = []
        size = network.graph.size
        lo = np.min([g.roots.lo.min(axis=0) for g in groups], axis=0) if groups else np.zeros(size)
        hi = np.max([g.roots.hi.max(axis=0) for g in groups], axis=0) if groups else np.zeros(size)
        self._unit = np.where(hi > lo, hi - lo, 1.0)

    @property
    def full(self) -> bool:
        return len(self.examples) >= self._count

    @property
    def at(self) -> np.ndarray:
        """Inputs of the counterexamples, `(n, d)`."""
        points = [graph_point(self._network, e.flat_x) for e in self.examples]
        return np.array(points).reshape(-1, self._unit.size)

    def distance(self, x: np.ndarray) -> float:
        """Return the distance to the nearest counterexample; infinity if there is none.

        The distance is the largest difference in any single input, relative to the width of the
        input set in this input.
        """
        gaps = np.abs(self.at - x) / self._unit
        return float(gaps.max(axis=1).min(initial=np.inf))

    def covers(self, lo: np.ndarray, hi: np.ndarray) -> bool:
        """Return whether every point of a box is too close to one of the counterexamples.

        A point is too close if its distance is 0 or below `apart`; see `distance`.
        """
        far = np.maximum(np.abs(self.at - lo), np.abs(self.at - hi)) / self._unit
        nearest = far.max(axis=1).min(initial=np.inf)
        return bool(nearest < self.apart or nearest == 0)

    def fits(self, x: np.ndarray) -> bool:
        gap = self.distance(x)
        return gap > 0 and gap >= self.apart

    def offer(self, points: Sequence[np.ndarray]) -> bool:
        """Add the first point that is a counterexample, preferably one that the model reproduces.

        Returns whether a point was added.
        """
        spare: Witness | None = None
        for x in points:
            if not self.fits(x):
                continue
            examiner = self._new_examiner()
            examiner(x)
            witness = examiner.witness
            if witness is None or not self.fits(witness.x):
                continue
            if witness.reproduced is not False:
                self.add(witness)
                return True
            spare = spare or witness
        if spare is not None:
            self.add(spare)
        return spare is not None

    def add(self, witness: Witness) -> None:
        self.examples.append(counterexample_at(self._network, witness))


class _CounterexampleSearch:
    """Attack on the boxes without a known counterexample, one level of bisections after another."""

    def __init__(
        self,
        network: NetworkLike,
        groups: Sequence[ClauseGroup],
        collection: _Collection,
        until: float,
        seed: int,
        engine: str,
    ) -> None:
        self._kept, self._until = collection, until
        self._graph, self._groups, self._engine = network.graph, groups, engine
        self._rng = np.random.default_rng(seed)
        self._pavings: list[Paving] = []

    @property
    def boxes(self) -> int:
        return sum(paving.bounded for paving in self._pavings)

    def run(self) -> str:
        """Search for counterexamples, and return the reason why the search stopped."""
        try:
            level = self._roots()
            while level:
                stopped = self._level(level)
                if stopped is not None:
                    return stopped
                level = self._bisect(level)
                if level is None:
                    return self._why()
        except KeyboardInterrupt:
            return "interrupted"
        return "no more"

    def _why(self) -> str:
        return "time" if read_clock() > self._until else "effort"

    @property
    def _over(self) -> bool:
        return read_clock() > self._until or self.boxes >= MOST_BOXES

    def _roots(self) -> list[tuple[Paving, PavingBox, np.ndarray]]:
        level = []
        for group in self._groups:
            roots = group.roots
            clauses = ClauseBounds(
                self._graph, group.clauses, group.distances, roots.hull, self._engine
            )
            free = clauses.free
            wanted = np.ones((len(roots.lo), clauses.count), bool)
            paving = Paving(
                clauses, roots.lo[:, free], roots.hi[:, free], wanted, roots.whole[free]
            )
            self._pavings.append(paving)
            for start in range(0, len(paving.roots), AT_ONCE):
                paving.look(paving.roots[start : start + AT_ONCE])
            level += [(paving, cell, roots.whole[free]) for cell in paving.roots]
        return self._worth(level)

    def _worth(self, level: list) -> list:
        """Return the boxes of a level that may contain new counterexamples.

        Boxes that are proved to contain no violation are dropped, and so are boxes for which
        `_Collection.covers` is True. The boxes farthest from known counterexamples come first.
        """
        collection = self._kept
        left = []
        for paving, cell, whole in level:
            lo, hi = paving.clauses.full(np.stack([cell.lo, cell.hi]))
            if cell.label != search.OUTSIDE and not collection.covers(lo, hi):
                left.append((collection.distance(0.5 * lo + 0.5 * hi), paving, cell, whole))
        left.sort(key=lambda entry: -entry[0])
        return [entry[1:] for entry in left]

    def _level(self, level: list) -> str | None:
        """Attack the boxes without a known counterexample; return a reason to stop, or None."""
        for start in range(0, len(level), AT_ONCE):
            if self._over:
                return self._why()
            part = level[start : start + AT_ONCE]
            for paving in {id(p): p for p, *_ in part}.values():
                cells = [cell for p, cell, _ in part if p is paving and self._empty(p, cell)]
                whole = next(w for p, _, w in part if p is paving)
                if cells and self._search(paving, cells, whole):
                    return "all"
        return None

    def _empty(self, paving: Paving, cell: PavingBox) -> bool:
        lo, hi = paving.clauses.full(np.stack([cell.lo, cell.hi]))
        at = self._kept.at
        return not ((lo <= at) & (at <= hi)).all(axis=1).any()

    def _search(self, paving: Paving, cells: list[PavingBox], whole: np.ndarray) -> bool:
        """Attack boxes, and return whether the requested number of counterexamples is reached."""
        clauses = paving.clauses
        lo, hi = np.array([c.lo for c in cells]), np.array([c.hi for c in cells])
        open_ = np.array([c.open for c in cells])
        for points in violations_in(clauses, lo, hi, open_, whole, self._rng):
            if points:
                self._kept.offer(list(clauses.full(np.array(points))))
            if self._kept.full:
                return True
        return False

    def _bisect(self, level: list) -> list | None:
        """Bisect the boxes of a level; return the next level, or None if a limit is reached."""
        after = []
        for start in range(0, len(level), AT_ONCE):
            if self._over:
                return None
            part = level[start : start + AT_ONCE]
            for paving in {id(p): p for p, *_ in part}.values():
                whole = next(w for p, _, w in part if p is paving)
                halves = paving.halve([cell for p, cell, _ in part if p is paving])
                after += [(paving, half, whole) for half in halves]
        return self._worth(after)
