"""What tells a graph from others, where it has no file and no weights of a framework."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from ...core import ModelSource
from ...graph import Graph
from ...graph.graph import graph_digest


def graph_source(name: str, graph: Graph) -> ModelSource:
    """A graph in the place of a model.

    Args:
        name: Of the model.
        graph: What it computes.
    """
    return ModelSource(name, graph_digest(graph), "graph")


def fingerprint(graph: Graph) -> np.ndarray:
    """A number per op, which another op does not have: what it makes of random values of its own.

    Values that pass through the network would not do: behind a unit that is silent on all of them,
    every weight looks alike.
    """
    rng = np.random.default_rng(0)
    text = repr([(type(n.op).__name__, n.op.name, n.inputs, n.size) for n in graph.nodes])
    found = [float(int(sha256(text.encode()).hexdigest()[:12], 16))]
    for node in graph.nodes:
        given = tuple(rng.standard_normal((1, graph.value_size(j))) for j in node.inputs)
        with np.errstate(all="ignore"):
            values = np.ravel(node.op.run(given))
        values = np.where(np.isfinite(values), values, 7.0)
        # Of one sign, so that nothing cancels and the sum is as exact as its terms.
        found.append(float((np.abs(values) * rng.uniform(1, 2, values.size)).sum()))
        found.append(float((np.maximum(values, 0) * rng.uniform(1, 2, values.size)).sum()))
    return np.array(found)
