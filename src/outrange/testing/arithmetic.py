"""Arithmetic of many digits; the one file that imports mpmath."""

from typing import Any


def many_bits(bits: int) -> Any:
    """A context of mpmath of its own, so that nobody else's precision changes."""
    import mpmath

    context = mpmath.MPContext()
    context.prec = bits
    return context
