"""The `Method` record of differential verification: when it applies, and how it starts."""

from __future__ import annotations

from ....executors.ambient_pool import ambient_workers
from ...common.method import Method, Role
from ...common.portfolio import method_starts_usual_leads
from ...common.search import Search
from ...common.task import SearchTask
from .pairs import pair_counterparts


def applies(task: SearchTask) -> bool:
    """Return whether a task is searched by splits, and no workers are available.

    Workers could not share the tree of differential verification. Also return False if
    `task.engine` is not `"auto"`.
    """
    return task.engine == "auto" and task.splits is not None and ambient_workers() is None


def begin(task: SearchTask) -> Search | None:
    """Start differential verification, or return None if the graph has no counterparts."""
    pairs = pair_counterparts(task.problem.small)
    if pairs is None:
        return None
    from .search import search_of_counterparts

    return search_of_counterparts(pairs, task.problem, task.incumbent, task.seed)


METHOD = Method(
    name="differential verification",
    reference="Paulsen et al. 2020 (ReluDiff)",
    role=Role.BESIDE,
    applies=applies,
    begin=begin,
    evidence="Differences between a network and its rounded copy, and pairs of ACAS Xu networks.",
    join=method_starts_usual_leads,
)
