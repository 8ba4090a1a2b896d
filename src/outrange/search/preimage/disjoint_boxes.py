"""Disjoint boxes: boxes are cut along each other's faces, so that volumes add up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core import Bounds


def apart(box: Bounds, other: Bounds) -> tuple[Bounds | None, list[Bounds]]:
    """Return the part of `box` in `other`, and the remaining part as boxes (disjoint up to faces).

    If the boxes do not meet, return None and `box` itself.

    Example:
        >>> inside, rest = apart(([0.0], [3.0]), ([1.0], [2.0]))
        >>> inside, len(rest)
        ((array([1.]), array([2.])), 2)
    """
    lo, hi = (np.array(end, np.float64) for end in box)
    low, high = (np.asarray(end, np.float64) for end in other)
    if np.any(np.maximum(lo, low) > np.minimum(hi, high)):
        return None, [(lo, hi)]
    rest = []
    for i in range(lo.size):
        if lo[i] < low[i]:
            side = hi.copy()
            side[i] = low[i]
            rest.append((lo.copy(), side))
            lo[i] = low[i]
        if hi[i] > high[i]:
            side = lo.copy()
            side[i] = high[i]
            rest.append((side, hi.copy()))
            hi[i] = high[i]
    return (lo, hi), rest


def disjoint_boxes(boxes: Sequence[Bounds]) -> list[Bounds]:
    """Return boxes that have the same union and overlap at most in faces."""
    disjoint: list[Bounds] = []
    for box in boxes:
        left = [box]
        for other in disjoint:
            left = [piece for part in left for piece in _without(part, other)]
        disjoint += left
    return disjoint


def _without(box: Bounds, other: Bounds) -> list[Bounds]:
    """Return boxes that cover the part of a box outside another box."""
    inside, rest = apart(box, other)
    if inside is None or not _overlaps(inside, box):
        return [box]
    return rest


def _overlaps(inside: Bounds, box: Bounds) -> bool:
    """Return whether `inside`, the common part of `box` and another box, is not just a face."""
    return bool(np.all((inside[0] < inside[1]) | (box[0] == box[1])))


def grid_cells(
    whole: Sequence[Bounds], questions_on: Sequence[tuple[Bounds, int]], count: int, most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Cut boxes so that each question concerns either all or none of each resulting box.

    Args:
        whole: Disjoint boxes to be covered.
        questions_on: Pairs of a box and the index of the question that concerns it.
        count: The number of questions.
        most: Maximum number of boxes.

    Returns:
        `(lo (r, d), hi (r, d), wanted (r, count))`, or None if more than `most` boxes are needed.
    """
    parts = [(box, np.zeros(count, bool)) for box in whole]
    by_box: dict[bytes, tuple[Bounds, list[int]]] = {}
    for box, k in questions_on:
        key = np.asarray(box[0]).tobytes() + np.asarray(box[1]).tobytes()
        by_box.setdefault(key, (box, []))[1].append(k)
    for box, questions in by_box.values():
        after = []
        for part, wanted in parts:
            inside, rest = apart(part, box)
            if inside is None:
                after.append((part, wanted))
                continue
            more = wanted.copy()
            more[questions] = True
            after.append((inside, more))
            after += [(piece, wanted) for piece in rest]
        parts = after
        if len(parts) > most:
            return None
    lo, hi = (np.array([part[0][side] for part in parts]) for side in (0, 1))
    return lo, hi, np.array([wanted for _, wanted in parts])
