"""Counted time in tests: see the fixture `_counted_time` of `conftest.py`."""

from outrange.core.clock import OPERATIONS, charge


def pass_time(seconds: float) -> None:
    """Advance counted time by some seconds, without doing work."""
    charge(seconds * OPERATIONS)
