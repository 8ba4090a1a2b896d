"""A question about a loop, decided by splitting the initial set where it is to blame.

Every box has one pipe, which stops at the first segment that leaves the question open. Its box is
then cut across the initial variable that adds most to what was too wide there, directly or through
the remainders that it caused; a box that stopped early is cut across two. Pieces wait in a queue,
the oldest first, and run many at a time: a pipe of thirty boxes hardly takes longer than one of one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from ..core import Bounds, Clock
from ..graph import Graph
from .flow import Decide, flow_pipe
from .initial import corners
from .pipe import Failure, FlowPipe


AT_ONCE = 96
"""Boxes that run together."""

EARLY = 0.6
"""A box that stops before this share of the time is cut twice."""

THINNEST = 2.0**-30
"""A box is cut across a side only if that is more than this share of the whole."""


@dataclass(eq=False)
class Cover:
    """The initial set in pieces, and what is known of each.

    Args:
        lo: `(N, n)` lower corners of the pieces.
        hi: `(N, n)` upper corners.
        proved: `(N,)` the pieces of which the question is answered to the end.
        pipe: Of all pieces, by their number; of open ones, up to where they stopped.
        share: How much of the volume is proved, from 0 to 1.
        undecided: The first time at which some piece is open; None if all are proved.
        tried: How many pipes there were.
    """

    lo: np.ndarray
    hi: np.ndarray
    proved: np.ndarray
    pipe: FlowPipe
    share: float
    undecided: Fraction | None
    tried: int

    @property
    def complete(self) -> bool:
        """Whether the question is answered for the whole initial set."""
        return bool(self.proved.all())

    @property
    def failures(self) -> list[Failure]:
        """Of the open pieces, where and why they stopped; the earliest first."""
        return sorted(self.pipe.failures, key=lambda failure: failure.time)


@dataclass(eq=False)
class _Piece:
    """A box that waits."""

    lo: np.ndarray
    hi: np.ndarray
    share: float


@dataclass(eq=False)
class _Leaves:
    """Pieces that are settled, one way or the other."""

    states: int
    pieces: list[_Piece] = field(default_factory=list)
    proved: list[bool] = field(default_factory=list)
    pipe: FlowPipe = field(init=False)

    def __post_init__(self) -> None:
        self.pipe = FlowPipe(self.states, 0)

    def add(self, pipe: FlowPipe, pieces: Sequence[_Piece], settled: np.ndarray) -> None:
        """Keep what a run found of its boxes `settled`, under new numbers."""
        new = np.full(pipe.boxes, -1)
        new[settled] = len(self.pieces) + np.arange(settled.size)
        failed = {failure.box for failure in pipe.failures}
        for box in settled:
            self.pieces.append(pieces[box])
            self.proved.append(int(box) not in failed)
            self.pipe.reached.append(pipe.reached[box])
        for parts, to in (
            (pipe.segments, self.pipe.segments), (pipe.instants, self.pipe.instants)
        ):  # fmt: skip
            for segment in parts:
                some = np.flatnonzero(new[segment.boxes] >= 0)
                if some.size:
                    kept = segment.take(some, True)
                    kept.boxes = new[kept.boxes]
                    to.append(kept)
        for failure in pipe.failures:
            if new[failure.box] >= 0:
                self.pipe.failures.append(_renumbered(failure, int(new[failure.box])))
        self.pipe.boxes = len(self.pieces)


def _renumbered(failure: Failure, box: int) -> Failure:
    return Failure(
        box, failure.time, failure.cause, failure.text, failure.lo, failure.hi, failure.blame,
        failure.free, failure.kinds,
    )  # fmt: skip


def decide_by_splits(
    plant: Graph,
    controller: Graph | None,
    boxes: Sequence | Bounds,
    dt: Fraction,
    steps: int,
    decide: Decide,
    deadline: float | None = None,
    *,
    disturbance: Bounds | None = None,
    keep: bool = False,
    most: int = 1 << 14,
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
        decide: Which boxes a segment leaves open, and what is too wide.
        deadline: Seconds.
        disturbance: See `flow_pipe`.
        keep: Whether segments keep their models.
        most: Pipes that are tried at most.
    """
    clock, horizon = Clock(deadline), Fraction(dt) * steps
    lo, hi = corners(boxes)
    whole = np.maximum(hi - lo, 0.0).max(axis=0)
    queue = deque(_Piece(a, b, 1.0 / len(lo)) for a, b in zip(lo, hi, strict=True))
    leaves, tried = _Leaves(lo.shape[1]), 0
    while queue:
        batch = [queue.popleft() for _ in range(min(AT_ONCE, len(queue)))]
        ends = np.stack([p.lo for p in batch]), np.stack([p.hi for p in batch])
        pipe = flow_pipe(
            plant, controller, ends, dt, steps, clock.left if clock.limit < np.inf else None,
            disturbance=disturbance, decide=decide, keep=keep,
        )  # fmt: skip
        tried += len(batch)
        late, cut = clock.expired or tried >= most, {}
        for failure in pipe.failures:
            if not late and failure.cause != "time":
                early = failure.time < EARLY * horizon
                cut[failure.box] = _cut(batch[failure.box], failure, whole, 2 if early else 1)
        settled = np.array([i for i in range(len(batch)) if not cut.get(i)], np.int64)
        leaves.add(pipe, batch, settled)
        queue.extend(piece for pieces in cut.values() for piece in pieces)
    return _cover(leaves, tried)


def _cut(piece: _Piece, failure: Failure, whole: np.ndarray, times: int) -> list[_Piece]:
    """Halves across the variables that are to blame most; nothing if no side can be cut."""
    free = np.array(failure.free, np.int64)
    blame = np.array(failure.blame)
    wide = (piece.hi - piece.lo)[free] > THINNEST * whole[free]
    order = [int(j) for j in np.argsort(-blame, kind="stable") if wide[j]]
    found = [piece]
    for j in order[:times]:
        # The second side is worth a cut only if it is nearly as much to blame.
        if j != order[0] and blame[j] < 0.5 * blame[order[0]]:
            found = [half for p in found for half in _halves(p, int(free[order[0]]))]
            break
        found = [half for p in found for half in _halves(p, int(free[j]))]
    return found if len(found) > 1 else []


def _halves(piece: _Piece, state: int) -> list[_Piece]:
    middle = 0.5 * piece.lo[state] + 0.5 * piece.hi[state]
    if not piece.lo[state] < middle < piece.hi[state]:
        return [piece]
    hi, lo = piece.hi.copy(), piece.lo.copy()
    hi[state] = lo[state] = middle
    return [_Piece(piece.lo, hi, piece.share / 2), _Piece(lo, piece.hi, piece.share / 2)]


def _cover(leaves: _Leaves, tried: int) -> Cover:
    proved = np.array(leaves.proved, bool)
    share = float(sum(p.share for p, good in zip(leaves.pieces, proved, strict=True) if good))
    times = [failure.time for failure in leaves.pipe.failures]
    return Cover(
        np.stack([p.lo for p in leaves.pieces]), np.stack([p.hi for p in leaves.pieces]),
        proved, leaves.pipe, share, min(times, default=None), tried,
    )  # fmt: skip
