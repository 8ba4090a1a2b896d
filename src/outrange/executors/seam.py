"""Who works: an ambient pool, if there is one.

Ambient (a context variable) like the deadline, and for the same reason: what can be divided lies
ten calls below whoever has workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from .pool import Pool


class Workers:
    """Who works on one hard question, and where its state is kept.

    Args:
        pool: The workers.
        folder: Where an interrupted search goes on from; None for nowhere.
    """

    def __init__(self, pool: Pool, folder: Path | None = None) -> None:
        self.pool, self.folder = pool, folder
        self._endings: list[Callable[[], None]] = []

    def at_the_end(self, ending: Callable[[], None]) -> None:
        """Call `ending` when nobody asks on."""
        self._endings.append(ending)

    def leave(self) -> None:
        """Nobody asks on."""
        endings, self._endings = self._endings, []
        for ending in endings:
            ending()


_workers: ContextVar[Workers | None] = ContextVar("outrange_workers", default=None)


def workers() -> Workers | None:
    """Who works on what is asked now; None if nobody but this process."""
    return _workers.get()


@contextmanager
def working_on(found: Workers | None) -> Iterator[None]:
    """Let searches that are begun inside be divided among workers; None for nobody."""
    token = _workers.set(found)
    try:
        yield
    finally:
        _workers.reset(token)
        if found is not None:
            found.leave()
