"""Clauses that no float32 run satisfies, proved by the box kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...core import Atom, Clock, Formula, Region
from ...core.formula import clauses
from ...domains.float32 import Float32Plan
from ...domains.float32_rules import TINY, settled
from ...graph import Node
from ...ops import curve, dense, joined
from ...search.input_split.float32_parts import Float32Goal, float32_lower, has_kernel_for


if TYPE_CHECKING:
    from ...frontends.network import Network


MOST = 64
"""Clauses that are proved together."""


def clauses_hold(
    network: Network, unsafe: Formula, regions: Sequence[Region], seconds: float
) -> float | None:
    """By how much every float32 run keeps from satisfying `unsafe`; None if that is not proved.

    Args:
        network: The model.
        unsafe: Over the flat `[x, y]`.
        regions: Input sets; their boxes are searched, whatever else cuts them.
        seconds: How long at most.
    """
    found = clauses(unsafe, MOST)
    plain = all(isinstance(part, Atom) for clause in found for part in clause)
    if not plain or not 0 < len(found) <= MOST or not all(found):
        return None
    plan = plan_of_clauses(network, found)
    if not has_kernel_for(plan):
        return None
    clock, least = Clock(seconds), np.inf
    inputs = network.graph.size
    read = (abs(c) for clause in found for a in clause for i, c in a.terms if i < inputs)
    slack = TINY * sum(read)
    m = len(found)
    # An inequality that is strict does not hold at 0.
    target = np.where([any(a.strict for a in clause) for clause in found], 0.0, 5e-324)
    scale = np.array([_scale(clause) for clause in found])
    goal = Float32Goal(np.eye(m), np.full(m, -np.inf), target, scale)
    for region in regions:
        left = max(clock.left, 1e-3)
        lower, _ = float32_lower(plan, region.box.lo, region.box.hi, goal, left)
        # The condition reads the input as it is given, also where the model reads it as zero.
        lower = np.nextafter(lower - slack, -np.inf) if slack else lower
        if not (lower >= target).all():
            return None
        least = min(least, float(lower.min()))
    return least


def _scale(clause: Sequence[Atom]) -> float:
    return max(1e-9, *(abs(c) for atom in clause for _, c in atom.terms), 1e-9)


def plan_of_clauses(network: Network, found: Sequence[Sequence[Atom]]) -> Float32Plan:
    """The largest left side of each clause, formed without rounding of what float32 returned."""
    graph = network.written
    nodes = [*map(settled, graph.nodes)]
    start, inputs = len(nodes), graph.size
    outputs = graph.value_size(graph.output)
    width = max(map(len, found))
    # Every clause has as many atoms: its last one is repeated.
    padded = [[*clause, *[clause[-1]] * (width - len(clause))] for clause in found]
    flat = [atom for column in zip(*padded, strict=True) for atom in column]
    rows = np.zeros((len(flat), inputs + outputs))
    for row, atom in zip(rows, flat, strict=True):
        for i, c in atom.terms:
            row[i] += c
    offset = np.array([atom.offset for atom in flat])

    def add(op: object, *sources: int) -> int:
        size = op.size if hasattr(op, "size") else nodes[sources[0] - 1].size
        nodes.append(Node(op, sources, size, (1, size), "property"))
        return len(nodes)

    weights = [rows[:, :inputs].T, rows[:, inputs:].T]
    if graph.output == 0:
        value = add(dense(weights[0] + weights[1], offset), 0)
    else:
        value = add(joined(weights, offset), 0, graph.output)
    m = len(found)
    while width > 1:
        half = width // 2
        eye = np.eye(width * m)
        first, second, rest = np.split(eye, [half * m, 2 * half * m], axis=1)
        # max(a, b) = b + relu(a - b).
        over = add(dense(first - second), value)
        over = add(curve("relu"), over)
        kept = np.concatenate([second, rest], axis=1)
        pad = np.eye(half * m, half * m + rest.shape[1])
        value = add(joined([pad, kept], np.zeros(kept.shape[1])), over, value)
        width = half + rest.shape[1] // m
    cut = replace(graph, nodes=tuple(nodes), output=value, layers={}, rankings={}, outputs=())
    return Float32Plan(cut, frozenset(range(start + 1, len(nodes) + 1)))
