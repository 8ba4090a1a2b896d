"""The graph of a recorded Keras model, with the location of its tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ....graph import Graph
from ...network import LayerInfo


@dataclass(frozen=True, eq=False)
class KerasGraph:
    """A graph, and the location of each recorded tensor in it."""

    graph: Graph
    layers: tuple[LayerInfo, ...]
    values: list[tuple[Any, int]]
    """Each recorded tensor that depends on the input, and its index in the graph as written."""
    plain: Graph | None
    """The graph as written; None unless elementwise sub-graphs became single curves."""
    places: dict[int, int]
    """Map from each value of `graph` to the same value of the graph as written."""
    bypassed: frozenset[int]
    """The values of `graph` that a fused curve bypasses."""
