"""A loop unrolled in the place of a network: what the questions about networks take."""

from __future__ import annotations

from dataclasses import dataclass

from ..graph import Graph


@dataclass(frozen=True, eq=False)
class LoopNetwork:
    """A graph without a model to run as a whole.

    Args:
        graph: The loop unrolled.
        name: The controller's name.
    """

    graph: Graph
    name: str
    predict: None = None
    layers: tuple[()] = ()

    @property
    def written(self) -> Graph:
        return self.graph
