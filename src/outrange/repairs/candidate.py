"""Graphs of candidates: the original graph with new weights in its last layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..frontends.network import Network
from ..ops import Affine, dense
from .heads import Heads


def candidate_network(
    network: Network, heads: Heads, weights: Sequence[np.ndarray]
) -> Network | None:
    """Return the original network with other weights in its last layer.

    Replacing one node is much cheaper than saving and loading a model. The network serves only to
    look for counterexamples. The proof of a repair always verifies the saved model.

    Args:
        network: The graph of the original model.
        heads: The last layers of the model, one per output.
        weights: The new weights of each layer, `(features, units)`.

    Returns:
        The network, which cannot call the model. None if the model has several outputs, applies the
        layer at several places, or has no single node for the layer in its graph.
    """
    if len(heads.heads) != 1 or heads.heads[0].places != 1:
        return None
    head, graph = heads.heads[0], network.graph
    rows = len(weights[0]) - head.layer.use_bias
    matches = [
        i
        for i, node in enumerate(graph.nodes)
        if isinstance(node.op, Affine) and node.source == head.layer.name
        and node.op.sizes == (rows,) and node.size == head.units
    ]  # fmt: skip
    if len(matches) != 1:
        return None
    kernel, bias = weights[0][:rows], weights[0][rows:].ravel()
    op = dense(kernel, bias if head.layer.use_bias else None)
    nodes = list(graph.nodes)
    nodes[matches[0]] = replace(nodes[matches[0]], op=op)
    changed = replace(graph, nodes=tuple(nodes))
    return replace(
        network, graph=changed, predict=None, probe=None, plain=None, places={}, source=None
    )
