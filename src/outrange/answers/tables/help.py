"""Advice on how to complete an incomplete answer."""

from __future__ import annotations

from collections.abc import Sequence


ENDED_EARLY = "the search ended early"
"""Reason for the status `"time"`: the search reached its limit, or it stalled."""

HELP = {
    "time": "more time (`time_limit=`)",
    "memory": "more memory",
    "interrupted": "a longer run",
    "error": "a bug report with the warning and, if possible, the model",
    "rounding": "a larger tolerance (`tol=`)",
    "float32": "more time (`time_limit=`) to search smaller parts of the set",
    "pieces": "more pieces (`most_pieces=`)",
    "effort": "fewer examples (`count=`)",
}
"""Advice for each reason why a search stopped."""


def what_helps(status: str, remedies: Sequence[str] = ()) -> str:
    """Return a sentence of advice for a status; empty if there is no advice for it.

    Args:
        status: Reason why the search stopped.
        remedies: Sentences about changes that were tried and that help.
    """
    if status not in HELP:
        return ""
    if remedies:
        return f"What would help: {HELP[status]}. Tried: {' '.join(remedies)}"
    return f"What would help: {HELP[status]}, or a smaller input set (fewer or narrower inputs)."
