"""Conversion of the parts of a proof tree to the bytes that `outrange_check.tree.Proof` reads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence


LARGEST_MANTISSA = (1 << 16) - 1


def number(value: int) -> bytes:
    """Encode an integer >= 0, seven bits per byte, low bits first; the last byte is below 128."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def numbers(values: Sequence[int]) -> bytes:
    """Encode a sequence of integers >= 0: its length, then each integer."""
    return number(len(values)) + b"".join(map(number, values))


def mask(places: Iterable[int]) -> bytes:
    """Encode the integer whose bits are set at the positions `places`."""
    return number(sum(1 << place for place in places))


def multiplier(size: float) -> tuple[bytes, float]:
    """Encode a number >= 0 in three bytes; return the bytes and the value they decode to.

    Args:
        size: The number; it is rounded down to 16 bits, and to 0 below 2^-128.
    """
    if not size > 0.0 or not math.isfinite(size):
        return bytes(3), 0.0
    shift = min(max(math.frexp(size)[1] - 16, -128), 127)
    mantissa = min(int(math.ldexp(size, -shift)), LARGEST_MANTISSA)
    return bytes((mantissa & 255, mantissa >> 8, shift + 128)), math.ldexp(mantissa, shift)
