"""Summary table of a pipe, the reachable boxes of a closed loop."""

from __future__ import annotations

import numpy as np

from ..render.document import MOST_ROWS, Interval, Table
from .pipe import Pipe


MOST_TIMES, MOST_COLUMNS = 12, 4
"""Maximum number of times shown, and of states shown as columns; more states become rows."""


def table_of(pipe: Pipe, continuous: bool) -> Table:
    """Return a table of a pipe with one row per time or, with many states, one row per state.

    At most `MOST_TIMES` times are shown; in continuous time, these are instants, not the intervals
    between them. With more than `MOST_COLUMNS` states, each state is a row.

    Args:
        continuous: Whether the loop runs in continuous time.
    """
    if len(pipe.states) > MOST_COLUMNS:
        return _by_state(pipe, "at any time" if continuous else "at any step")
    # In continuous time only instants are shown; the boxes between them are wider.
    instants = np.flatnonzero(pipe.start == pipe.stop)
    some = np.linspace(0, len(instants) - 1, min(len(instants), MOST_TIMES))
    shown = instants[np.unique(some.astype(int))]
    rows = [
        (f"{pipe.start[k]:g}", *(Interval(pipe.lo[k, i], pipe.hi[k, i])
                                 for i in range(len(pipe.states))))
        for k in shown
    ]  # fmt: skip
    head = ("time" if continuous else "step", *pipe.states)
    return Table(head, rows, "rr", len(instants) - len(shown))


def _by_state(pipe: Pipe, when: str) -> Table:
    lo, hi = pipe.lo, pipe.hi
    rows = [
        (
            name,
            Interval(lo[0, i], hi[0, i]),
            Interval(lo[:, i].min(), hi[:, i].max()),
            Interval(lo[-1, i], hi[-1, i]),
        )
        for i, name in enumerate(pipe.states)
    ]
    head = ("state", "at the start", when, "at the end")
    return Table(head, rows[:MOST_ROWS], "lr", max(0, len(rows) - MOST_ROWS))
