"""Who watches: what is under way is told to an ambient listener, if there is one.

Ambient (a context variable) like the deadline, and for the same reason: what takes long lies ten
calls below whoever shows it. Telling costs one look where nobody listens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias


Listener: TypeAlias = Callable[..., object]
"""Called with a `Stage`, or with the progress of whatever is under way; it must return at once."""

_listener: ContextVar[Listener | None] = ContextVar("outrange_listener", default=None)


@dataclass(frozen=True)
class Stage:
    """What is being done; whatever was told before is over.

    Args:
        text: In a few words; None if it is still the same.
        names: What the outputs are called.
    """

    text: str | None
    names: tuple[str, ...] = ()


def listener() -> Listener | None:
    """Who listens now; None if nobody does."""
    return _listener.get()


def tell(news: Any) -> None:
    """Tell the listener, if there is one."""
    found = _listener.get()
    if found is not None:
        found(news)


@contextmanager
def told_to(new: Listener | None) -> Iterator[None]:
    """Let what is told inside reach `new`; None for nobody."""
    token = _listener.set(new)
    try:
        yield
    finally:
        _listener.reset(token)
