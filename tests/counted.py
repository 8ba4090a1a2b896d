"""Counted time in tests: see the fixture `_counted_time` of `conftest.py`."""

from outrange.core.clock import OPERATIONS, charge


def pass_time(seconds: float) -> None:
    """Let counted time advance, as if work of so many seconds had been done.

    Args:
        seconds: Counted seconds.
    """
    charge(seconds * OPERATIONS)
