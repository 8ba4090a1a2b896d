"""The tree of a certificate over workers: each writes a part, and the whole is their concatenation.

A tree is written depth first. So a worker that stops after some time has a beginning, and the boxes
that would have come next: these are parts of their own, whose trees follow in that order.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from outrange_check.certificate import MOST_BYTES

from ..core import check_deadline
from ..core.clock import read_clock, seconds_left
from ..executors.crew import ATTEMPTS, TICK, Crew, Done
from ..executors.parcel import Parcel, unpacked
from ..executors.pool import Pool
from ..executors.shelf import Kept
from ..search.kernel.prover import TreeBox, TreeProver
from .missing import NoCertificateError
from .work_stealing import prove_on_all_cores


FIRST, LATER = 0.05, 0.5
"""Seconds of a task while fewer parts wait than there are workers, and once there are more."""

ALONE = 4
"""Of the boxes that a task leaves, so many of the last ones, the largest, are a part each; those
before them are one part."""

GRACE = 60.0
"""Seconds beyond which a task is taken for hung; its worker may start meanwhile."""

CALL = 64
"""Boxes between two looks at the clock."""


@dataclass(eq=False)
class _TreePart:
    """A part of the tree: what is written of it, and the parts that follow.

    Args:
        boxes: Whose trees it is, in order.
        tree: What is written.
        rest: What follows.
    """

    boxes: Sequence[TreeBox]
    tree: bytes = b""
    rest: list[_TreePart] = field(default_factory=list)

    def whole(self) -> bytes:
        """The tree, once every part is written."""
        return b"".join([self.tree, *(part.whole() for part in self.rest)])


def prove_on_workers(prover: TreeProver, pool: Pool) -> bytes | None:
    """Run a prover that has begun, on workers, to the end of its tree; None if it has none.

    Args:
        prover: At its root.
        pool: Who works.

    Raises:
        NoCertificateError: The tree is larger than what the checker reads, or workers were lost.
        OutOfTime: The deadline passed.
    """
    root = prover.take()
    assert root is not None
    spread = _Spread(prover.recipe, pool, _TreePart([root]))
    try:
        return spread.run()
    finally:
        spread.crew.end()


class _Spread:
    """Parts of one tree on workers."""

    def __init__(self, recipe: tuple[Any, ...], pool: Pool, whole: _TreePart) -> None:
        self.crew, self._whole = Crew(pool), whole
        self._recipe, self._parcel = recipe, Parcel.of(recipe)
        self._waiting, self._hands = deque([whole]), {}
        self._lost: Counter[_TreePart] = Counter()
        self._tickets, self._bytes = count(), 0

    def run(self) -> bytes | None:
        """Give parts until all are written."""
        while self._waiting or len(self.crew):
            check_deadline()
            if self.crew.pool.broken or not (len(self.crew) or self.crew.pool.size):
                self._go_on_alone()
            while self._waiting and self.crew.room(0) > 0:
                self._give(self._waiting.popleft())
            for done in self.crew.wait(TICK):
                if not self._take(done):
                    return None
        return self._whole.whole()

    def _give(self, part: _TreePart) -> None:
        is_first = len(self._waiting) < self.crew.pool.size
        seconds = min(FIRST if is_first else LATER, seconds_left())
        ticket = next(self._tickets)
        self._hands[ticket] = part
        name = f"certificate of {len(part.boxes)} boxes"
        task = self._parcel, write_part, part.boxes, seconds
        self.crew.give(ticket, name, *task, limit=2 * seconds + GRACE)

    def _take(self, done: Done) -> bool:
        """Hear of a part; whether the tree can be."""
        part = self._hands.pop(int(str(done.ticket)))
        if done.lost:
            self._lost[part] += 1
            if self._lost[part] >= ATTEMPTS:
                raise NoCertificateError(f"{ATTEMPTS} workers were lost over a part of its proof")
            self._waiting.appendleft(part)
            return True
        if done.error is not None:
            raise done.error
        if done.value is None:
            return False
        part.tree, boxes = done.value
        self._bytes += len(part.tree)
        if self._bytes > MOST_BYTES:
            raise NoCertificateError(
                f"its proof takes more than {MOST_BYTES >> 20} MiB, which the checker does not read"
            )
        cut = max(1, len(boxes) - ALONE)
        part.rest = [
            _TreePart(some) for some in (boxes[:cut], *([box] for box in boxes[cut:])) if some
        ]
        # In their order: what has no tree is seen at the end of one path, as in one process.
        self._waiting.extendleft(reversed(part.rest))
        part.boxes = ()
        return True

    def _go_on_alone(self) -> None:
        """Nobody is there: what is open is written by the cores of this process."""
        self._waiting.extend(self._hands.values())
        self._hands.clear()
        self.crew.end()
        while self._waiting:
            part = self._waiting.popleft()
            trees = [self._written_here(box) for box in part.boxes]
            if any(tree is None for tree in trees):
                raise NoCertificateError("a part of its proof was not found")
            part.tree, part.boxes = b"".join(tree for tree in trees if tree is not None), ()

    def _written_here(self, box: TreeBox) -> bytes | None:
        prover = TreeProver(*self._recipe)
        prover.resume(box)
        return prove_on_all_cores(prover)


def write_part(
    kept: Kept, boxes: Sequence[TreeBox], seconds: float
) -> tuple[bytes, list[TreeBox]] | None:
    """Write the trees of some boxes, on a worker, until the time is over.

    Args:
        kept: What a prover is made of.
        boxes: In order.
        seconds: The time; the first call of the kernel is made whatever it is.

    Returns:
        What is written, and the boxes whose trees follow; None if one has no tree.
    """
    prover, written = TreeProver(*kept.once("recipe", unpacked)), []
    end = read_clock() + seconds
    for k, box in enumerate(boxes):
        prover.resume(box)
        while not (found := prover.run(CALL)) and read_clock() < end:
            pass
        if found < 0:
            return None
        written.append(prover.tree()[0])
        if not found or read_clock() >= end:
            rest = [box for box in iter(prover.take, None) if box is not None]
            return b"".join(written), [*reversed(rest), *boxes[k + 1 :]]
    return b"".join(written), []
