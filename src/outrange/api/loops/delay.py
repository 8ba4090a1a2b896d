"""Delayed controls, which a loop carries from step to step in addition to its states."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...core import Box, InputError, Region


MOST_DELAY = 1000
"""Maximum delay in steps."""


def read_delay(delay: Any) -> tuple[int, tuple[float, ...]]:
    """Return the delay in steps, and the values of the controls that the plant receives until then.

    Raises:
        InputError: The delay is neither an integer nor a pair of an integer and a control, or it is
            out of range.
    """
    pair: tuple[Any, Any] = delay if isinstance(delay, tuple) and len(delay) == 2 else (delay, 0.0)
    steps, idle = pair
    try:
        count = 0 if steps is None else -1 if isinstance(steps, bool) else operator.index(steps)
        controls = tuple(float(v) for v in np.ravel(np.asarray(idle, np.float64)))
    except (TypeError, ValueError):
        count, controls = -1, ()
    if not 0 <= count <= MOST_DELAY or not controls or not np.isfinite(controls).all():
        raise InputError(
            f"`delay` must be an integer from 0 to {MOST_DELAY}: the number of steps (with `dt`: "
            "periods) before a control reaches the plant. Until then, the plant receives 0, or the "
            "value c for `delay=(n, c)`. "
            f"Received: delay={delay!r:.60}."
        )
    return count, controls


def append_delayed(region: Region, hidden: Sequence[float]) -> Region:
    """Return a region of initial states, extended by the initial values of the delayed controls."""
    if not hidden:
        return region
    ends = (np.concatenate([end, hidden]) for end in (region.box.lo, region.box.hi))
    integer = np.concatenate([region.integer, np.zeros(len(hidden), bool)])
    return replace(region, box=Box(*ends), integer=integer)


def delayed_names(controls: Sequence[str], delay: int, states: Sequence[str]) -> tuple[str, ...]:
    """Return names for the delayed controls, oldest first, that differ from all state names."""
    names = [f"{name} on its way ({k})" for k in range(delay, 0, -1) for name in controls]
    return tuple(f"{name} (held)" if name in states else name for name in names)
