"""A question about a loop, decided by splitting the initial set where it is to blame.

Every box has one pipe, which stops at the first segment that leaves the question open. Its box is
then cut across the initial variable that adds most to what was too wide there, directly or through
the remainders that it caused; a box that stopped early is cut across two. Pieces wait in a queue,
the oldest first, and run many at a time: pipes of thirty boxes hardly take longer than one.

Once the question is answered, the time that is left may go into tighter pipes: the pieces whose
width is remainder for the most part are cut, and give way to their halves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from ...core import Bounds, Clock
from ...graph import Graph
from ...search.common.parallel import single_blas_thread
from ..spread.waves import full_batches
from .controllers import SampledControl
from .initial import corners
from .pieces import InitialPiece, SettledPiece, corners_of
from .pipe import Decide, Failure, FlowPipe
from .spread.batches import FlowTask


AT_ONCE = 96
"""Boxes that run together."""

EARLY = 0.6
"""A box that stops before this share of the time is cut twice."""

FEW = 12
"""So many pieces are cut twice when pipes are tightened."""

_Heard = tuple[FlowPipe, dict[int, Failure]]

TROUBLES = "domain", "step", "controller"
"""Causes of failures that are no question's and not the clock's."""

SMALLEST = 2.0**-10
"""Where a piece of this share of the set cannot even begin, the plant not being defined on it, cuts
are no remedy: the search ends."""

TIGHT = 0.1
"""A piece is tight where remainders are at most this share of each width."""


@dataclass(eq=False)
class Cover:
    """The initial set in pieces, and what is known of each.

    Args:
        lo: `(N, n)` lower corners of the pieces.
        hi: `(N, n)` upper corners.
        proved: `(N,)` the pieces of which the question is answered to the end.
        pipe: Of all pieces, by their number; of open ones, up to where they stopped.
        share: How much of the volume is proved, from 0 to 1.
        tried: How many pipes there were.
        interrupted: Whether Ctrl-C ended it.
        trouble: Why a piece could not go on, though nothing was asked of it there; None without.
        leaves: The pieces with the pipes of the runs that they were in; see `since`.
    """

    lo: np.ndarray
    hi: np.ndarray
    proved: np.ndarray
    pipe: FlowPipe
    share: float
    tried: int
    interrupted: bool = False
    trouble: Failure | None = None
    leaves: Sequence[SettledPiece] = field(default=(), repr=False)

    @property
    def complete(self) -> bool:
        """Whether the question is answered for the whole initial set."""
        return bool(self.proved.all())

    @property
    def margin(self) -> float:
        """How far what is asked stays from its limits in the proved pieces, at least."""
        parts = [*self.pipe.segments, *self.pipe.instants]
        known = [s.slack[self.proved[s.boxes]] for s in parts if s.slack is not None]
        return float(min((s.min() for s in known if s.size), default=np.inf))

    @property
    def failures(self) -> list[Failure]:
        """Of the open pieces, where and why they stopped; the earliest first."""
        return sorted(self.pipe.failures, key=lambda failure: failure.time)

    @property
    def undecided(self) -> Fraction | None:
        """The first time at which some piece is open; None if all are proved."""
        return min((failure.time for failure in self.pipe.failures), default=None)


@dataclass(eq=False)
class _CoverSearch:
    """What is under way; see `decide_by_splits`."""

    task: FlowTask
    clock: Clock
    whole: Clock
    leaves: list[SettledPiece] = field(default_factory=list)
    tried: int = 0
    lasted: float = 0.0
    interrupted: bool = False
    trouble: Failure | None = None
    hopeless: bool = False

    def run(self, pieces: Sequence[InitialPiece], more: float = 0.0) -> _Heard:
        """The pipes of some pieces, and those that failed; `more` seconds beyond the clock."""
        clock, left = Clock(), min(self.clock.left + more, self.whole.left)
        pipe = self.task.pipe(corners_of(pieces), left if left < np.inf else None)
        self.lasted = clock.seconds
        return self._heard(pipe)

    def _heard(self, pipe: FlowPipe) -> _Heard:
        self.tried += pipe.boxes
        if pipe.interrupted:
            self.clock, self.interrupted = Clock(0.0), True
        return pipe, {failure.box: failure for failure in pipe.failures}

    def runs(self, batches: Sequence[Sequence[InitialPiece]]) -> Iterator[_Heard]:
        """Run some batches in their order; those that no worker or thread returns run here."""
        found: dict[int, FlowPipe] = {}
        if len(batches) > 1:
            ends, limited = [corners_of(batch) for batch in batches], self.clock.limit < np.inf
            try:
                self.task.together(ends, self.clock.left if limited else np.inf, found)
            except KeyboardInterrupt:
                self.clock, self.interrupted = Clock(0.0), True
        for k, batch in enumerate(batches):
            yield self._heard(found[k]) if k in found else self.run(batch)

    def resumed(self, leaves: Sequence[SettledPiece]) -> list[InitialPiece]:
        """What is proved is kept; what is open is cut, and returned."""
        found: list[InitialPiece] = []
        for leaf in leaves:
            failure = None if leaf.proved else leaf.failure
            parts: list[InitialPiece] = []
            if failure is not None:
                parts = leaf.piece.cut(failure.free, failure.blame, 1)
                found += [replace(part, origin=leaf) for part in parts]
            if not parts:
                self.leaves.append(leaf)
        return found

    def decided(self, queue: deque[InitialPiece], most: int) -> None:
        """Answer the question for all pieces, or give up."""
        settled: dict[int, SettledPiece] = {}
        while queue:
            count = 1 if self.clock.expired else full_batches(len(queue), AT_ONCE)
            taken = [queue.popleft() for _ in range(min(count * AT_ONCE, len(queue)))]
            if self.clock.expired:
                # What is known of the wholes is more than their parts could still say.
                settled |= {id(p.origin): p.origin for p in taken if p.origin is not None}
                taken = [p for p in taken if p.origin is None]
            batches = [taken[k : k + AT_ONCE] for k in range(0, len(taken), AT_ONCE)]
            for batch, (pipe, failed) in zip(batches, self.runs(batches), strict=True):
                late = self.clock.expired or self.tried >= most
                for box, piece in enumerate(batch):
                    failure = failed.get(box)
                    leaf = SettledPiece(replace(piece, origin=None), pipe, box, failure is None)
                    best, parts = leaf, [] if failure is None else self._cut(piece, failure, late)
                    if failure is not None and piece.origin is not None:
                        best = max(leaf, piece.origin, key=lambda known: known.reached)
                    queue.extend(replace(part, origin=best) for part in parts)
                    if not parts:
                        settled[id(best)] = best
        self.leaves += settled.values()

    def _cut(self, piece: InitialPiece, failure: Failure, late: bool) -> list[InitialPiece]:
        """What is to be tried of a piece that failed."""
        if failure.cause in TROUBLES:
            self.trouble = self.trouble or failure
            stuck = failure.cause == "domain" and failure.time == 0
            self.hopeless = self.hopeless or (stuck and piece.share <= SMALLEST)
        if failure.cause == "time" or late or self.hopeless:
            return []
        early = failure.time < EARLY * self.task.dt * self.task.steps
        return piece.cut(failure.free, failure.blame, 2 if early else 1)

    def tightened(self, tight: float) -> None:
        """Cut the pieces that are looser than need be, the loosest first, while there is time."""
        given_up: set[int] = set()
        while not self.clock.expired:
            loose = [
                i for i, leaf in enumerate(self.leaves)
                if leaf.proved and id(leaf) not in given_up and leaf.pipe.loose[leaf.box][0] > tight
            ]  # fmt: skip
            loose.sort(key=lambda i: -self.leaves[i].pipe.loose[self.leaves[i].box][0])
            parts: list[tuple[int, InitialPiece]] = []
            cuts = 2 if len(loose) <= FEW else 1
            for i in loose[: AT_ONCE // 2**cuts]:
                leaf = self.leaves[i]
                halves = leaf.piece.cut(leaf.pipe.free, leaf.pipe.loose[leaf.box][1], cuts)
                given_up.add(id(leaf))
                parts += [(i, half) for half in halves]
            # A run that the time cuts off is of no use: one that was begun may take twice as long.
            if not parts or self.clock.left < self.lasted:
                return
            pipe, failed = self.run([half for _, half in parts], self.lasted)
            better = {i for i, _ in parts} - {parts[box][0] for box in failed}
            new = [
                SettledPiece(half, pipe, box, True)
                for box, (i, half) in enumerate(parts) if i in better
            ]  # fmt: skip
            self.leaves = [leaf for i, leaf in enumerate(self.leaves) if i not in better] + new


def decide_by_splits(
    plant: Graph,
    controller: Graph | SampledControl | None,
    boxes: Sequence | Bounds,
    dt: Fraction,
    steps: int,
    decide: Decide | None,
    deadline: float | None = None,
    *,
    disturbance: Bounds | None = None,
    keep: bool = False,
    most: int = 1 << 14,
    tighten: Callable[[float], float] | None = None,
    tight: float = TIGHT,
    since: Cover | None = None,
) -> Cover:
    """Split the initial set until a question is answered for all of it, or time is over.

    Sound: what is proved is proved by pipes, see `flow_pipe`. Complete: no; where the answer is no,
    some piece stays open. Cost: that of the pipes; the number of pieces may double with each cut.

    Args:
        plant: See `flow_pipe`.
        controller: See `flow_pipe`.
        boxes: See `flow_pipe`.
        dt: See `flow_pipe`.
        steps: See `flow_pipe`.
        decide: Which boxes a segment leaves open, and what is too wide. None asks for pipes alone.
        deadline: Seconds.
        disturbance: See `flow_pipe`.
        keep: Whether segments keep their models.
        most: Pipes that are tried at most.
        tighten: From the seconds it took to those that may be spent on tighter pipes afterwards,
            within the deadline; None for none.
        tight: A piece is tight where remainders are at most this share of each width.
        since: What is known of the same question: its open pieces are cut on, within `most` more.
    """
    clock, (lo, hi) = Clock(deadline), corners(boxes)
    task = FlowTask(plant, controller, Fraction(dt), steps, decide, disturbance, keep)
    search = _CoverSearch(task, clock, clock)
    pieces = [InitialPiece(a, b, 1.0 / len(lo)) for a, b in zip(lo, hi, strict=True)]
    # Products here are small: more threads of BLAS only wait for each other.
    with single_blas_thread():
        search.decided(deque(pieces if since is None else search.resumed(since.leaves)), most)
        # Tighter pipes are for what is answered: what is open needs the time.
        answered = decide is None or all(leaf.proved for leaf in search.leaves)
        if tighten is not None and answered and not search.interrupted:
            search.clock = Clock(min(tighten(clock.seconds), clock.left))
            search.tightened(tight)
    return _cover(search, lo.shape[1])


def _cover(search: _CoverSearch, states: int) -> Cover:
    """The pieces and their pipes under one numbering."""
    leaves = search.leaves
    whole = FlowPipe(states, len(leaves))
    runs: dict[int, tuple[FlowPipe, np.ndarray]] = {}
    for i, leaf in enumerate(leaves):
        numbers = np.full(leaf.pipe.boxes, -1)
        _, numbers = runs.setdefault(id(leaf.pipe), (leaf.pipe, numbers))
        numbers[leaf.box] = i
        whole.reached.append(leaf.pipe.reached[leaf.box])
        whole.loose.append(leaf.pipe.loose[leaf.box])
        whole.free = leaf.pipe.free
    for pipe, numbers in runs.values():
        for parts, to in ((pipe.segments, whole.segments), (pipe.instants, whole.instants)):
            for segment in parts:
                some = np.flatnonzero(numbers[segment.boxes] >= 0)
                if some.size:
                    kept = segment.take(some, True)
                    kept.boxes = numbers[kept.boxes]
                    to.append(kept)
        whole.failures += [
            replace(failure, box=int(numbers[failure.box]))
            for failure in pipe.failures if numbers[failure.box] >= 0
        ]  # fmt: skip
    proved = np.array([leaf.proved for leaf in leaves], bool)
    share = float(sum(leaf.piece.share for leaf in leaves if leaf.proved))
    return Cover(
        np.stack([leaf.piece.lo for leaf in leaves]),
        np.stack([leaf.piece.hi for leaf in leaves]), proved, whole, share, search.tried,
        search.interrupted, search.trouble, leaves,
    )  # fmt: skip
