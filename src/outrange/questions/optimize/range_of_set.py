"""Ranges over input sets that are not one box: unions, polytopes, balls, whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...core import Atom, InputError, Region
from ...core.clock import read_clock
from ...core.formula import TRUE
from ...graph import Graph
from ...search.common.solution import Solution, Status
from ...search.norm_ball.solve import lone_ball, solve_in_ball
from .optimize import least


@dataclass(frozen=True, eq=False)
class _Forms:
    """A network whose outputs are the forms asked for; there is no model to run."""

    graph: Graph
    predict: None = None
    name: str = "forms"
    layers: tuple[()] = ()

    @property
    def written(self) -> Graph:
        return self.graph


def range_over(
    formed: Graph, regions: Sequence[Region], *, tol: float | None, time_limit: float | None
) -> Solution:
    """Minimize every output of `formed`, and its negative, over a union of regions.

    Args:
        formed: Its outputs are the objectives.
        regions: A union.
        tol: Relative to the range seen of each.
        time_limit: Seconds for all of them, or None.

    Returns:
        A `Solution` of `2 k` objectives: the outputs, then their negatives.

    Raises:
        InputError: The union is empty.
    """
    began = read_clock()
    k = formed.value_size(formed.output)
    if len(regions) == 1 and (ball := lone_ball(regions[0])) is not None:
        rows = np.concatenate([np.eye(k), -np.eye(k)])
        return solve_in_ball(formed, regions[0].box, ball, rows, tol=tol, time_limit=time_limit)
    found: list[Solution] = []
    for i in range(2 * k):
        sign = 1.0 if i < k else -1.0
        form = Atom(((formed.size + i % k, sign),), 0.0)
        spent = read_clock() - began
        left = None if time_limit is None else max(1e-3, (time_limit - spent) / (2 * k - i))
        found.append(least(_Forms(formed), form, regions, TRUE, tol=tol, time_limit=left))
        if found[-1].status is Status.INFEASIBLE:
            raise InputError(
                "The input set must hold at least one input; it is proved to be empty. Received: "
                "conditions that no input satisfies."
            )
        if found[-1].status is Status.INTERRUPTED:
            break
    none = Solution.unknown(Status.INTERRUPTED, formed.size)
    found += [none] * (2 * k - len(found))
    joined = Solution.joined(found, read_clock() - began)
    spread = np.nan_to_num(np.tile(-joined.seen[k:] - joined.seen[:k], 2))
    reached = joined.seen - joined.lower if joined.status is Status.EXACT else 0.0
    return replace(joined, tolerance=np.maximum(joined.tol * spread, reached))
