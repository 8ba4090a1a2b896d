"""Networks that also return the values of some layers, for conditions on these values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core import InputError, did_you_mean
from ..graph import Graph, Slot
from ..graph.rewrites.rewrite import extract_subgraph
from .network import Network


def return_layers(network: Network, names: Sequence[str]) -> Network:
    """Return the network with the values of some layers as additional outputs.

    Args:
        network: Network of one model, not a composition of several.
        names: Names of layers; their values follow the model's own outputs in this order.

    Raises:
        InputError: There is no such layer, or the network calls it several times.
    """
    for name in names:
        _check_layer(network, name)
    if not names:
        return network
    # A fused curve may bypass the layer; then the search uses the graph before the fusion.
    graph = network.graph if all(n in network.graph.layers for n in names) else network.written
    run = None
    if network.predict is not None and network.probe is not None:
        values = [network.written.layers[name][0] for name in names]
        run = _WithLayers(network.predict, network.probe, values)
    return replace(
        network,
        graph=_add_outputs(graph, names),
        plain=None if network.plain is None else _add_outputs(network.plain, names),
        predict=run,
        probe=None,
        places={},
        bypassed=frozenset(),
    )


@dataclass(frozen=True, eq=False)
class _WithLayers:
    """Callable that runs the model on flat points, and appends the values of some layers."""

    predict: Callable[[np.ndarray], np.ndarray]
    probe: Callable[[np.ndarray], dict[int, np.ndarray]]
    values: Sequence[int]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        x = np.asarray(x)
        outputs = np.asarray(self.predict(x)).reshape(len(x), -1)
        rows = []
        for i in range(len(x)):
            inner = {0: x[i], **self.probe(x[i : i + 1])}
            rows.append(np.concatenate([np.ravel(inner[value]) for value in self.values]))
        return np.concatenate([outputs, np.reshape(rows, (len(x), -1))], axis=1)


def _check_layer(network: Network, name: str) -> None:
    layers = network.written.layers
    if name not in layers:
        shown = ", ".join(f"`{layer}`" for layer in list(layers)[:12])
        layer_names = (
            f"The first layers of `{network.name}` are {shown}."
            if shown
            else f"No layer of `{network.name}` has a name."
        )
        raise InputError(
            f"A condition on hidden values must name a layer of the network. {layer_names}"
            f'{did_you_mean(name, list(layers))} Received: `layer("{name}")`.'
        )
    if len(layers[name]) != 1:
        raise InputError(
            "A condition on hidden values must name a layer that the network calls exactly once. "
            f'Received: `layer("{name}")`, which `{network.name}` calls {len(layers[name])} times.'
        )


def _add_outputs(graph: Graph, names: Sequence[str]) -> Graph:
    values = [graph.layers[name][0] for name in names]
    slots = [_slot(graph, name, value) for name, value in zip(names, values, strict=True)]
    whole = Slot("outputs", (graph.value_size(graph.output),))
    extended = extract_subgraph(graph, [graph.output, *values], [whole, *slots])
    return replace(extended, outputs=(*graph.outputs, *slots))


def _slot(graph: Graph, name: str, value: int) -> Slot:
    shape = (graph.size,) if value == 0 else graph.nodes[value - 1].shape[1:]
    return Slot(f'layer("{name}")', tuple(shape))
