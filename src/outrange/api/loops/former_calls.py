"""Errors for calls that pass the fields of a `ControlLoop` as separate arguments.

These errors will be removed in version 0.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from fractions import Fraction
from functools import wraps
from inspect import signature
from typing import Any, TypeVar, cast

from ...core import ArgumentError
from ...live.follow import FORMER
from ...questions.inputs.boxes import describe_value
from .control_loop import ControlLoop


Ask = TypeVar("Ask", bound=Callable[..., Any])

LONGEST = 40
"""Maximum length of a value that the new call shows; `...` replaces longer ones."""


def refuse_former_calls(ask: Ask) -> Ask:
    """Decorate a function to raise an error for calls in its former syntax.

    The error shows the new call, which passes a `ControlLoop`.

    Args:
        ask: A public function whose first parameter is `loop`.
    """
    names, takes = [field.name for field in fields(ControlLoop)], signature(ask).parameters

    @wraps(ask)
    def call(*args: Any, **options: Any) -> Any:
        loops = [*args[:1], *(options[name] for name in ("loop",) if name in options)]
        moved = [name for name in names if name in options]
        for name in options:
            if name not in takes and f"ControlLoop {name}" in FORMER:
                sentence = FORMER[f"ControlLoop {name}"].format()
                raise ArgumentError(
                    f"All parts of a loop must be passed as one `ControlLoop`. {sentence} "
                    f"Received: the argument `{name}`."
                )
        if moved or not all(isinstance(loop, ControlLoop) for loop in loops):
            received = (
                f"the argument `{moved[0]}`" if moved else f"{describe_value(loops[0])} as the loop"
            )
            raise ArgumentError(
                f"All parts of a loop must be passed to `{ask.__name__}` as one `ControlLoop`: "
                f"`{_new_call(ask.__name__, args, options)}`. Received: {received}."
            )
        return ask(*args, **options)

    return cast(Ask, call)


def _new_call(function: str, args: Sequence[Any], options: Mapping[str, Any]) -> str:
    """Return the text of the new call: a former call's arguments as a `ControlLoop`."""
    required = [field.name for field in fields(ControlLoop) if not field.kw_only]
    moved = [field.name for field in fields(ControlLoop) if field.name in options]
    optional = [_keyword(name, options[name]) for name in moved if name not in required]
    rest = {"steps": ...} | {k: v for k, v in options.items() if k not in (*moved, "loop")}
    if any(isinstance(loop, ControlLoop) for loop in [*args[:1], options.get("loop")]):
        loop = f"dataclasses.replace({', '.join(['loop', *optional])})"
        rest |= dict(zip(("steps", "spec"), args[1:], strict=False))
    else:
        loop = f"ControlLoop({', '.join([*required, *optional])})"
    return f"{function}({', '.join([loop, *(_keyword(*item) for item in rest.items())])})"


def _keyword(name: str, value: Any) -> str:
    """Return the text of a keyword argument; `...` replaces long values and objects."""
    plain = isinstance(value, bool | int | float | str | Fraction | list | tuple) or value is None
    text = repr(value) if plain else "..."
    return f"{name}={text if len(text) <= LONGEST else '...'}"
