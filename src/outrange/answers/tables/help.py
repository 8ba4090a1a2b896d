"""What would help, where an answer is not complete."""

from __future__ import annotations


HELP = {
    "time": "more time (`time_limit=`)",
    "interrupted": "letting it run on",
    "rounding": "a larger tolerance (`tol=`)",
    "pieces": "more pieces (`most_pieces=`)",
    "effort": "fewer examples (`count=`)",
}
"""By the reason why it stopped."""


def what_helps(status: str) -> str:
    """A sentence; empty where nothing is open."""
    if status not in HELP:
        return ""
    return f"What would help: {HELP[status]}, or a smaller input set (fewer or narrower inputs)."
