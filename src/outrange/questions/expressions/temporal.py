"""Temporal conditions: `(x[0] <= 1).always()`, `.eventually()`, `.at(10)`, `.during(10, 20)`.

They constrain the states and controls of a closed loop, and are joined by `&`, `|`, `~` like
conditions. A condition without a time must always hold.
"""

from __future__ import annotations

from typing import Any

from ...core import InputError
from ..inputs.boxes import describe_value
from .deferred_errors import DeferredExpression


class Temporal(DeferredExpression):
    """Temporal condition on a closed loop.

    Args:
        op: `"always"` or `"eventually"` for a condition; `"&"`, `"|"`, `"~"` for temporal
            conditions.
        parts: The condition, or the joined temporal conditions.
        start: First time of the interval; None for the start of the loop.
        stop: Last time of the interval; None for the end of the loop.
    """

    __slots__ = ("op", "parts", "start", "stop")
    __hash__ = object.__hash__
    is_temporal = True

    def __init__(
        self, op: str, parts: tuple[Any, ...], start: float | None = None, stop: float | None = None
    ) -> None:
        self.op, self.parts, self.start, self.stop = op, parts, start, stop

    def __and__(self, other: Any) -> Temporal:
        return Temporal("&", (self, as_temporal(other)))

    def __or__(self, other: Any) -> Temporal:
        return Temporal("|", (self, as_temporal(other)))

    def __rand__(self, other: Any) -> Temporal:
        return Temporal("&", (as_temporal(other), self))

    def __ror__(self, other: Any) -> Temporal:
        return Temporal("|", (as_temporal(other), self))

    def __invert__(self) -> Temporal:
        return Temporal("~", (self,))

    def __repr__(self) -> str:
        if self.op in ("&", "|", "~"):
            looser = {"&": "|", "|": "", "~": "&|"}[self.op]
            shown = [f"({part!r})" if part.op in looser else repr(part) for part in self.parts]
            return f"~{shown[0]}" if self.op == "~" else f" {self.op} ".join(shown)
        called = getattr(self.parts[0], "op", "") in ("all", "any", "implies")
        shown = [repr(self.parts[0]) if called else f"({self.parts[0]!r})"]
        if self.start is not None and self.start == self.stop:
            return f"{shown[0]}.at({self.start:g})"
        if self.start is None and self.stop is None:
            return f"{shown[0]}.{self.op}()"
        if self.stop is None:
            return f"{shown[0]}.{self.op}({self.start:g})"
        start = 0 if self.start is None else self.start
        word = "during" if self.op == "always" else self.op
        return f"{shown[0]}.{word}({start:g}, {self.stop:g})"


class Timed:
    """Base class that adds temporal operators to conditions.

    Times are numbers of steps, or real numbers if the closed loop has a period `dt`.
    """

    __slots__ = ()

    def always(self, start: float | None = None, stop: float | None = None) -> Temporal:
        """Require the condition at every time of a closed loop, or of an interval.

        Args:
            start: First time of the interval; None for the start of the loop.
            stop: Last time of the interval, included; None for the end of the loop.

        Returns:
            A specification for `outrange.closed_loop`.
        """
        return Temporal("always", (self,), *_window(start, stop))

    def eventually(self, start: float | None = None, stop: float | None = None) -> Temporal:
        """Require the condition at some time of a closed loop, or of an interval.

        Args:
            start: First time of the interval; None for the start of the loop.
            stop: Last time of the interval, included; None for the end of the loop.

        Returns:
            A specification for `outrange.closed_loop`.
        """
        return Temporal("eventually", (self,), *_window(start, stop))

    def at(self, time: float) -> Temporal:
        """Require the condition at one time of a closed loop.

        Args:
            time: A number of steps, or a real time if the loop has `dt`.

        Returns:
            A specification for `outrange.closed_loop`.
        """
        return Temporal("always", (self,), *_window(time, time))

    def during(self, start: float, stop: float) -> Temporal:
        """Require the condition at every time of an interval.

        Args:
            start: First time of the interval.
            stop: Last time of the interval, included.

        Returns:
            A specification for `outrange.closed_loop`.
        """
        return Temporal("always", (self,), *_window(start, stop))


def as_temporal(value: Any) -> Temporal:
    """Convert a condition to the requirement that it always hold.

    A temporal condition is returned unchanged.

    Raises:
        InputError: `value` is not a condition.
    """
    if isinstance(value, Temporal):
        return value
    if isinstance(value, Timed):
        return value.always()
    raise InputError(
        "A specification must be a condition on the states `x` and the controls `u` of a loop, "
        "such as `(x[0] <= 1).always()`. Join several conditions with `&`, `|`, `~`, and put "
        f"parentheses around each comparison. Received: {describe_value(value)}."
    )


def _window(start: Any, stop: Any) -> tuple[float | None, float | None]:
    ends = []
    for end in (start, stop):
        try:
            ends.append(None if end is None else float(end))
        except (TypeError, ValueError):
            raise InputError(f"A time must be a number. Received: {describe_value(end)}.") from None
    first, last = ends
    if (first is not None and not first >= 0) or (last is not None and not last >= (first or 0)):
        raise InputError(
            "Times must be at least 0, and an interval must not end before it begins. "
            f"Received: from {first} to {last}."
        )
    return first, last
