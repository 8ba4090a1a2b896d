"""Search tasks: a problem with its incumbent, and the options of its search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ...graph import Graph
from .incumbent import Incumbent
from .problem import Problem
from .search import Search


FEW_INPUTS = 12
"""Maximum number of free inputs of a problem whose search starts with input splits."""

WIDE_ENTRIES = 1 << 18
"""Number of entries in a graph's values at or above which a graph is usually not split; see
`methods/incomplete/`."""


class Kind(StrEnum):
    """The kinds of searches by splits: of neurons, of inputs, of both in turns, or of cases."""

    NEURON_SPLIT = "neuron split"
    INPUT_SPLIT = "input split"
    PORTFOLIO = "portfolio"
    CASES = "cases"


Begin = Callable[[Problem, Incumbent], Search]
"""Function that selects the kind of search for a problem, and starts this search."""


@dataclass(frozen=True, eq=False)
class SearchTask:
    """A problem whose search is selected.

    Args:
        problem: Objectives and their boxes.
        incumbent: Clock, tolerances and the best points.
        begin: Function that starts the search of another problem with the same options.
        seed: Seed for the samples.
        engine: `"auto"` uses the compiled kernel if the graph allows it; `"array"` never does.
        solver: Whether a mixed-integer solver may close objectives that input splits leave open.
        splits: The kind of splits; None if a method takes their place.
        refine: Function that creates the refinement of an array engine; None for no refinement.
    """

    problem: Problem
    incumbent: Incumbent
    begin: Begin
    seed: int = 0
    engine: str = "auto"
    solver: bool = False
    splits: Kind | None = None
    refine: Callable[..., Any] | None = None

    @property
    def decides(self) -> bool:
        """Whether the task is a decision that is still open."""
        return self.incumbent.target is not None and not self.incumbent.decided


def is_wide(graph: Graph) -> bool:
    """Return whether a graph has so many entries that branch and bound is usually too slow."""
    return graph.entries >= WIDE_ENTRIES
