"""What tells a graph from others, where it has no file and no weights of a framework."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np

from ...core import ModelSource, value_digest
from ...graph import Graph
from ...ops import Affine


MOST_ENTRIES = 1 << 20
"""Larger matrices are told by what they make of a few numbers."""

_NUMBERS = ("index", "fill", "windows", "left", "right", "knots", "lines", "origin", "limits")
"""What the operations that are not affine are made of, apart from their function."""


def graph_source(name: str, graph: Graph) -> ModelSource:
    """The hash of a graph itself: its operations in order, what they read, and their numbers.

    Args:
        name: Of the model.
        graph: What it computes.
    """
    parts: list[Any] = [[(slot.name, slot.shape) for slot in graph.inputs], graph.output]
    for node in graph.nodes:
        op: Any = node.op
        parts += [type(op).__name__, op.name, list(node.inputs), node.size]
        if isinstance(op, Affine):
            parts += [op.bias, *_linear_part(op)]
            continue
        parts += [getattr(op, one) for one in _NUMBERS if hasattr(op, one)]
        if hasattr(op, "f"):
            with np.errstate(all="ignore"):
                parts.append(op.f(np.linspace(-4.0, 4.0, 33)))
    return ModelSource(name, value_digest(parts), "graph")


def _linear_part(op: Affine) -> tuple[np.ndarray, ...]:
    if op.size * sum(op.sizes) <= MOST_ENTRIES:
        return op.adjoint(np.eye(op.size))
    return op.adjoint(np.random.default_rng(0).standard_normal((2, op.size)))


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
