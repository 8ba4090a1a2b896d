"""Multiple-precision arithmetic."""

from typing import Any


def many_bits(bits: int) -> Any:
    """Return a new mpmath context with a precision of `bits` bits; no other context changes."""
    import mpmath

    context = mpmath.MPContext()
    context.prec = bits
    return context
