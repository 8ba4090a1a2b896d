"""What would help, where an answer is not complete."""

from __future__ import annotations

from collections.abc import Sequence


HELP = {
    "time": "more time (`time_limit=`)",
    "memory": "more memory",
    "interrupted": "letting it run on",
    "error": "a report of the warning, with the model if possible",
    "rounding": "a larger tolerance (`tol=`)",
    "float32": "more time (`time_limit=`), which goes to smaller parts of the set",
    "pieces": "more pieces (`most_pieces=`)",
    "effort": "fewer examples (`count=`)",
}
"""By the reason why it stopped."""


def what_helps(status: str, remedies: Sequence[str] = ()) -> str:
    """A sentence; empty where nothing is open.

    Args:
        status: Why it stopped.
        remedies: What was tried and helps, in sentences.
    """
    if status not in HELP:
        return ""
    if remedies:
        return f"What would help: {HELP[status]}. Tried: {' '.join(remedies)}"
    return f"What would help: {HELP[status]}, or a smaller input set (fewer or narrower inputs)."
