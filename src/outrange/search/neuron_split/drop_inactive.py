"""Inactive-neuron elimination: a net without the units that are 0 on the whole box.

Only where matrices are dense: what an inactive unit adds to others is exactly nothing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...domains.rounding import RoundingTerm
from ...graph import Graph
from ...ops import Affine, dense
from .relaxed_net import RelaxedNet


MOST_ENTRIES = 1 << 23
"""Entries of a matrix that is still written out."""


def drop_inactive(net: RelaxedNet) -> RelaxedNet:
    """An equal net on the same box, with fewer units; the same net if there is nothing to gain."""
    kept = _kept(net)
    if not kept:
        return net
    graph = net.graph
    nodes = list(graph.nodes)
    for v, node in enumerate(graph.nodes, 1):
        out = kept.get(v)
        if any(j in kept for j in node.inputs) or out is not None:
            size = node.size if out is None else out.size
            op = node.op
            if isinstance(op, Affine):
                op = _reduced(op, kept.get(node.inputs[0]), out)
            shape = node.shape if out is None else (1, size)
            nodes[v - 1] = replace(node, op=op, size=size, shape=shape)
    smaller = Graph(graph.inputs, tuple(nodes), graph.output, graph.outputs)
    everything = [kept.get(v, slice(None)) for v in range(len(nodes) + 1)]
    rounding_terms = [
        None
        if due is None
        else RoundingTerm(due.finite[at], None if due.infinite is None else due.infinite[at])
        for due, at in zip(net.rounding_terms, everything, strict=True)
    ]
    return RelaxedNet(
        smaller,
        net.box,
        [(lo[at], hi[at]) for (lo, hi), at in zip(net.now(), everything, strict=True)],
        rounding_terms,
        net.underflow,
        [h[at] for h, at in zip(net.magnitudes, everything, strict=True)],
        net.budget,
        {v: error[everything[v]] for v, error in net.errors.items()},
    )


def _kept(net: RelaxedNet) -> dict[int, np.ndarray]:
    """Per value that gets smaller, the entries that stay."""
    readers = net.graph.readers()
    sources = [b.source for b in net.activations]
    kept = {}
    for b in net.activations:
        alive = ~((b.below == 0.0) & (net.hi[b.place] <= 0.0))
        if not alive.any():
            alive[0] = True
        if alive.all() or readers[b.source] != [b.value] or sources.count(b.source) > 1:
            continue
        if b.source == 0 or b.value == net.graph.output:
            continue
        if all(_is_dense(net.graph, v) for v in (b.source, *readers[b.value])):
            kept[b.source] = kept[b.value] = np.flatnonzero(alive)
    return kept


def _is_dense(graph: Graph, value: int) -> bool:
    op = graph.nodes[value - 1].op
    if not isinstance(op, Affine) or len(op.sizes) != 1 or op.factor is not None:
        return False
    # An operation whose sums are short is sparse, and better left as it is.
    return op.size * op.sizes[0] <= MOST_ENTRIES and op.terms - op.ulps >= op.sizes[0] // 2


def _reduced(op: Affine, inside: np.ndarray | None, out: np.ndarray | None) -> Affine:
    if not hasattr(op, "sizes") or len(op.sizes) != 1:
        return op
    out = np.arange(op.size) if out is None else out
    units = np.zeros((out.size, op.size))
    units[np.arange(out.size), out] = 1.0
    matrix = op.adjoint(units)[0]
    if inside is not None:
        matrix = matrix[:, inside]
    return dense(matrix.T, op.bias[out], name=op.name)
