"""The arrays that the alpha-beta ascent computes on: NumPy's, or those that the user chose.

What an ascent finds are slopes and multipliers; the bounds that follow from them are always
computed anew by NumPy in float64, every rounding error accounted for. So other arrays, and other
numbers, can make an answer slower or looser, never wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


Ascent = Callable[..., bool]
"""`ascent(net, problem, steps, target)`, as `alpha_beta.optimize_bounds`; False: NumPy does it."""

_chosen: ContextVar[Ascent | None] = ContextVar("outrange_ascent", default=None)


def chosen() -> Ascent | None:
    """The ascent in use, None for NumPy's."""
    return _chosen.get()


@contextmanager
def choose(ascent: Ascent) -> Iterator[None]:
    """Use an ascent while the context lasts, also in threads that a search starts within it."""
    token = _chosen.set(ascent)
    try:
        yield
    finally:
        _chosen.reset(token)
