"""Computation of the control (with its delay) and of the next memory from a controller's output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...graph import Builder, Operand, Value
from .arguments import MEMORY_ARGUMENTS, accepted_arguments
from .parts import StepParts
from .plants import part_of, vector
from .trace import trace


def apply_delay(
    b: Builder, parts: StepParts, whole: Value, raw: Value
) -> tuple[Value, list[Operand]]:
    """Return the control that reaches the plant in this step, and the controls pending afterward.

    Args:
        parts: Parts of the loop.
        whole: The state, followed by the pending controls, oldest first.
        raw: The controller's output, before actuation.

    Returns:
        The control, and the pending controls as at most two rows, the older ones first. The list
        is empty without a delay.
    """
    u = apply_actuation(b, parts, raw)
    if not parts.delay:
        return u, []
    first, m = whole.size - len(parts.pending), u.size
    now = b.reshape(u, (1, m))
    later = part_of(b, whole, first + m, whole.size)
    return part_of(b, whole, first, first + m), [later, now] if later.size else [now]


def next_memory(
    b: Builder, parts: StepParts, x: Value, raw: Value, t: float | Value | None, size: int | None
) -> Value:
    """Compute the next values of the memory states, which come last in the state.

    Args:
        parts: Parts of the loop, which has a memory.
        x: The state at the start of the step.
        raw: The controller's output, before actuation.
        t: The time, for a `memory` that uses it.
        size: Number of memory states; None if it is not known yet.
    """
    assert parts.memory is not None
    arguments = {"x": x, "y": raw, "t": t}
    return trace_callback(b, parts.memory, MEMORY_ARGUMENTS, arguments, size, "`memory`")


def trace_callback(
    b: Builder,
    function: Callable,
    words: tuple[str, ...],
    arguments: Mapping[str, Value | float | None],
    size: int | None,
    what: str,
) -> Value:
    """Trace a callback, and return its result as one row.

    Args:
        function: The callback. It accepts some of the arguments in `words`.
        words: Names of the possible arguments, in order.
        arguments: Map from each of these names to a value, a number, or None.
        size: Number of entries of the result; None if any number is allowed.
        what: Description of the callback, for messages.
    """
    names = accepted_arguments(function, words, what)
    values: dict[str, Value] = {}
    for k in names:
        value = arguments[k]
        if isinstance(value, Value):
            values[k] = value
    vectors = [b.reshape(v, () if k == "t" else (v.size,)) for k, v in values.items()]

    def run(*arrays: Any) -> Any:
        bindings = {**arguments, **dict(zip(values, arrays, strict=True))}
        return function(*(bindings[k] for k in names))

    run.__wrapped__ = function  # pyright: ignore[reportFunctionMemberAccess]
    nouns = {"x": "state", "y": "output of the controller"}
    return trace(b, run, vectors, size, what, [nouns.get(k, "") for k in values])


def apply_actuation(b: Builder, parts: StepParts, raw: Value) -> Value:
    """Compute the control from the controller's output."""
    if parts.actuate is None:
        return raw
    b.source = "actuate"
    nouns = ["output of the controller"]
    return trace(b, parts.actuate, [vector(b, raw)], None, "`actuate`", nouns)
