"""The `Method` record of the attack on networks with jumps: when it applies, and how it starts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ....graph.gradient import has_jumps
from ...common.method import BeginMethod, Method, Role
from ...common.portfolio import method_first_usual_deferred, usual_first
from ...common.search import Search
from ...common.task import SearchTask


QUICK_ENTRIES = 1 << 14
"""Maximum number of entries in a graph's values for which splitting starts before the attack."""


def applies(task: SearchTask) -> bool:
    """Return whether a task is a decision about a graph with jumps over a bounded domain."""
    problem = task.problem
    if not (task.decides and has_jumps(problem.graph)):
        return False
    return bool(np.isfinite([problem.domain.lo, problem.domain.hi]).all())


def begin(task: SearchTask) -> Search:
    """Start the attack with a few points."""
    from .search import JumpAttack

    problem = task.problem
    graph = problem.of_outputs(problem.graph)
    large = is_large(task)
    return JumpAttack(graph, problem.domain, task.incumbent, seed=task.seed, large=large)


def is_large(task: SearchTask) -> bool:
    """Return whether the graph has more than `QUICK_ENTRIES` entries."""
    return task.problem.graph.entries > QUICK_ENTRIES


def join(begin: BeginMethod, usual: Callable[[], Search], task: SearchTask) -> Search:
    """Start the search by splits and the attack, which then alternate.

    The attack starts first if the graph has more than `QUICK_ENTRIES` entries. Otherwise, it starts
    second, and only if the decision is still open.
    """
    order = method_first_usual_deferred if is_large(task) else usual_first
    return order(begin, usual, task)


METHOD = Method(
    name="jump attack",
    reference="Courbariaux et al. 2016; Andriushchenko et al. 2020",
    role=Role.BESIDE,
    applies=applies,
    begin=begin,
    evidence="Counterexamples of binarized networks (traffic_signs).",
    join=join,
)
