"""Ranges over input sets other than one box: unions, polytopes, balls, integers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from ...core import Atom, InputError, OutOfTime, Region, deadline
from ...core.clock import read_clock
from ...core.formula import TRUE
from ...graph import Graph
from ...search.common.solution import Progress, Solution, Status
from ...search.solve import solve
from ...search.solve_in_ball import lone_ball, solve_in_ball
from ..common.network import GraphAlone
from ..conditions.integer_cases import integer_cases, union_of_boxes
from .optimize import least


BOXES_SHARE, BOXES_SECONDS, BOXES_TOL = 0.9, 10.0, 1e-3
"""Limits on a search over the boxes without other conditions: fraction of the time limit, seconds
if there is no time limit, and tolerance.
"""


def range_over(
    formed: Graph,
    regions: Sequence[Region],
    *,
    tol: float | None,
    time_limit: float | None,
    progress: Progress | None = None,
    solver: bool = True,
) -> Solution:
    """Minimize and maximize every output of `formed` over a union of regions.

    Args:
        formed: Graph whose outputs are the objectives.
        regions: The input set, as a union of regions.
        tol: Tolerance relative to the range seen for each objective.
        time_limit: Limit in seconds for all objectives together, or None.
        progress: Callback for progress records. It is not called for a ball, nor while objectives
            are minimized one by one.
        solver: Whether a mixed-integer solver may be used; see `solve`.

    Returns:
        A `Solution` of `2 k` minimized objectives: the outputs, then their negatives.

    Raises:
        InputError: The union is proved to be empty.
    """
    began = read_clock()
    k = formed.value_size(formed.output)
    rows = np.concatenate([np.eye(k), -np.eye(k)])
    if len(regions) == 1 and (ball := lone_ball(regions[0])) is not None:
        return solve_in_ball(formed, regions[0].box, ball, rows, tol=tol, time_limit=time_limit)
    domain = None
    with suppress(OutOfTime), deadline(time_limit):
        domain = union_of_boxes(regions)
    if domain is not None:
        left = None if time_limit is None else max(1e-3, time_limit - (read_clock() - began))
        options = {"tol": tol, "time_limit": left, "progress": progress, "solver": solver}
        return solve(formed, domain, rows, **options)
    relaxed = _bound_boxes(formed, rows, regions, time_limit, progress)
    floor = relaxed.lower
    if relaxed.status is Status.INTERRUPTED:
        none = Solution.unknown(Status.INTERRUPTED, formed.size, 2 * k, methods=relaxed.methods)
        return replace(none, lower=floor, boxes=relaxed.boxes, seconds=relaxed.seconds)
    solutions: list[Solution] = []
    for i in range(2 * k):
        sign = 1.0 if i < k else -1.0
        form = Atom(((formed.size + i % k, sign),), 0.0)
        spent = read_clock() - began
        left = None if time_limit is None else max(1e-3, (time_limit - spent) / (2 * k - i))
        solution = least(
            GraphAlone(formed, "forms"),
            form,
            regions,
            TRUE,
            tol=tol,
            time_limit=left,
            floor=float(floor[i]),
        )
        solutions.append(solution)
        if solutions[-1].status is Status.INFEASIBLE:
            raise InputError(
                "The input set must not be empty; relax its conditions. Received: conditions "
                "that provably no input satisfies."
            )
        if solutions[-1].status is Status.INTERRUPTED:
            break
    none = Solution.unknown(Status.INTERRUPTED, formed.size)
    solutions += [none] * (2 * k - len(solutions))
    combined = Solution.concatenate(solutions, read_clock() - began)
    combined = replace(combined, lower=np.fmax(combined.lower, np.minimum(floor, combined.seen)))
    spread = np.nan_to_num(np.tile(-combined.seen[k:] - combined.seen[:k], 2))
    reached = combined.seen - combined.lower if combined.status is Status.EXACT else 0.0
    return replace(combined, tolerance=np.maximum(combined.tol * spread, reached))


def _bound_boxes(
    formed: Graph,
    rows: np.ndarray,
    regions: Sequence[Region],
    time_limit: float | None,
    progress: Progress | None,
) -> Solution:
    """Bound the objectives over the boxes of integer cases, ignoring other conditions and balls.

    The ignored restrictions could only raise the lower bounds.
    """
    limit = BOXES_SECONDS if time_limit is None else BOXES_SHARE * time_limit
    domain = None
    with suppress(OutOfTime), deadline(limit):
        cases = integer_cases(regions)
        domain = union_of_boxes([replace(case, condition=TRUE, distances=()) for case in cases])
    if domain is None:
        return Solution.unknown(Status.TIME, formed.size, len(rows))
    options = {"tol": BOXES_TOL, "time_limit": limit, "progress": progress, "solver": False}
    return solve(formed, domain, rows, **options)
