"""Decision of a condition by checks of finitely many inputs, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from ...search.common.clause_groups import ClauseGroup
from .check_point import ExactChecker


MOST_POINTS = 256


def holds_nowhere(groups: Sequence[ClauseGroup], judge: ExactChecker) -> bool:
    """Return whether checking all inputs one by one proves that a condition never holds.

    Args:
        groups: Clause groups, whose boxes contain all inputs at which the condition could hold. The
            result is False if an input varies continuously, or if they contain more than
            `MOST_POINTS` points.
        judge: Checker of the condition at a point.
    """
    points = _points(groups)
    return points is not None and all(judge(point).holds is False for point in points)


def _points(groups: Sequence[ClauseGroup]) -> list[np.ndarray] | None:
    """Return all points of the groups' boxes, if there are finitely many.

    The result is None if an input varies continuously, or if there are more than `MOST_POINTS`
    points.
    """
    points: list[np.ndarray] = []
    for group in groups:
        for lo, hi in zip(group.roots.lo, group.roots.hi, strict=True):
            fixed = lo == hi
            if not np.all(fixed | group.roots.whole):
                return None
            count = np.where(fixed, 1.0, hi - lo + 1)
            if len(points) + float(np.prod(count)) > MOST_POINTS:
                return None
            choices = [
                [a] if a == b else np.arange(a, b + 1).tolist()
                for a, b in zip(lo.tolist(), hi.tolist(), strict=True)
            ]
            points += [np.array(choice) for choice in product(*choices)]
    return points
