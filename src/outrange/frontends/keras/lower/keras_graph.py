"""The graph of a recorded Keras model, with the location of its tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ....graph import Graph
from ...network import LayerInfo


@dataclass(frozen=True, eq=False)
class KerasGraph:
    """A graph, and the locations of recorded tensors in it."""

    graph: Graph
    layers: tuple[LayerInfo, ...]
    values: list[tuple[Any, int]]
    """Each recorded tensor that has a graph value, and the index of that value before fusion."""
    plain: Graph | None
    """The graph before elementwise sub-graphs were fused into curves and constants were folded, or
    None if `graph` is the same."""
    places: dict[int, int]
    """Map from the index of each value of `graph` to its index in the graph before fusion."""
    bypassed: frozenset[int]
    """The values of `graph` that a fused curve bypasses."""
