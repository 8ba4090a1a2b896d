"""The `Method` record of searches over a norm ball: when it applies, and how it starts."""

from __future__ import annotations

from ...common.method import Method, Role
from ...common.search import Search
from ...common.task import SearchTask
from .boxes import BallBoxes


def applies(task: SearchTask) -> bool:
    """Return whether the inputs lie in a box and a norm ball."""
    return isinstance(task.problem.domain, BallBoxes)


def begin(task: SearchTask) -> Search:
    """Start input splits with bounds over the part of each box in the ball."""
    from .search import search_in_ball

    return search_in_ball(task)


METHOD = Method(
    name="norm balls",
    reference="Boyd, Vandenberghe 2004",
    role=Role.INSTEAD,
    applies=applies,
    begin=begin,
    evidence="Ranges over L1 and L2 balls, which otherwise need one decision after another.",
)
