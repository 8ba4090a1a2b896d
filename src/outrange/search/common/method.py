"""Records of special-purpose methods: when a method applies, and how it begins.

A method may be left out (`leave_out`), so that an experiment can measure what it contributes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from .search import Search
from .task import SearchTask


class Role(StrEnum):
    """The ways in which a method takes part in a search."""

    BEFORE = "before the search"
    INSTEAD = "in place of splits"
    BESIDE = "in turns with splits"
    INSIDE = "inside an engine or a tree"
    AFTER = "after the search"


BeginMethod = Callable[[], Search | None]
"""Function that starts the search of a method, or returns None if the method cannot handle the
problem."""

Join = Callable[[BeginMethod, Callable[[], Search], SearchTask], Search]
"""Function that returns a search in which a method takes turns with the search by splits.

Its arguments are a function that starts the method, a function that starts the search by splits,
and the task."""


@dataclass(frozen=True, eq=False)
class Method:
    """A special-purpose method.

    `applies` and `begin` receive a `SearchTask` if the method takes the place of splits or takes
    turns with them. Methods with other roles choose their own arguments.

    Args:
        name: Name of the method, as in the literature if the method is not our own.
        reference: Authors and year of the method, or "own".
        role: How the method takes part in a search.
        applies: Returns whether the method may handle a problem; a cheap necessary condition.
        begin: Starts the method; returns None if it cannot handle the problem after all.
        evidence: The kind of problem on which the method is known to help.
        join: Arranges the turns of a method whose role is `Role.BESIDE`.
    """

    name: str
    reference: str
    role: Role
    applies: Callable[..., bool]
    begin: Callable[..., Any]
    evidence: str
    join: Join | None = None

    @property
    def is_enabled(self) -> bool:
        """Whether the method is not left out."""
        return self.name not in _left_out.get()

    @property
    def hook(self) -> Callable[..., Any] | None:
        """Function that begins the method if it applies, and otherwise returns None.

        Engines and trees call it. The hook itself is None if the method is left out.
        """
        if not self.is_enabled:
            return None
        return partial(_begin_where_it_applies, self.applies, self.begin)

    def suits(self, *arguments: Any) -> bool:
        """Return whether the method is not left out and applies to a problem."""
        return self.is_enabled and self.applies(*arguments)


_left_out: ContextVar[frozenset[str]] = ContextVar("outrange_methods_left_out", default=frozenset())


@contextmanager
def leave_out(*methods: Method) -> Iterator[None]:
    """Leave methods out of all searches of this process that begin inside the context.

    Answers remain valid, but may take longer or stay undecided.
    """
    token = _left_out.set(_left_out.get() | {method.name for method in methods})
    try:
        yield
    finally:
        _left_out.reset(token)


def _begin_where_it_applies(
    applies: Callable[..., bool], begin: Callable[..., Any], *arguments: Any
) -> Any:
    return begin(*arguments) if applies(*arguments) else None
