"""Proof trees on workers: each worker writes a part; the tree is the concatenation of the parts.

A tree is written depth first. A worker that stops early has therefore written a prefix of its part,
and returns the boxes that come next. These become further parts, whose trees follow in that order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from outrange_check.certificate import MOST_BYTES

from ..core import check_deadline
from ..core.clock import read_clock, seconds_left
from ..executors.dispatcher import ATTEMPTS, Dispatcher, TaskResult, hang_limit
from ..executors.payload import Payload, deserialize
from ..executors.pool import Pool
from ..executors.worker_cache import CachedPayload
from ..search.kernel.prover import TreeBox, TreeProver
from .errors import NoCertificateError, NoTreeError
from .work_stealing import prove_on_all_cores


FIRST, LATER = 0.05, 0.5
"""Time limits of a task, in seconds. `FIRST` applies if fewer parts are waiting than there are
workers, and `LATER` applies otherwise."""

ALONE = 4
"""A task returns the boxes that it did not process. This many of them, the last and largest, become
separate parts. The boxes before them form one part."""

CALL = 64
"""Number of boxes processed between two readings of the clock."""


@dataclass(eq=False)
class _TreePart:
    """A part of a proof tree.

    Args:
        boxes: The boxes whose trees form the part, in order.
        tree: The bytes written so far.
        rest: The parts whose trees follow `tree`.
    """

    boxes: Sequence[TreeBox]
    tree: bytes = b""
    rest: list[_TreePart] = field(default_factory=list)

    def join(self) -> bytes:
        """Return the bytes of this part and of the parts in `rest`; all must be complete."""
        return b"".join([self.tree, *(part.join() for part in self.rest)])


def prove_on_workers(prover: TreeProver, pool: Pool) -> bytes | None:
    """Let workers complete a prover's tree; return the tree's bytes, or None if it has none.

    Args:
        prover: A prover that is at the root of its tree.

    Raises:
        NoCertificateError: The tree is larger than the checker accepts, too many workers were lost,
            or a part has no tree after all workers were lost (`NoTreeError`).
        OutOfTime: The deadline passed.
    """
    root = prover.take()
    assert root is not None
    proof = _DistributedProof(prover.recipe, pool, _TreePart([root]))
    with proof.dispatcher:
        return proof.run()


class _DistributedProof:
    """A proof tree whose parts are written by workers."""

    def __init__(self, recipe: tuple[Any, ...], pool: Pool, whole: _TreePart) -> None:
        self.dispatcher: Dispatcher[_TreePart] = Dispatcher(pool)
        self._whole, self._waiting, self._bytes = whole, deque([whole]), 0
        self._recipe, self._payload = recipe, Payload.of(recipe)

    def run(self) -> bytes | None:
        """Submit parts until all are written; return the tree, or None if there is no tree."""
        while self._waiting or len(self.dispatcher):
            check_deadline()
            if self.dispatcher.pool.broken or not (
                len(self.dispatcher) or self.dispatcher.pool.size
            ):
                self._finish_here()
            while self._waiting and self.dispatcher.free_slots(0) > 0:
                self._submit(self._waiting.popleft())
            for done in self.dispatcher.wait():
                if not self._receive(done):
                    return None
        return self._whole.join()

    def _submit(self, part: _TreePart) -> None:
        is_first = len(self._waiting) < self.dispatcher.pool.size
        seconds = min(FIRST if is_first else LATER, seconds_left())
        name = f"certificate of {len(part.boxes)} boxes"
        task = self._payload, write_part, part.boxes, seconds
        self.dispatcher.submit(part, name, *task, limit=hang_limit(seconds))

    def _receive(self, done: TaskResult[_TreePart]) -> bool:
        """Process the result of a task; return False if it shows that no tree exists."""
        part = done.key
        if done.lost:
            if not self.dispatcher.may_resend(part):
                raise NoCertificateError(
                    f"{ATTEMPTS} workers were lost while they proved one part of the claims"
                )
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
                f"the proof takes more than {MOST_BYTES >> 20} MiB, and the checker does not read "
                "larger proofs"
            )
        cut = max(1, len(boxes) - ALONE)
        part.rest = [
            _TreePart(some) for some in (boxes[:cut], *([box] for box in boxes[cut:])) if some
        ]
        # Parts keep their order, so that the search goes depth first, as in one process.
        self._waiting.extendleft(reversed(part.rest))
        part.boxes = ()
        return True

    def _finish_here(self) -> None:
        """Write the remaining parts in this process, because no workers are left."""
        self._waiting.extend(self.dispatcher.keys)
        self.dispatcher.cancel_all()
        while self._waiting:
            part = self._waiting.popleft()
            trees = [self._prove_here(box) for box in part.boxes]
            if any(tree is None for tree in trees):
                raise NoTreeError("a part of the proof was not found")
            part.tree, part.boxes = b"".join(tree for tree in trees if tree is not None), ()

    def _prove_here(self, box: TreeBox) -> bytes | None:
        prover = TreeProver(*self._recipe)
        prover.resume(box)
        return prove_on_all_cores(prover)


def write_part(
    payload: CachedPayload, boxes: Sequence[TreeBox], seconds: float
) -> tuple[bytes, list[TreeBox]] | None:
    """Write the trees of boxes until the time limit; this function runs on a worker.

    Args:
        payload: The arguments from which the prover is built.
        boxes: The boxes, in order.
        seconds: Time limit; the kernel is called at least once, even if the limit has passed.

    Returns:
        The bytes written and the remaining boxes, in order; None if one of the boxes has no tree.
    """
    prover, written = TreeProver(*payload.get_or_make("recipe", deserialize)), []
    end = read_clock() + seconds
    for k, box in enumerate(boxes):
        prover.resume(box)
        while not (status := prover.run(CALL)) and read_clock() < end:
            pass
        if status < 0:
            return None
        written.append(prover.tree()[0])
        if not status or read_clock() >= end:
            rest = [box for box in iter(prover.take, None) if box is not None]
            return b"".join(written), [*reversed(rest), *boxes[k + 1 :]]
    return b"".join(written), []
