"""The `Method` record of incomplete verification: when it applies, and how it starts."""

from __future__ import annotations

from ...common.method import Method, Role
from ...common.search import Search
from ...common.task import FEW_INPUTS, SearchTask, is_wide


def applies(task: SearchTask) -> bool:
    """Return whether a graph has 2^18 entries or more, and is not searched by input splits.

    Input splits are used if inputs and rows are few, and the graph has neither steps nor maxima.
    Also return False if the domain is not one box of real inputs, or if `task.engine` is not
    `"auto"`.
    """
    problem = task.problem
    if task.engine != "auto" or not problem.is_one_box or not is_wide(problem.graph):
        return False
    return not (problem.free <= FEW_INPUTS and problem.has_few_forms)


def begin(task: SearchTask) -> Search:
    """Start the search with the middle of the box and one more point."""
    from .search import WideSearch

    problem = task.problem
    graph = problem.of_outputs(problem.graph)
    return WideSearch(graph, problem.domain.hull, task.incumbent, seed=task.seed)


METHOD = Method(
    name="incomplete verification",
    reference="Zhang et al. 2018 (CROWN); Singh et al. 2018 (DeepZ)",
    role=Role.INSTEAD,
    applies=applies,
    begin=begin,
    evidence="Image classifiers and detectors in which one pass takes seconds.",
)
