"""The tables of all curves and staircases by name, filled when `outrange.ops` is imported."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, TypeVar

from ..core import OutrangeError, UnsupportedError
from .curve import Curve


Factory = TypeVar("Factory", bound=Callable[..., Curve])

CURVES: dict[str, Callable[..., Curve]] = {}


STAIRS: dict[str, Callable[..., Curve]] = {}
"""Factories of curves with infinitely many jumps, by name. Separate property tests cover them."""


def register_stairs(name: str) -> Callable[[Factory], Factory]:
    """Return a decorator that adds a staircase's factory to the table `STAIRS`; see `register`."""

    def enter(make: Factory) -> Factory:
        register(name)(make)
        STAIRS[name] = CURVES.pop(name)
        return make

    return enter


def register(name: str) -> Callable[[Factory], Factory]:
    """Return a decorator that adds the factory of a `Curve` to the table `CURVES`.

    Args:
        name: The curve's name; each curve has one file in `outrange/ops`.

    Raises:
        OutrangeError: The name is taken.
    """

    def enter(make: Factory) -> Factory:
        if name in CURVES:
            raise OutrangeError(
                f"Curve `{name}` is described twice; each curve must have one file."
            )
        CURVES[name] = functools.lru_cache(maxsize=None)(functools.partial(_make_curve, name, make))
        return make

    return enter


def _make_curve(name: str, make: Callable[..., Curve], **attributes: Any) -> Curve:
    """Make a curve and record its origin, unless the factory of another file has recorded one."""
    facts = make(**attributes)
    if facts.origin is not None:
        return facts
    return dataclasses.replace(facts, origin=(name, tuple(sorted(attributes.items()))))


def curve(name: str, **attributes: Any) -> Curve:
    """Return the curve `name` with these attributes, which must be hashable.

    Raises:
        UnsupportedError: No file describes `name`.
    """
    if name in STAIRS:
        return STAIRS[name](**attributes)
    if name not in CURVES:
        raise UnsupportedError(
            f"No file in `outrange/ops` describes the function `{name}`. "
            f"Functions with a file: {', '.join(sorted(CURVES))}."
        )
    return CURVES[name](**attributes)
