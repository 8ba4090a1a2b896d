"""Conjunctions of inequalities as the output of a graph whose nodes are unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...core import Atom
from ...ops import curve, dense, dense_sum
from ..graph import Graph, Node


def add_clause_outputs(graph: Graph, clauses: Sequence[Sequence[Atom]]) -> Graph:
    """Return a graph with one output entry per clause: its largest left-hand side.

    This output replaces the outputs of `graph`. Unlike `measure`, this function only appends nodes:
    existing values keep their indices.

    Args:
        graph: The network under study.
        clauses: Conjunctions of inequalities over its flat inputs and outputs, none of them empty.
    """
    nodes = list(graph.nodes)
    inputs = graph.size
    outputs = graph.value_size(graph.output)
    width = max(map(len, clauses))
    # Pad every clause to the same length by repeating its last atom.
    padded = [[*clause, *[clause[-1]] * (width - len(clause))] for clause in clauses]
    flat = [atom for column in zip(*padded, strict=True) for atom in column]
    rows = np.zeros((len(flat), inputs + outputs))
    for row, atom in zip(rows, flat, strict=True):
        for i, c in atom.terms:
            row[i] += c
    offset = np.array([atom.offset for atom in flat])

    def add(op: Any, *sources: int) -> int:
        size = op.size if hasattr(op, "size") else nodes[sources[0] - 1].size
        nodes.append(Node(op, sources, size, (1, size), "property"))
        return len(nodes)

    weights = [rows[:, :inputs].T, rows[:, inputs:].T]
    if graph.output == 0:
        value = add(dense(weights[0] + weights[1], offset), 0)
    else:
        value = add(dense_sum(weights, offset), 0, graph.output)
    m = len(clauses)
    while width > 1:
        half = width // 2
        eye = np.eye(width * m)
        first, second, rest = np.split(eye, [half * m, 2 * half * m], axis=1)
        # max(a, b) = b + relu(a - b).
        over = add(dense(first - second), value)
        over = add(curve("relu"), over)
        remaining = np.concatenate([second, rest], axis=1)
        pad = np.eye(half * m, half * m + rest.shape[1])
        value = add(dense_sum([pad, remaining], np.zeros(remaining.shape[1])), over, value)
        width = half + rest.shape[1] // m
    return replace(graph, nodes=tuple(nodes), output=value, layers={}, rankings={}, outputs=())
