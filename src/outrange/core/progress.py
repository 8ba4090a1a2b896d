"""Progress events for an ambient listener.

The listener is a context variable, like the deadline: slow code lies ten calls below the code that
displays progress. Without a listener, an event costs very little.

A question also records its phases, so that an answer that exceeds its time limit can name the phase
that took the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias

from .clock import read_clock


Listener: TypeAlias = Callable[..., object]
"""A function that is called with a `Stage`, or with the progress of the current computation. It
must return immediately."""

_listener: ContextVar[Listener | None] = ContextVar("outrange_listener", default=None)


_phases: ContextVar[list[tuple[float, str]] | None] = ContextVar("outrange_phases", default=None)
"""Start time and name of each phase of the question so far."""


@dataclass(frozen=True)
class Stage:
    """Event that announces a stage of a computation and the names of the outputs.

    A stage lasts until the next event of this class whose text is not None.

    Args:
        text: Short description of the new stage; may be empty. None means that the current stage
            continues and the event only announces `names`.
        names: Names of the outputs; empty if the event does not announce them.
    """

    text: str | None
    names: tuple[str, ...] = ()


def current_listener() -> Listener | None:
    """Return the ambient listener for progress events; None if there is none."""
    return _listener.get()


def report_progress(event: Any) -> None:
    """Pass an event to the listener, if any; a stage with a nonempty text also begins a phase."""
    if isinstance(event, Stage) and event.text:
        begin_phase(event.text)
    listener = _listener.get()
    if listener is not None:
        listener(event)


@contextmanager
def use_listener(new: Listener | None) -> Iterator[None]:
    """Send the events reported inside the context to `new`; None discards them."""
    token = _listener.set(new)
    try:
        yield
    finally:
        _listener.reset(token)


def begin_phase(name: str) -> None:
    """Record that a phase of the question begins and the previous one has ended.

    Args:
        name: A participle and its object, such as `"computing evidence"`.
    """
    phases = _phases.get()
    if phases is not None:
        phases.append((read_clock(), name))


@contextmanager
def record_phases() -> Iterator[list[tuple[float, str]]]:
    """Record the phases that begin inside the context; yield a list of start times and names."""
    phases: list[tuple[float, str]] = []
    token = _phases.set(phases)
    try:
        yield phases
    finally:
        _phases.reset(token)
