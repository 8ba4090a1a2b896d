"""The `Method` record of the search through a bottleneck: when it applies, and how it starts."""

from __future__ import annotations

from functools import partial

from ...common.method import Method, Role
from ...common.portfolio import DeferredSearch, usual_first
from ...common.search import Search
from ...common.task import FEW_INPUTS, Kind, SearchTask


def applies(task: SearchTask) -> bool:
    """Return whether a task is a decision that input splits would search over many inputs.

    Many means more than `FEW_INPUTS` inputs that vary. Also return False if `task.engine` is not
    `"auto"`.
    """
    is_split = task.splits is Kind.INPUT_SPLIT and task.engine == "auto"
    return is_split and task.decides and task.problem.free > FEW_INPUTS


def begin(task: SearchTask) -> Search | None:
    """Return a search through the bottleneck, or None if the graph has no bottleneck.

    The search does no work before its first turn.
    """
    from .search import BottleneckSearch, find_bottleneck

    problem, incumbent = task.problem, task.incumbent
    bottleneck = find_bottleneck(problem.of_outputs(problem.small))
    if bottleneck is None:
        return None
    start = partial(BottleneckSearch, problem, bottleneck, incumbent, task.begin)
    return DeferredSearch(start, incumbent)


METHOD = Method(
    name="bottleneck",
    reference="own",
    role=Role.BESIDE,
    applies=applies,
    begin=begin,
    evidence="Decisions about controllers followed by power-flow equations (ml4acopf).",
    join=usual_first,
)
