"""Which channels of an axis a key means, and whether several keys fit together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core import InputError


def places(key: Any, size: int, where: str) -> list[int]:
    """The channels that `key` means on an axis of `size`.

    Args:
        key: An integer (negative ones count from the end), a slice, a range, or a list of
            integers.
        size: Length of the axis.
        where: What asks, for messages.

    Raises:
        InputError: The key is of another kind, empty, or points outside the axis.

    Example:
        >>> places(slice(1, None), 3, "Layer `a`"), places(-1, 3, "Layer `a`")
        ([1, 2], [2])
    """
    if isinstance(key, slice):
        outside = [e for e in (key.start, key.stop) if e is not None and not -size <= e <= size]
        found = list(range(*key.indices(size)))
        if outside or not found:
            raise InputError(
                f"{where} has {size} channels; a slice must pick some of them and end within them. "
                f"Received: {key}."
            )
        return found
    listed = list(key) if isinstance(key, range | tuple | list) else [key]
    found = []
    for i in listed:
        if isinstance(i, bool) or not hasattr(i, "__index__"):
            raise InputError(
                f"{where} names channels by an integer, a slice, a range or a list of integers. "
                f"Received: {key!r}."
            )
        i = i.__index__()
        if not -size <= i < size:
            raise InputError(f"{where} has channels 0 to {size - 1}. Received: channel {i}.")
        found.append(i % size)
    if not found:
        raise InputError(f"{where}: a key must name at least one channel. Received: {key!r}.")
    return found


def apart(parts: Sequence[Sequence[int]], where: str) -> None:
    """Check that no channel is named twice.

    Raises:
        InputError: One is.
    """
    seen: set[int] = set()
    for part in parts:
        for i in part:
            if i in seen:
                raise InputError(
                    f"{where} names each channel at most once; keys must not overlap. "
                    f"Received: channel {i} twice."
                )
            seen.add(i)


def encoded(key: Any) -> Any:
    """A key as JSON can hold it."""
    if isinstance(key, slice):
        return {"start": key.start, "stop": key.stop, "step": key.step}
    return [int(i) for i in key] if isinstance(key, range | tuple | list) else int(key)


def decoded(key: Any) -> Any:
    """The key that `encoded` wrote."""
    if isinstance(key, dict):
        return slice(key["start"], key["stop"], key["step"])
    return tuple(key) if isinstance(key, list) else key
