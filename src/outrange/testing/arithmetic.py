"""Multiple-precision arithmetic. No other file imports mpmath."""

from typing import Any


def many_bits(bits: int) -> Any:
    """Return a new mpmath context, which leaves the precision of other contexts unchanged."""
    import mpmath

    context = mpmath.MPContext()
    context.prec = bits
    return context
