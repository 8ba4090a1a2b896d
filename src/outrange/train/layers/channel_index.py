"""Converts keys to channels of an axis or to JSON, and checks that keys do not overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core import InputError


def places(key: Any, size: int, where: str) -> list[int]:
    """Return the channels that `key` selects on an axis of length `size`.

    Args:
        key: An integer (negative ones count from the end), a slice, a range, or a list or tuple of
            integers.
        size: Length of the axis.
        where: Description of the caller, for messages.

    Raises:
        InputError: The key is of another type, is empty, or points outside the axis.

    Example:
        >>> places(slice(1, None), 3, "Layer `a`"), places(-1, 3, "Layer `a`")
        ([1, 2], [2])
    """
    if isinstance(key, slice):
        outside = [e for e in (key.start, key.stop) if e is not None and not -size <= e <= size]
        selected = list(range(*key.indices(size)))
        if outside or not selected:
            raise InputError(
                f"{where}: a slice must select at least one of the {size} channels, and must "
                f"not end beyond them. Received: {key}."
            )
        return selected
    listed = list(key) if isinstance(key, range | tuple | list) else [key]
    selected = []
    for i in listed:
        if isinstance(i, bool) or not hasattr(i, "__index__"):
            raise InputError(
                f"{where}: channels must be an integer, a slice, a range or a list of integers. "
                f"Received: {key!r}."
            )
        i = i.__index__()
        if not -size <= i < size:
            raise InputError(
                f"{where}: channels must be between 0 and {size - 1}, or negative to count "
                f"from the end. Received: channel {i}."
            )
        selected.append(i % size)
    if not selected:
        raise InputError(f"{where}: a key must select at least one channel. Received: {key!r}.")
    return selected


def check_disjoint(parts: Sequence[Sequence[int]], where: str) -> None:
    """Check that no channel occurs twice.

    Raises:
        InputError: A channel is in two parts, or twice in one part.
    """
    seen: set[int] = set()
    for part in parts:
        for i in part:
            if i in seen:
                raise InputError(f"{where}: keys must not overlap. Received: channel {i} twice.")
            seen.add(i)


def encode_key(key: Any) -> Any:
    """Convert a key, which selects channels, to a form that JSON can represent."""
    if isinstance(key, slice):
        return {"start": key.start, "stop": key.stop, "step": key.step}
    return [int(i) for i in key] if isinstance(key, range | tuple | list) else int(key)


def decode_key(key: Any) -> Any:
    """Convert a result of `encode_key` back to a key."""
    if isinstance(key, dict):
        return slice(key["start"], key["stop"], key["step"])
    return tuple(key) if isinstance(key, list) else key
