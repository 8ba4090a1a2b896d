"""Protocols for networks, and a network that consists of a graph alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ...graph import Graph


class LayerLike(Protocol):
    """One layer of the user's model."""

    @property
    def path(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def parameters(self) -> int: ...
    @property
    def before(self) -> int | None: ...
    @property
    def after(self) -> int: ...


class NetworkLike(Protocol):
    """Network given as a graph.

    `predict` runs the user's own model; it is None if there is no model. `written` is the graph
    before curves were fused; it computes the same function. `terms` is the graph from `[x, y]` to
    the nonlinear terms of a condition, or None. With `terms`, the outputs of `graph` are those of
    the model and then the terms. `model` is the network without the terms, and `products` maps each
    term that is a product to its factors.
    """

    @property
    def graph(self) -> Graph: ...
    @property
    def written(self) -> Graph: ...
    @property
    def predict(self) -> Callable[[np.ndarray], np.ndarray] | None: ...
    @property
    def name(self) -> str: ...
    @property
    def layers(self) -> Sequence[LayerLike]: ...
    @property
    def terms(self) -> Graph | None: ...
    @property
    def model(self) -> "NetworkLike | None": ...
    @property
    def products(self) -> Mapping[int, tuple[int, ...]]: ...


class LayeredNetwork(NetworkLike, Protocol):
    """Network that also relates the values of `graph` to the values of `written`.

    `places` maps indices of values of `graph` to the indices of the same values of `written`; it is
    empty if no rewrite changed the graph. `bypassed` contains the indices of the values of `graph`
    that a rewrite of the graph bypasses.
    """

    @property
    def places(self) -> Mapping[int, int]: ...
    @property
    def bypassed(self) -> frozenset[int]: ...


@dataclass(frozen=True, eq=False)
class GraphAlone:
    """Network that consists only of a graph, without a model to run.

    Args:
        graph: The graph under study.
        name: Name of the network, for messages.
    """

    graph: Graph
    name: str = "inputs"
    predict: None = None
    layers: tuple[()] = ()
    terms: None = None
    model: None = None
    products: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    @property
    def written(self) -> Graph:
        return self.graph
