"""Inactive-neuron elimination: drops units that are 0 on the whole box.

Only units between dense matrices are dropped. The elimination is exact: an inactive unit adds
exactly 0.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...domains.rounding import RoundingTerm
from ...graph import Graph
from ...ops import Affine, dense
from .relaxed_net import RelaxedNet


MOST_ENTRIES = 1 << 23
"""Maximum number of entries of a matrix that is stored densely."""


def drop_inactive(net: RelaxedNet) -> RelaxedNet:
    """Return an equivalent net over the same box with fewer units, or `net` if none is dropped."""
    entries = _kept_entries(net)
    if not entries:
        return net
    graph = net.graph
    nodes = list(graph.nodes)
    for v, node in enumerate(graph.nodes, 1):
        out = entries.get(v)
        if any(j in entries for j in node.inputs) or out is not None:
            size = node.size if out is None else out.size
            op = node.op
            if isinstance(op, Affine):
                op = _restrict(op, entries.get(node.inputs[0]), out)
            shape = node.shape if out is None else (1, size)
            nodes[v - 1] = replace(node, op=op, size=size, shape=shape)
    smaller = Graph(graph.inputs, tuple(nodes), graph.output, graph.outputs)
    everything = [entries.get(v, slice(None)) for v in range(len(nodes) + 1)]
    rounding_terms = [
        None
        if due is None
        else RoundingTerm(due.finite[at], None if due.infinite is None else due.infinite[at])
        for due, at in zip(net.rounding_terms, everything, strict=True)
    ]
    return RelaxedNet(
        smaller,
        net.box,
        [(lo[at], hi[at]) for (lo, hi), at in zip(net.current_ends(), everything, strict=True)],
        rounding_terms,
        net.underflow,
        [h[at] for h, at in zip(net.magnitudes, everything, strict=True)],
        net.budget,
        {v: error[everything[v]] for v, error in net.errors.items()},
    )


def _kept_entries(net: RelaxedNet) -> dict[int, np.ndarray]:
    """Return the indices of the entries to keep, for each value that loses entries."""
    readers = net.graph.readers()
    sources = [b.source for b in net.activations]
    entries = {}
    for b in net.activations:
        alive = ~((b.below == 0.0) & (net.hi[b.place] <= 0.0))
        if not alive.any():
            alive[0] = True
        if alive.all() or readers[b.source] != [b.value] or sources.count(b.source) > 1:
            continue
        if b.source == 0 or b.value == net.graph.output:
            continue
        if all(_is_dense(net.graph, v) for v in (b.source, *readers[b.value])):
            entries[b.source] = entries[b.value] = np.flatnonzero(alive)
    return entries


def _is_dense(graph: Graph, value: int) -> bool:
    """Return whether a value is computed by a dense affine op of at most `MOST_ENTRIES` entries."""
    op = graph.nodes[value - 1].op
    if not isinstance(op, Affine) or len(op.sizes) != 1 or op.factor is not None:
        return False
    # An operation with short sums is sparse, and better left unchanged.
    return op.size * op.sizes[0] <= MOST_ENTRIES and op.terms - op.ulps >= op.sizes[0] // 2


def _restrict(op: Affine, inside: np.ndarray | None, out: np.ndarray | None) -> Affine:
    """Restrict an affine op to input entries `inside` and output entries `out`; None for all.

    An op with several inputs is returned unchanged.
    """
    if not hasattr(op, "sizes") or len(op.sizes) != 1:
        return op
    out = np.arange(op.size) if out is None else out
    units = np.zeros((out.size, op.size))
    units[np.arange(out.size), out] = 1.0
    matrix = op.adjoint(units)[0]
    if inside is not None:
        matrix = matrix[:, inside]
    return dense(matrix.T, op.bias[out], name=op.name)
