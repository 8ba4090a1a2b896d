"""Boxes cut along each other's faces, so that a volume is counted once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


Ends = tuple[np.ndarray, np.ndarray]
"""`(lo, hi)`, `(d,)` each."""


def apart(box: Ends, other: Ends) -> tuple[Ends | None, list[Ends]]:
    """The part of `box` in `other`, and boxes that cover the rest; all share faces at most.

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


def disjoint_boxes(boxes: Sequence[Ends]) -> list[Ends]:
    """Boxes of the same union that share faces at most."""
    found: list[Ends] = []
    for box in boxes:
        left = [box]
        for known in found:
            left = [piece for part in left for piece in _without(part, known)]
        found += left
    return found


def _without(box: Ends, other: Ends) -> list[Ends]:
    inside, rest = apart(box, other)
    if inside is None or not _overlaps(inside, box):
        return [box]
    return rest


def _overlaps(inside: Ends, box: Ends) -> bool:
    """Whether what two boxes share is more than a face of the first."""
    return bool(np.all((inside[0] < inside[1]) | (box[0] == box[1])))


def grid_cells(
    whole: Sequence[Ends], asked: Sequence[tuple[Ends, int]], count: int, most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Disjoint boxes, cut so that each question is about all of a box or nothing of it.

    Args:
        whole: What the boxes shall cover; disjoint.
        asked: A box, and the number of the question asked all over it.
        count: How many questions there are.
        most: More boxes than this are not made.

    Returns:
        `(lo (r, d), hi (r, d), wanted (r, count))`; None if there would be more than `most`.
    """
    parts = [(box, np.zeros(count, bool)) for box in whole]
    by_box: dict[bytes, tuple[Ends, list[int]]] = {}
    for box, k in asked:
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
