"""Selects the implementation of the alpha-beta ascent: NumPy's, or another backend's.

An ascent finds slopes and multipliers. NumPy always recomputes the resulting bounds in float64,
with every rounding error accounted for. So another backend or precision can make an answer slower
or looser, but never wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


Ascent = Callable[..., bool]
"""Function `ascent(net, problem, steps, target)` that replaces `alpha_beta.optimize_bounds`. It
returns False if it cannot run the ascent, so that NumPy must do so.
"""

_chosen: ContextVar[Ascent | None] = ContextVar("outrange_ascent", default=None)


def selected_ascent() -> Ascent | None:
    """Return the selected ascent, or None for NumPy's ascent."""
    return _chosen.get()


@contextmanager
def choose(ascent: Ascent) -> Iterator[None]:
    """Select an ascent within a context, including the threads that a search starts in it."""
    token = _chosen.set(ascent)
    try:
        yield
    finally:
        _chosen.reset(token)
