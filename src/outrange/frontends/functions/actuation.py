"""From what a controller returns to what reaches the plant, and to what is remembered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...graph import Builder, Operand, Value
from .arguments import REMEMBERED, taken
from .parts import StepParts
from .plants import part_of, vector
from .trace import trace


def delivered(
    b: Builder, parts: StepParts, whole: Value, raw: Value
) -> tuple[Value, list[Operand]]:
    """The control that reaches the plant, and those that are under way after it.

    Args:
        b: The builder.
        parts: What the loop is made of.
        whole: The state, and at its end the controls under way, the oldest first.
        raw: What the controller returns.
    """
    u = actuated(b, parts, raw)
    if not parts.delay:
        return u, []
    first, m = whole.size - len(parts.hidden), u.size
    now = b.reshape(u, (1, m))
    late = part_of(b, whole, first + m, whole.size)
    return part_of(b, whole, first, first + m), [late, now] if late.size else [now]


def remembered(
    b: Builder, parts: StepParts, x: Value, raw: Value, t: float | Value | None, size: int | None
) -> Value:
    """What the last states are next."""
    assert parts.memory is not None
    given = {"x": x, "y": raw, "t": t}
    return asked_of(b, parts.memory, REMEMBERED, given, size, "`memory`")


def asked_of(
    b: Builder,
    function: Callable,
    words: tuple[str, ...],
    given: Mapping[str, Value | float | None],
    size: int | None,
    what: str,
) -> Value:
    """What a function of some of the words returns."""
    names = taken(function, words, what)
    values: dict[str, Value] = {}
    for k in names:
        value = given[k]
        if isinstance(value, Value):
            values[k] = value
    vectors = [b.reshape(v, () if k == "t" else (v.size,)) for k, v in values.items()]

    def run(*arrays: Any) -> Any:
        found = {**given, **dict(zip(values, arrays, strict=True))}
        return function(*(found[k] for k in names))

    run.__wrapped__ = function  # pyright: ignore[reportFunctionMemberAccess]
    nouns = {"x": "state", "y": "output of the controller"}
    return trace(b, run, vectors, size, what, [nouns.get(k, "") for k in values])


def actuated(b: Builder, parts: StepParts, raw: Value) -> Value:
    """The control, of what the controller returns."""
    if parts.actuate is None:
        return raw
    b.source = "actuate"
    given = ["output of the controller"]
    return trace(b, parts.actuate, [vector(b, raw)], None, "`actuate`", given)
