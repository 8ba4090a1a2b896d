"""The one table of curves, filled when `outrange.ops` is imported."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, TypeVar

from ..core import OutrangeError, UnsupportedError
from .curve import Curve


Factory = TypeVar("Factory", bound=Callable[..., Curve])

CURVES: dict[str, Callable[..., Curve]] = {}


STAIRS: dict[str, Callable[..., Curve]] = {}
"""Those with infinitely many jumps: other laws hold for them."""


def register_stairs(name: str) -> Callable[[Factory], Factory]:
    """Enter the decorated factory of a staircase in its table. See `register`."""

    def enter(make: Factory) -> Factory:
        register(name)(make)
        STAIRS[name] = CURVES.pop(name)
        return make

    return enter


def register(name: str) -> Callable[[Factory], Factory]:
    """Enter the decorated factory of a `Curve` in the table.

    Args:
        name: The curve's name; each has one file in `outrange/ops`.

    Raises:
        OutrangeError: The name is taken.
    """

    def enter(make: Factory) -> Factory:
        if name in CURVES:
            raise OutrangeError(f"Curve `{name}` is described twice; each has one file.")
        CURVES[name] = functools.lru_cache(maxsize=None)(functools.partial(_made, name, make))
        return make

    return enter


def _made(name: str, make: Callable[..., Curve], **attributes: Any) -> Curve:
    """A curve that knows where it is from; one that is made by another file is from there."""
    facts = make(**attributes)
    if facts.origin is not None:
        return facts
    return dataclasses.replace(facts, origin=(name, tuple(sorted(attributes.items()))))


def curve(name: str, **attributes: Any) -> Curve:
    """The facts of the curve `name` with these attributes (plain floats, bools or None).

    Raises:
        UnsupportedError: No file describes `name`.
    """
    if name in STAIRS:
        return STAIRS[name](**attributes)
    if name not in CURVES:
        raise UnsupportedError(
            f"No file in `outrange/ops` describes the function `{name}`. "
            f"Described: {', '.join(sorted(CURVES))}."
        )
    return CURVES[name](**attributes)
