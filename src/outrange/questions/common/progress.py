"""Conversion of the progress of a search to the `RangeProgress` that a user receives."""

from __future__ import annotations

from collections.abc import Callable

from ...answers.progress import RangeProgress
from ...search.common.solution import SearchProgress


def range_reporter(
    progress: Callable[[RangeProgress], None] | None, count: int
) -> Callable[[SearchProgress], None] | None:
    """Adapt a range callback to a search that minimizes the forms `[rows; -rows]`.

    The returned callback converts the bounds of the search to lower and upper bounds on the rows.

    Args:
        progress: The user's callback, or None.
        count: Number of `rows`, not counting their negatives.
    """
    if progress is None:
        return None
    listener = progress

    def report(now: SearchProgress) -> None:
        ends = (now.lower[:count], -now.lower[count:], now.seen[:count], -now.seen[count:])
        listener(RangeProgress(now.seconds, now.boxes, *ends, now.open))

    return report
