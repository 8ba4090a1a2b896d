"""Answers to questions about a loop, found by splitting the initial set.

Each box has one pipe, which stops at the first segment that leaves the question open. The box is
then cut across the initial variable that contributes most to the width of that segment, directly or
through remainders. A box whose pipe stopped early is cut twice. The pieces wait in a queue, the
oldest first, and many are computed together: thirty pipes hardly take longer than one.

Once the question is answered, the remaining time may be used to tighten the pipes: pieces that are
not tight (see `TIGHT`) are cut and replaced by their parts, the loosest first.
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
"""Largest number of boxes whose pipes are computed together."""

EARLY = 0.6
"""A box whose pipe stopped before this fraction of the loop's duration is cut twice, not once."""

FEW = 12
"""When pipes are tightened, pieces are cut twice if at most this many are not tight."""

_PipeAndFailures = tuple[FlowPipe, dict[int, Failure]]

TROUBLES = "domain", "step", "controller"
"""Causes of failures other than an open question or the time limit."""

SMALLEST = 2.0**-10
"""If the plant is undefined at time 0 on a piece with at most this fraction of the initial set, no
more pieces are cut, because cuts do not help."""

TIGHT = 0.1
"""A piece is tight if remainders are at most this fraction of each width."""


@dataclass(eq=False)
class Cover:
    """The pieces of an initial set, with the flowpipe computed for each.

    Args:
        lo: `(N, n)`: lower corners of the pieces.
        hi: `(N, n)`: upper corners of the pieces.
        proved: `(N,)`: whether the question is answered on each piece up to the final time.
        pipe: The pipes of all pieces, in the order of the pieces. The pipes of open pieces stop
            early.
        share: Fraction of the initial set that is proved, from 0 to 1. All initial boxes have equal
            weight.
        tried: Number of pipes computed.
        interrupted: Whether Ctrl-C ended the search.
        trouble: First failure whose cause is in `TROUBLES`; None if there is none.
        leaves: The pieces together with their computed pipes, from which `decide_by_splits(since=)`
            resumes.
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
        """Whether every piece of the initial set is proved."""
        return bool(self.proved.all())

    @property
    def margin(self) -> float:
        """The least proved distance of any form from its limits over the proved pieces.

        It is infinite if no distance was computed.
        """
        parts = [*self.pipe.segments, *self.pipe.instants]
        slacks = [s.slack[self.proved[s.boxes]] for s in parts if s.slack is not None]
        return float(min((s.min() for s in slacks if s.size), default=np.inf))

    @property
    def failures(self) -> list[Failure]:
        """Failures of the open pieces, the earliest first."""
        return sorted(self.pipe.failures, key=lambda failure: failure.time)

    @property
    def undecided(self) -> Fraction | None:
        """The first time at which the question is open on some piece; None if all are proved."""
        return min((failure.time for failure in self.pipe.failures), default=None)


@dataclass(eq=False)
class _CoverSearch:
    """The state of the search that `decide_by_splits` runs."""

    task: FlowTask
    clock: Clock
    whole: Clock
    leaves: list[SettledPiece] = field(default_factory=list)
    tried: int = 0
    last_seconds: float = 0.0
    interrupted: bool = False
    trouble: Failure | None = None
    hopeless: bool = False

    def run(self, pieces: Sequence[InitialPiece], more: float = 0.0) -> _PipeAndFailures:
        """Compute the pipes of `pieces`, until at most `more` seconds past the clock's time limit.

        Returns the pipes, and the failures keyed by the index of the piece.
        """
        clock, left = Clock(), min(self.clock.left + more, self.whole.left)
        pipe = self.task.pipe(corners_of(pieces), left if left < np.inf else None)
        self.last_seconds = clock.seconds
        return self._record(pipe)

    def _record(self, pipe: FlowPipe) -> _PipeAndFailures:
        self.tried += pipe.boxes
        if pipe.interrupted:
            self.clock, self.interrupted = Clock(0.0), True
        return pipe, {failure.box: failure for failure in pipe.failures}

    def runs(self, batches: Sequence[Sequence[InitialPiece]]) -> Iterator[_PipeAndFailures]:
        """Yield each batch's pipes and failures; run here what workers did not finish."""
        pipes: dict[int, FlowPipe] = {}
        if len(batches) > 1:
            ends, limited = [corners_of(batch) for batch in batches], self.clock.limit < np.inf
            try:
                self.task.run_batches(ends, self.clock.left if limited else np.inf, pipes)
            except KeyboardInterrupt:
                self.clock, self.interrupted = Clock(0.0), True
        for k, batch in enumerate(batches):
            yield self._record(pipes[k]) if k in pipes else self.run(batch)

    def resume(self, leaves: Sequence[SettledPiece]) -> list[InitialPiece]:
        """Cut open pieces of an earlier search and return the parts; keep all other pieces."""
        pieces: list[InitialPiece] = []
        for leaf in leaves:
            failure = None if leaf.proved else leaf.failure
            parts: list[InitialPiece] = []
            if failure is not None:
                parts = leaf.piece.cut(failure.free, failure.blame, 1)
                pieces += [replace(part, origin=leaf) for part in parts]
            if not parts:
                self.leaves.append(leaf)
        return pieces

    def decide(self, queue: deque[InitialPiece], most: int) -> None:
        """Compute pipes of queued pieces, and cut open pieces, until all are proved or given up.

        Args:
            queue: The pieces to decide.
            most: Number of pipes after which open pieces are no longer cut.
        """
        settled: dict[int, SettledPiece] = {}
        while queue:
            count = 1 if self.clock.expired else full_batches(len(queue), AT_ONCE)
            batch_pieces = [queue.popleft() for _ in range(min(count * AT_ONCE, len(queue)))]
            if self.clock.expired:
                # A finished result for the whole piece is worth more than unfinished parts.
                settled |= {id(p.origin): p.origin for p in batch_pieces if p.origin is not None}
                batch_pieces = [p for p in batch_pieces if p.origin is None]
            batches = [batch_pieces[k : k + AT_ONCE] for k in range(0, len(batch_pieces), AT_ONCE)]
            for batch, (pipe, failed) in zip(batches, self.runs(batches), strict=True):
                late = self.clock.expired or self.tried >= most
                for box, piece in enumerate(batch):
                    failure = failed.get(box)
                    leaf = SettledPiece(replace(piece, origin=None), pipe, box, failure is None)
                    best, parts = (
                        leaf,
                        [] if failure is None else self._cut_failed(piece, failure, late),
                    )
                    if failure is not None and piece.origin is not None:
                        best = max(
                            leaf, piece.origin, key=lambda settled_piece: settled_piece.reached
                        )
                    queue.extend(replace(part, origin=best) for part in parts)
                    if not parts:
                        settled[id(best)] = best
        self.leaves += settled.values()

    def _cut_failed(self, piece: InitialPiece, failure: Failure, late: bool) -> list[InitialPiece]:
        """Return the parts of a failed piece to try next, or [] if the piece is given up."""
        if failure.cause in TROUBLES:
            self.trouble = self.trouble or failure
            stuck = failure.cause == "domain" and failure.time == 0
            self.hopeless = self.hopeless or (stuck and piece.share <= SMALLEST)
        if failure.cause == "time" or late or self.hopeless:
            return []
        early = failure.time < EARLY * self.task.dt * self.task.steps
        return piece.cut(failure.free, failure.blame, 2 if early else 1)

    def tighten(self, tight: float) -> None:
        """Cut pieces that are not tight, the loosest first, until none is left or time is up."""
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
            # An unfinished run is useless, so a run may take as long again as the last one.
            if not parts or self.clock.left < self.last_seconds:
                return
            pipe, failed = self.run([half for _, half in parts], self.last_seconds)
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
    """Split the initial set until a question is answered on all of it or a limit is reached.

    Sound: every proof is a pipe, see `flow_pipe`. Not complete: if the answer is no, some piece
    stays open. Cost: one pipe for each piece. Each round of cuts may double or quadruple the number
    of pieces.

    See `flow_pipe` for `disturbance` and the arguments before `decide`.

    Args:
        decide: The question (see `Decide`). If None, only the pipes are computed.
        deadline: Time limit in seconds.
        keep: Whether segments keep their models.
        most: Number of pipes after which open boxes are no longer cut.
        tighten: Function that maps the seconds that the answer took to the seconds that may be
            spent on tightening the pipes afterward, within the deadline. None means no tightening.
        tight: A piece is tight if remainders are at most this fraction of each width.
        since: An earlier result for the same question: its open pieces are cut further, and `most`
            counts only new pipes.
    """
    clock, (lo, hi) = Clock(deadline), corners(boxes)
    task = FlowTask(plant, controller, Fraction(dt), steps, decide, disturbance, keep)
    search = _CoverSearch(task, clock, clock)
    pieces = [InitialPiece(a, b, 1.0 / len(lo)) for a, b in zip(lo, hi, strict=True)]
    # The matrices here are small: more BLAS threads would only wait for each other.
    with single_blas_thread():
        search.decide(deque(pieces if since is None else search.resume(since.leaves)), most)
        # Pipes are tightened only after an answer: open pieces need the time.
        answered = decide is None or all(leaf.proved for leaf in search.leaves)
        if tighten is not None and answered and not search.interrupted:
            search.clock = Clock(min(tighten(clock.seconds), clock.left))
            search.tighten(tight)
    return _cover(search, lo.shape[1])


def _cover(search: _CoverSearch, states: int) -> Cover:
    """Collect the pieces and their pipes in one `Cover`, numbered consecutively."""
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
                    selected = segment.take(some, True)
                    selected.boxes = numbers[selected.boxes]
                    to.append(selected)
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
