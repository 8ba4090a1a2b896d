"""Which arrays the ascent of a phase search computes on: NumPy's, or those that a user chose.

What an ascent finds are slopes and multipliers; the bounds that follow from them are always
computed anew by NumPy in float64, every rounding paid. So other arrays, and other numbers, can make
an answer slower or looser, never wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


Ascent = Callable[..., bool]
"""`ascent(net, task, steps, target)`, as `phase_ascent.climb`; False leaves it to NumPy."""

_chosen: list[Ascent] = []


def chosen() -> Ascent | None:
    """The ascent in use, None for NumPy's."""
    return _chosen[-1] if _chosen else None


@contextmanager
def choose(ascent: Ascent) -> Iterator[None]:
    """Use an ascent while the context lasts, in all threads."""
    _chosen.append(ascent)
    try:
        yield
    finally:
        _chosen.remove(ascent)
