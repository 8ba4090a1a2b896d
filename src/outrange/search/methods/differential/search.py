"""Branch and bound over the inputs, with the bounds of the differential engine."""

from __future__ import annotations

from ...common.incumbent import Incumbent
from ...common.problem import Problem
from ...common.search import Search
from ...input_split.array_search import ArraySearch
from ...input_split.bisection import few_points
from .engine import DifferentialEngine
from .kernel_search import difference_search
from .pairs import PairedGraph


class DifferentialSearch(ArraySearch):
    """Search that splits inputs, with bounds from the differential engine."""

    methods = (
        "differential bounds of counterparts (ReluDiff, Paulsen et al. 2020)",
        "input splits by gap attribution",
        "clipping (Zhou et al. 2025)",
    )


def search_of_counterparts(
    pairs: PairedGraph, problem: Problem, incumbent: Incumbent, seed: int
) -> Search:
    """Start differential verification of a graph with counterparts.

    Args:
        pairs: The counterparts of the problem's small graph.
        problem: Objectives and their boxes.
        incumbent: Clock and tolerances; receives the first bounds.
        seed: Seed for the samples.
    """
    engine = DifferentialEngine(pairs, problem.small, problem.rows, problem.offset)
    incumbent.prove(engine.over(problem.domain))
    search = difference_search(problem, pairs.graph, pairs.curves, incumbent, seed)
    if search is not None:
        return search
    return DifferentialSearch(engine, problem.domain, incumbent, seed=seed, first=few_points)
