"""One tree on all cores: whoever has nothing to do takes the box that would come last elsewhere.

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
from .missing import NoCertificateError


CLOCK = 0.05
"""Seconds between two looks at the deadline."""

CALL = 0.005
"""Seconds of one call to the kernel, by what the last took: whoever has nothing to do waits as long
for a box."""

MOST_BOXES = 4096
"""Boxes of one call to the kernel."""


def prove_on_all_cores(prover: TreeProver) -> bytes | None:
    """Run a prover, on all cores, to the end of its tree; None if it has none.

    Raises:
        NoCertificateError: The tree is larger than what the checker reads.
        OutOfTime: The deadline passed.
    """
    if threads() == 1:
        return _prove_alone(prover)
    crew = _Crew()
    with ThreadPoolExecutor(crew.size) as crew.pool:
        try:
            return crew.collected(crew.begin(prover))
        finally:
            crew.stop.set()


def _prove_alone(prover: TreeProver) -> bytes | None:
    """Run a prover to the end of its tree in this thread; None if it has none."""
    size, end = _CallSize(), 0
    while not end:
        check_deadline()
        end = size.run(prover)
    return prover.tree()[0] if end > 0 else None


@dataclass(frozen=True, eq=False)
class _Share:
    """What one prover wrote, and who took what would have come after it: the last part first."""

    tree: bytes | None
    given: list[Future[_Share]]


class _Crew:
    """Provers at work, one a core at most."""

    pool: ThreadPoolExecutor

    def __init__(self) -> None:
        self.size, self.stop = threads(), Event()
        self._busy, self._lock = 0, Lock()

    def begin(self, prover: TreeProver) -> Future[_Share]:
        """Let somebody run a prover."""
        with self._lock:
            self._busy += 1
        return self.pool.submit(self._finish, prover)

    def _finish(self, prover: TreeProver) -> _Share:
        size, given = _CallSize(), []
        try:
            while not (found := size.run(prover)):
                if self.stop.is_set():
                    return _Share(None, given)
                if self._busy < self.size and (other := prover.share()) is not None:
                    given.append(self.begin(other))
                    del other  # Its memory is a hundred times its tree's.
            if found < 0:
                self.stop.set()
            return _Share(prover.tree()[0] if found > 0 else None, given)
        finally:
            with self._lock:
                self._busy -= 1

    def collected(self, work: Future[_Share]) -> bytes | None:
        """The tree of a prover and of all that was taken from it; None if a part is missing."""
        while not work.done():
            check_deadline()
            wait([work], timeout=CLOCK)
        share = work.result()
        parts = [share.tree, *(self.collected(taken) for taken in reversed(share.given))]
        known = [part for part in parts if part is not None]
        return b"".join(known) if len(known) == len(parts) else None


class _CallSize:
    """How many boxes a call takes: about `CALL` seconds' worth."""

    def __init__(self) -> None:
        self.boxes = 1

    def run(self, prover: TreeProver) -> int:
        began = read_clock()
        found = prover.run(self.boxes)
        if prover.size > MOST_BYTES:
            raise NoCertificateError(
                f"its proof takes more than {MOST_BYTES >> 20} MiB, which the checker does not read"
            )
        more = read_clock() - began < CALL
        self.boxes = min(MOST_BOXES, 2 * self.boxes) if more else max(1, self.boxes // 2)
        return found
