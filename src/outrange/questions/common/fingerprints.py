"""Hashes and numeric fingerprints of graphs."""

from __future__ import annotations

from hashlib import sha256

import numpy as np

from ...core import ModelSource
from ...graph import Graph
from ...graph.graph import graph_digest


def graph_source(name: str, graph: Graph) -> ModelSource:
    """Return the name and hash of a model that consists only of a graph."""
    return ModelSource(name, graph_digest(graph), "graph")


def fingerprint(graph: Graph) -> np.ndarray:
    """Compute numbers that identify a graph: weighted sums of each op's results on random inputs.

    Each op gets its own random inputs. Random values propagated through the network would not
    suffice: if a unit is 0 for all of them, the results do not depend on the weights after it.
    """
    rng = np.random.default_rng(0)
    text = repr([(type(n.op).__name__, n.op.name, n.inputs, n.size) for n in graph.nodes])
    numbers = [float(int(sha256(text.encode()).hexdigest()[:12], 16))]
    for node in graph.nodes:
        inputs = tuple(rng.standard_normal((1, graph.value_size(j))) for j in node.inputs)
        with np.errstate(all="ignore"):
            values = np.ravel(node.op.run(inputs))
        values = np.where(np.isfinite(values), values, 7.0)
        # All terms have one sign, so nothing cancels and the sum is as exact as its terms.
        numbers.append(float((np.abs(values) * rng.uniform(1, 2, values.size)).sum()))
        numbers.append(float((np.maximum(values, 0) * rng.uniform(1, 2, values.size)).sum()))
    return np.array(numbers)
