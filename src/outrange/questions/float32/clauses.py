"""Clauses that no float32 run satisfies, proved by the box kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...core import Atom, Clock, Formula, Region
from ...core.formula import clauses
from ...domains.float32 import TINY, Float32Plan, settled
from ...graph.composites.clause_values import with_clauses
from ...search.input_split.float32_parts import Float32Goal, float32_lower, has_kernel_for
from ..common.network import NetworkLike


MOST = 64
"""Clauses that are proved together."""


def clauses_hold(
    network: NetworkLike, unsafe: Formula, regions: Sequence[Region], seconds: float
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


def plan_of_clauses(network: NetworkLike, found: Sequence[Sequence[Atom]]) -> Float32Plan:
    """The largest left side of each clause, formed without rounding of what float32 returned."""
    graph = network.written
    plain = replace(graph, nodes=tuple(map(settled, graph.nodes)))
    measured = with_clauses(plain, found)
    own = range(len(graph.nodes) + 1, len(measured.nodes) + 1)
    return Float32Plan(measured, frozenset(own))
