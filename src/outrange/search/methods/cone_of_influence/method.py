"""The `Method` record of cone-of-influence reduction: when it applies, and how it starts."""

from __future__ import annotations

from ...common.method import Method, Role
from ...common.search import Search
from ...common.task import SearchTask


def applies(task: SearchTask) -> bool:
    """Return whether a problem over one box of real inputs has independent parts.

    In such a problem, different objectives depend on different inputs. Also return False if
    `task.engine` is not `"auto"`.
    """
    problem = task.problem
    return task.engine == "auto" and problem.is_one_box and problem.parts is not None


def begin(task: SearchTask) -> Search:
    """Start a search that takes turns among the searches of the problem's independent parts."""
    from .search import ConeSearch

    problem = task.problem
    return ConeSearch(problem, problem.parts or [], task.incumbent, task.begin)


METHOD = Method(
    name="cone of influence reduction",
    reference="Clarke, Grumberg, Peled 1999",
    role=Role.INSTEAD,
    applies=applies,
    begin=begin,
    evidence="Detectors whose cells see windows of an image (yolo), and stacked models.",
)
