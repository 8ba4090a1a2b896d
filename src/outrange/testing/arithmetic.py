"""Multiple-precision arithmetic. No other file imports mpmath."""

from typing import Any


def many_bits(bits: int) -> Any:
    """Return a new mpmath context of this precision; that of other contexts stays unchanged."""
    import mpmath

    context = mpmath.MPContext()
    context.prec = bits
    return context
