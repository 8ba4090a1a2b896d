"""The `Method` record of shared boxes: when it applies, and how it starts."""

from __future__ import annotations

from ...common.method import Method, Role
from ...common.portfolio import method_first_usual_deferred
from ...common.search import Search
from ...common.task import Kind, SearchTask


def applies(task: SearchTask) -> bool:
    """Return whether a task is solved by input splits, and its problem passes `shares_boxes`.

    Such a problem has few inputs, and many objectives that each read one output. Also return False
    if `task.engine` is not `"auto"`.
    """
    from .search import shares_boxes

    is_split = task.splits is Kind.INPUT_SPLIT and task.engine == "auto"
    return is_split and shares_boxes(task.problem)


def begin(task: SearchTask) -> Search:
    """Start the search with random points and bounds on the whole box."""
    from .search import SharedBoxSearch

    return SharedBoxSearch(task.problem, task.incumbent, task.seed)


METHOD = Method(
    name="shared boxes",
    reference="Singh et al. 2018 (DeepZ)",
    role=Role.BESIDE,
    applies=applies,
    begin=begin,
    evidence="Ranges of the thousands of pixels of an image generator with a few inputs.",
    join=method_first_usual_deferred,
)
