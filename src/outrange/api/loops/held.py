"""What a loop holds beside its states: controls on their way to the plant."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...core import Box, InputError, Region


MOST_DELAY = 1000
"""Steps that a control takes at most."""


def delayed(given: Any) -> tuple[int, tuple[float, ...]]:
    """How many steps a control takes, and what the plant receives before the first one arrives.

    Raises:
        InputError: It is neither a whole number, nor one and a control.
    """
    told: tuple[Any, Any] = given if isinstance(given, tuple) and len(given) == 2 else (given, 0.0)
    steps, idle = told
    try:
        count = 0 if steps is None else operator.index(steps)
        controls = tuple(float(v) for v in np.ravel(np.asarray(idle, np.float64)))
    except (TypeError, ValueError):
        count, controls = -1, ()
    if not 0 <= count <= MOST_DELAY or not controls or not np.isfinite(controls).all():
        raise InputError(
            "`delay` is how many steps (with `dt`: periods) a control takes to reach the plant, "
            "which receives 0 before the first one does, or another control, `delay=(2, -10.0)`. A "
            f"part of a period is none. Received: delay={given!r:.60}."
        )
    return count, controls


def beside(region: Region, hidden: Sequence[float]) -> Region:
    """Initial states with what is held beside them."""
    if not hidden:
        return region
    ends = (np.concatenate([end, hidden]) for end in (region.box.lo, region.box.hi))
    integer = np.concatenate([region.integer, np.zeros(len(hidden), bool)])
    return replace(region, box=Box(*ends), integer=integer)


def under_way(controls: Sequence[str], delay: int, states: Sequence[str]) -> tuple[str, ...]:
    """Names of controls on their way, the oldest first, which no state has."""
    found = [f"{name} on its way ({k})" for k in range(delay, 0, -1) for name in controls]
    return tuple(f"{name} (held)" if name in states else name for name in found)
