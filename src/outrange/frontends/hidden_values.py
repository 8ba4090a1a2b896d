"""Networks that return the values of a layer, instead of or besides the model's outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core import InputError, did_you_mean
from ..graph import Graph, Slot
from ..graph.rewrites.rewrite import extract_subgraph
from .network import LayerInfo, Network


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


def replace_outputs(network: Network, layer: str) -> Network:
    """Return the network with the values of a layer, one output per call, as its only outputs.

    The part of a model is not a file of its own, and is not run: `file` and `predict` are None. The
    hash remains that of the whole model.

    Args:
        network: Network of one model, not a composition of several.
        layer: Name of a layer.

    Raises:
        InputError: There is no such layer.
    """
    layers = network.written.layers
    if layer not in layers:
        raise InputError(
            f"`layer` must be the name of a layer of the model. {_layer_hint(network, layer)} "
            f"Received: layer={layer!r}."
        )
    # A fused curve may bypass the layer; then the search uses the graph before the fusion.
    is_fused = network.plain is not None and layer in network.graph.layers
    graph = network.graph if is_fused else network.written
    source = network.source
    return replace(
        network,
        graph=_cut_at_layer(graph, layer),
        plain=_cut_at_layer(network.written, layer) if is_fused else None,
        predict=None,
        probe=None,
        name=f"{network.name}/{layer}",
        layers=_remaining(network, layer) if graph is network.graph else (),
        places={},
        bypassed=frozenset(),
        file=None,
        source=source and replace(source, name=f"{source.name}, layer `{layer}`"),
    )


def _cut_at_layer(graph: Graph, layer: str) -> Graph:
    values = graph.layers[layer]
    # Unlike the bare name of the layer, this one differs from the names of the model's outputs, so
    # that no range of the layer passes for one of the outputs.
    name = _slot_name(layer)
    names = [name] if len(values) == 1 else [f"{name}:{call}" for call in range(len(values))]
    slots = [_slot(graph, name, value) for name, value in zip(names, values, strict=True)]
    return extract_subgraph(graph, values, slots)


def _remaining(network: Network, layer: str) -> tuple[LayerInfo, ...]:
    """Return the layers whose values a layer depends on, for the graph cut at the layer."""
    graph = network.graph
    needed = {0}.union(*(graph.ancestors(value) for value in graph.layers[layer]))
    moved = {value: place for place, value in enumerate(sorted(needed))}
    before = {v: place for v, place in moved.items() if v not in network.bypassed}
    return tuple(
        replace(info, before=info.before and before.get(info.before), after=moved[info.after])
        for info in network.layers
        if info.after in moved
    )


def _check_layer(network: Network, name: str) -> None:
    layers = network.written.layers
    if name not in layers:
        raise InputError(
            "A condition on hidden values must name a layer of the network. "
            f'{_layer_hint(network, name)} Received: `layer("{name}")`.'
        )
    if len(layers[name]) != 1:
        raise InputError(
            "A condition on hidden values must name a layer that the network calls exactly once. "
            f'Received: `layer("{name}")`, which `{network.name}` calls {len(layers[name])} times.'
        )


def _slot_name(layer: str) -> str:
    return f'layer("{layer}")'


def _layer_hint(network: Network, name: str) -> str:
    """Return a sentence with the first layers of a network, and perhaps one with a similar name."""
    layers = list(network.written.layers)
    shown = ", ".join(f"`{layer}`" for layer in layers[:12])
    if not shown:
        return f"No layer of `{network.name}` has a name."
    return f"The first layers of `{network.name}` are {shown}.{did_you_mean(str(name), layers)}"


def _add_outputs(graph: Graph, names: Sequence[str]) -> Graph:
    values = [graph.layers[name][0] for name in names]
    slots = [
        _slot(graph, _slot_name(name), value) for name, value in zip(names, values, strict=True)
    ]
    whole = Slot("outputs", (graph.value_size(graph.output),))
    extended = extract_subgraph(graph, [graph.output, *values], [whole, *slots])
    return replace(extended, outputs=(*graph.outputs, *slots))


def _slot(graph: Graph, name: str, value: int) -> Slot:
    if value == 0 and len(graph.inputs) == 1:
        return Slot(name, graph.inputs[0].shape)
    shape = (graph.size,) if value == 0 else graph.nodes[value - 1].shape[1:]
    return Slot(name, tuple(shape))
