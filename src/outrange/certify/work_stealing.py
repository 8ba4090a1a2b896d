"""Work stealing: an idle core takes the box that would come last on another core.

Reference: R. Blumofe, C. Leiserson, *Scheduling multithreaded computations by work stealing*,
Journal of the ACM 46 (1999).
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event, Lock

from outrange_check.certificate import MOST_BYTES

from ..core import check_deadline
from ..core.clock import read_clock
from ..search.common.parallel import threads
from ..search.kernel.prover import TreeProver
from .errors import NoCertificateError


CLOCK = 0.05
"""Seconds between two checks of the deadline."""

CALL = 0.005
"""Target duration, in seconds, of a call to the kernel; an idle core may wait this long for a
box."""

MOST_BOXES = 4096
"""Largest number of boxes in one call to the kernel."""


def prove_on_all_cores(prover: TreeProver) -> bytes | None:
    """Complete the tree of a prover on all cores; return its bytes, or None if the prover gives up.

    Raises:
        NoCertificateError: The tree is larger than the checker accepts.
        OutOfTime: The deadline passed.
    """
    if threads() == 1:
        return _prove_alone(prover)
    thieves = _Thieves()
    with ThreadPoolExecutor(thieves.size) as thieves.pool:
        try:
            return thieves.collect(thieves.begin(prover))
        finally:
            thieves.stop.set()


def _prove_alone(prover: TreeProver) -> bytes | None:
    """Complete a prover's tree in this thread; return its bytes, or None if the prover gives up."""
    size, end = _CallSize(), 0
    while not end:
        check_deadline()
        end = size.run(prover)
    return prover.tree()[0] if end > 0 else None


@dataclass(frozen=True, eq=False)
class _TreeShare:
    """The bytes that one prover wrote, and the later parts of its tree that idle cores took over.

    Parts are taken from the end of the tree, so `stolen` lists them in reverse order of the tree.
    `tree` is None if the prover did not finish.
    """

    tree: bytes | None
    stolen: list[Future[_TreeShare]]


class _Thieves:
    """Running provers, at most one per core."""

    pool: ThreadPoolExecutor

    def __init__(self) -> None:
        self.size, self.stop = threads(), Event()
        self._busy, self._lock = 0, Lock()

    def begin(self, prover: TreeProver) -> Future[_TreeShare]:
        """Start a prover on a free core; return the future of its part of the tree."""
        with self._lock:
            self._busy += 1
        return self.pool.submit(self._finish, prover)

    def _finish(self, prover: TreeProver) -> _TreeShare:
        size, shares = _CallSize(), []
        try:
            while not (status := size.run(prover)):
                if self.stop.is_set():
                    return _TreeShare(None, shares)
                if self._busy < self.size and (other := prover.share()) is not None:
                    shares.append(self.begin(other))
                    del other  # Its memory is a hundred times its tree.
            if status < 0:
                self.stop.set()
            return _TreeShare(prover.tree()[0] if status > 0 else None, shares)
        finally:
            with self._lock:
                self._busy -= 1

    def collect(self, work: Future[_TreeShare]) -> bytes | None:
        """Wait for a prover and join its tree with the stolen parts; None if a part is missing."""
        while not work.done():
            check_deadline()
            wait([work], timeout=CLOCK)
        share = work.result()
        parts = [share.tree, *(self.collect(stolen) for stolen in reversed(share.stolen))]
        trees = [part for part in parts if part is not None]
        return b"".join(trees) if len(trees) == len(parts) else None


class _CallSize:
    """The number of boxes per kernel call, adapted so that a call takes about `CALL` seconds."""

    def __init__(self) -> None:
        self.boxes = 1

    def run(self, prover: TreeProver) -> int:
        began = read_clock()
        status = prover.run(self.boxes)
        if prover.size > MOST_BYTES:
            raise NoCertificateError(
                f"the proof takes more than {MOST_BYTES >> 20} MiB, and the checker does not read "
                "larger proofs"
            )
        more = read_clock() - began < CALL
        self.boxes = min(MOST_BOXES, 2 * self.boxes) if more else max(1, self.boxes // 2)
        return status
