"""Proofs by the box kernel that no float32 run satisfies any clause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...core import Atom, Clock, Formula, Region
from ...core.formula import clauses
from ...domains.float32 import TINY, Float32Plan, replace_pointwise
from ...graph.composites.clause_values import add_clause_outputs
from ...search.methods.float32_parts.parts import Float32Goal
from ...search.methods.table import FLOAT32_PARTS
from ..common.network import NetworkLike


MOST = 64
"""Maximum number of clauses that are proved together."""


def prove_margin(
    network: NetworkLike,
    unsafe: Formula,
    regions: Sequence[Region],
    seconds: float,
    has_sums: bool = False,
) -> float | None:
    """Prove a lower bound, at least 0, on the value of `unsafe` in every float32 run.

    The value of `unsafe` is the smallest value of its clauses. The value of a clause is the largest
    left-hand side of its inequalities `... <= 0`. If the bound is proved, no float32 run satisfies
    `unsafe`.

    Returns the bound, or None if none is proved.

    Args:
        network: The network under study.
        unsafe: The negated property, over the flat `[x, y]`.
        regions: The input set, as a union of regions. The proof covers their whole boxes.
        seconds: Time limit in seconds.
        has_sums: Whether float32 rounds the left-hand sides of the inequalities.
    """
    parts = clauses(unsafe, MOST)
    atoms_of = [[part for part in clause if isinstance(part, Atom)] for clause in parts]
    if [*map(len, atoms_of)] != [*map(len, parts)]:
        return None
    if not 0 < len(atoms_of) <= MOST or not all(atoms_of):
        return None
    inputs = network.graph.size
    if has_sums and network.written.output == 0:
        # The plan would add the coefficients of an input and of the output that equals it.
        indices = [[i for i, _ in atom.terms] for clause in atoms_of for atom in clause]
        if any(at and min(at) < inputs <= max(at) for at in indices):
            return None
    plan = plan_of_clauses(network, atoms_of, has_sums)
    if not FLOAT32_PARTS.suits(plan):
        return None
    clock, least = Clock(seconds), np.inf
    read = (abs(c) for clause in atoms_of for a in clause for i, c in a.terms if i < inputs)
    slack = TINY * sum(read)
    m = len(atoms_of)
    # A strict inequality does not hold at 0.
    target = np.where([any(a.strict for a in clause) for clause in atoms_of], 0.0, 5e-324)
    scale = np.array([_scale(clause) for clause in atoms_of])
    goal = Float32Goal(np.eye(m), np.full(m, -np.inf), target, scale)
    for region in regions:
        left = max(clock.left, 1e-3)
        lower, _ = FLOAT32_PARTS.begin(plan, region.box.lo, region.box.hi, goal, left)
        # The condition reads the exact input, even where the model flushes it to zero.
        lower = np.nextafter(lower - slack, -np.inf) if slack else lower
        if not (lower >= target).all():
            return None
        least = min(least, float(lower.min()))
    return least


def _scale(clause: Sequence[Atom]) -> float:
    return max(1e-9, *(abs(c) for atom in clause for _, c in atom.terms), 1e-9)


def plan_of_clauses(
    network: NetworkLike, clauses: Sequence[Sequence[Atom]], has_sums: bool = False
) -> Float32Plan:
    """Build a float32 plan with one output per clause: the largest of its left-hand sides.

    The left-hand sides are computed from the float32 outputs without rounding. With `has_sums`,
    they are computed in float32, with sums in any order.
    """
    graph = network.written
    plain = replace(graph, nodes=tuple(map(replace_pointwise, graph.nodes)))
    measured = add_clause_outputs(plain, clauses)
    # The first added node forms the left-hand sides, the others select the largest of them.
    added = range(len(graph.nodes) + 1 + has_sums, len(measured.nodes) + 1)
    return Float32Plan(measured, frozenset(added))
