"""Who watches: what is under way is told to an ambient listener, if there is one.

Ambient (a context variable) like the deadline, and for the same reason: what takes long lies ten
calls below whoever shows it. Telling costs one look where nobody listens.

A question also keeps a record of its phases, so that an answer that comes after its time limit can
name the phase that took the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias

from .clock import read_clock


Listener: TypeAlias = Callable[..., object]
"""Called with a `Stage`, or with the progress of whatever is under way; it must return at once."""

_listener: ContextVar[Listener | None] = ContextVar("outrange_listener", default=None)


_phases: ContextVar[list[tuple[float, str]] | None] = ContextVar("outrange_phases", default=None)
"""Start and name of each phase of the question so far."""


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
    """Tell the listener, if there is one; a stage with a name is a phase of the question, too."""
    if isinstance(news, Stage) and news.text:
        begin_phase(news.text)
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


def begin_phase(name: str) -> None:
    """Record that a phase of the question begins and the one before it has ended.

    Args:
        name: A participle and what it is about, `"computing evidence"`.
    """
    phases = _phases.get()
    if phases is not None:
        phases.append((read_clock(), name))


@contextmanager
def recorded_phases() -> Iterator[list[tuple[float, str]]]:
    """Record the phases that begin inside; yields the list of their starts and names."""
    phases: list[tuple[float, str]] = []
    token = _phases.set(phases)
    try:
        yield phases
    finally:
        _phases.reset(token)
