"""Who works: an ambient pool, if there is one.

Ambient (a context variable) like the deadline, and for the same reason: what can be divided lies
ten calls below whoever has workers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from .pool import Pool


@dataclass(frozen=True)
class Workers:
    """Who works on one hard question, and where its state is kept.

    Args:
        pool: The workers.
        checkpoint: The file that an interrupted search goes on from; None for none.
    """

    pool: Pool
    checkpoint: Path | None = None


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
