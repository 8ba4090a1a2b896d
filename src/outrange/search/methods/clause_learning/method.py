"""The `Method` record of the conflict-driven search: when it applies, and how it starts."""

from __future__ import annotations

from ....graph.gradient import has_jumps
from ...common.method import Method, Role
from ...common.portfolio import method_first
from ...common.search import Search
from ...common.task import Kind, SearchTask


def applies(task: SearchTask) -> bool:
    """Return whether a task has targets, its search splits neurons, and no attack replaces it.

    Neuron splits are chosen only for problems with more than a few inputs. A decision about a
    graph with jumps gets an attack instead.
    """
    by_neurons = task.splits in (Kind.NEURON_SPLIT, Kind.PORTFOLIO)
    if not by_neurons or task.incumbent.target is None:
        return False
    return not (task.decides and has_jumps(task.problem.graph))


def begin(task: SearchTask) -> Search | None:
    """Start the search, or return None if it is not promising.

    It is promising for a conjunction over a network with one hidden layer. In addition, the root
    must be refuted, or the fraction `HELD` of the unstable units must be fixed before any decision.
    """
    from .one_layer import one_layer
    from .search import ConflictSearch

    net = one_layer(task.problem)
    if net is None:
        return None
    hull = task.problem.domain.hull
    search = ConflictSearch(net, task.incumbent, hull.lo < hull.hi, hull.lo)
    return search if search.promising else None


METHOD = Method(
    name="conflict-driven clause learning",
    reference="Marques-Silva, Sakallah 1999; Duong et al. 2023",
    role=Role.BESIDE,
    applies=applies,
    begin=begin,
    evidence="Boolean formulas written as networks of one hidden layer (sat_relu).",
    join=method_first,
)
