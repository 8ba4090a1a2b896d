"""Builds a Keras model from named nodes and edges."""

from __future__ import annotations

from typing import Any

from ..framework import keras
from .masked import MaskedDense
from .node import WiredNode
from .wiring_spec import EdgeSpec, NodeSpec, Wiring, read_wiring


def wire(spec: Any, *, name: str = "wired") -> Any:
    """Build a Keras model from named nodes and edges; feedback is unrolled.

    A node sums the values of its incoming edges, adds a bias and applies its activation. An edge
    multiplies the value of its source by a matrix of weights. With feedback, the nodes are computed
    `passes` times with the same weights and inputs. A feedback edge carries the value of the
    previous pass, and nothing in the first pass. The outputs are the values of the last pass.

    The result is an ordinary functional model for `fit`, `save` and every function of this library.
    A node's layer has the node's name, or the node's label if there is one. The layer is called
    once in every pass, so a question with `layer="B"` covers node B in all passes.

    Args:
        spec: The wiring, a dict with

            * `"nodes"`: a list of dicts with `"name"` and `"units"`. Input nodes also have
              `"input": True`. Other nodes may have `"activation"`, `"use_bias"`, and a label
              `"shared"`: nodes with the same label are one layer with one bias;
            * `"edges"`: a list of pairs `("A", "B")` or of dicts with `"from"` and `"to"`. They may
              have `"feedback": True`, `"mask"` (the existing connections, see `MaskedDense`), and a
              label `"shared"`: edges with the same label have the same matrix of weights;
            * `"outputs"`: a node's name, or a list of names;
            * `"passes"`: the number of times the nodes are computed, at least 2; only with
              feedback.
        name: The name of the Keras model.

    Returns:
        A `keras.Model` with one input per input node, in the order of the nodes.

    Raises:
        InputError: The wiring is invalid. For example, it has a loop without feedback, an unknown
            node, an edge into an input, weights shared by matrices of different shapes, or a node
            that no output depends on.

    Example:
        >>> model = wire({
        ...     "nodes": [{"name": "A", "units": 2, "input": True},
        ...               {"name": "B", "units": 3, "activation": "relu"},
        ...               {"name": "C", "units": 1}],
        ...     "edges": [("A", "B"), ("B", "C"), {"from": "C", "to": "B", "feedback": True}],
        ...     "outputs": "C",
        ...     "passes": 3,
        ... })
        >>> sum(w.shape[0] * w.shape[1] for w in model.weights if len(w.shape) == 2)
        12
    """
    wiring = read_wiring(spec)
    edges, nodes = _edge_layers(wiring), _node_layers(wiring)
    inputs = {
        node.name: keras.Input((node.units,), name=node.name)
        for node in wiring.nodes.values()
        if node.input
    }
    now: dict[str, Any] = {}
    for _ in range(wiring.passes):
        before, now = now, dict(inputs)
        for node in wiring.nodes.values():
            if node.input:
                continue
            brought = []
            for edge in wiring.into(node.name):
                values = before if edge.feedback else now
                if edge.source in values:
                    brought.append(edges[_label(edge)](values[edge.source]))
            now[node.name] = nodes[node.shared or node.name](brought)
    order = [n["name"] for n in spec["nodes"] if n["name"] in inputs]
    outputs = [now[output] for output in wiring.outputs]
    return keras.Model(
        inputs=[inputs[n] for n in order] if len(order) > 1 else inputs[order[0]],
        outputs=outputs if len(outputs) > 1 else outputs[0],
        name=name,
    )


def _label(edge: EdgeSpec) -> str:
    if edge.shared is not None:
        return f"shared_{edge.shared}"
    return f"{edge.source}_{'feeds_back' if edge.feedback else 'to'}_{edge.target}"


def _edge_layers(wiring: Wiring) -> dict[str, Any]:
    layers: dict[str, Any] = {}
    for edge in wiring.edges:
        label, units = _label(edge), wiring.nodes[edge.target].units
        if label not in layers:
            layers[label] = (
                keras.layers.Dense(units, use_bias=False, name=label)
                if edge.mask is None
                else MaskedDense(units, edge.mask, use_bias=False, name=label)
            )
    return layers


def _node_layers(wiring: Wiring) -> dict[str, Any]:
    layers: dict[str, Any] = {}

    def make_node(node: NodeSpec, label: str) -> Any:
        return WiredNode(node.units, node.activation, node.use_bias, name=label)

    for node in wiring.nodes.values():
        label = node.shared or node.name
        if not node.input and label not in layers:
            layers[label] = make_node(node, label)
    return layers
