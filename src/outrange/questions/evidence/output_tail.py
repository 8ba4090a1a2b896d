"""Refutation of clauses by the last layers alone (the tail), for all values that they may receive.

A layer that enforces a rule on the outputs (a guard, a clip) implies properties by itself. Its
inputs, the outputs of the last dense layer, are few. They become free variables within their proved
bounds, together with all other values that the tail reads. If no such values satisfy a clause, no
input of the network satisfies it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core import Atom, Box, OutOfTime, deadline
from ...domains import bounds
from ...domains.cone import cone
from ...graph import Graph
from ...graph.limits import check_within
from ...graph.measure import measure
from ...graph.rewrites.entrywise import is_entrywise
from ...ops import Affine, Curve, Largest, Product
from ...search.common.clause_groups import ClauseGroup
from ...search.common.domain_boxes import DomainBoxes
from .exact_ties import never_below


MOST_OUTPUTS = 64
"""Maximum number of outputs of a network whose last layers (the tail) are examined."""

MOST_LEAVES = 128
"""Maximum number of entries of earlier values that the tail may read."""

MOST_ROOTS = 8
"""Maximum number of boxes of a group of clauses that the tail may refute."""

MOST_CUTS = 3
"""Maximum number of ops that are tried as the first op of the tail."""

SAMPLES = 256
"""Number of random inputs at which a tail is run before its linear regions are enumerated.

If an output at one of them is below the bound to prove, the enumeration is skipped.
"""

MOST_PATTERNS = 1 << 12
"""Maximum number of activation patterns of a tail that are enumerated without bisecting its box."""

LEAST = 2.0**-60
"""A clause that also holds at the value 0 is refuted if its value is never below this number."""

ROUNDING = 1e-9
"""Rounding error of an output at a sample, relative to the largest output. A larger violation ends
the attempt; a smaller one is left to the exact enumeration."""

METHOD = "the last layers alone, in rational arithmetic, for all values that they may receive (own)"


def drop_refuted_by_tail(
    graph: Graph, groups: Sequence[ClauseGroup], seconds: float
) -> list[ClauseGroup]:
    """Return the groups, except those whose clauses are all refuted by the last layers alone.

    Args:
        graph: Graph of the network, followed by the terms of the clauses.
        groups: Clauses and their boxes.
        seconds: Time limit in seconds.

    Raises:
        InputError: A box exceeds the limits of an input.

    Sound: yes. The inputs of the tail range over a superset of their joint values, and the tail
    is evaluated in rational arithmetic. A strict clause is refuted if its value is never
    below 0, and any other clause if its value is never below `LEAST`. Complete: no, only for
    piecewise-linear tails. Cost: nothing for networks without nonlinear ops after a dense layer
    with as many entries as the output. For other networks, one pass of linear bounds, and a
    rational linear program for each linear region of the tail.
    """
    cuts = _tail_starts(graph)
    if not cuts:
        return list(groups)
    for group in groups:
        check_within(graph.inputs, group.roots.lo, group.roots.hi)
    try:
        with deadline(seconds):
            return [group for group in groups if not _is_refuted(graph, group, cuts)]
    except OutOfTime:
        return list(groups)


def _is_refuted(graph: Graph, group: ClauseGroup, cuts: Sequence[int]) -> bool:
    roots = group.roots
    if len(roots.lo) > MOST_ROOTS or roots.whole.any() or group.distances:
        return False
    whole = measure(graph, group.clauses)
    ends = bounds(whole, roots.lo, roots.hi, "linear")
    every = np.arange(whole.value_size(whole.output))
    for cut in cuts:
        tail = cone(whole, whole.output, every, cut)
        if sum(entries.size for _, entries in tail.leaves) > MOST_LEAVES:
            continue
        lo, hi = (
            np.concatenate([ends[v][side][:, at] for v, at in tail.leaves], axis=1)
            for side in (0, 1)
        )
        if not np.isfinite([lo, hi]).all():
            continue
        box = Box(lo.min(axis=0), hi.max(axis=0))
        if _is_positive(tail.graph, box, group.strict):
            return True
    return False


def _is_positive(tail: Graph, box: Box, strict: np.ndarray) -> bool:
    """Return whether all outputs of a tail are proved to be large enough to refute their clauses.

    The output of a strict clause must be at least 0, and the output of any other clause must be at
    least `LEAST`.
    """
    least = np.where(strict, 0.0, LEAST)
    outputs = tail.run(box.sample(np.random.default_rng(0), SAMPLES))
    if (outputs < least - ROUNDING * (1.0 + np.abs(outputs).max())).any():
        return False
    clauses = [
        (Atom.of({tail.size + k: 1.0}, -float(level), True),) for k, level in enumerate(least)
    ]
    group = ClauseGroup(clauses, np.ones(len(clauses), bool), DomainBoxes.of(box))
    return never_below(tail, [group], None, MOST_PATTERNS)


def _tail_starts(graph: Graph) -> list[int]:
    """Return the indices of values after which the tail may begin, the last one first.

    The tail begins with the first op that reads a dense layer with as many entries as the output.
    Nonlinear ops precede this layer. At least one nonlinear op follows it, and all that follow are
    piecewise linear. The tail may read all values that are computed before its first op.
    """
    size, nodes = graph.value_size(graph.output), list(enumerate(graph.nodes, 1))
    bent = [v for v, node in nodes if isinstance(node.op, Curve | Largest | Product)]
    if not bent or size > MOST_OUTPUTS:
        return []
    dense = [
        v
        for v, node in nodes
        if isinstance(node.op, Affine) and not is_entrywise(node.op) and node.size == size
    ]
    smooth = [v for v in bent if not _is_piecewise_linear(graph.nodes[v - 1].op)]
    start = max([bent[0], *smooth])
    used = [v for v in dense if start < v < bent[-1]]
    first = [min((k for k, node in nodes if v in node.inputs), default=0) for v in used]
    return [k - 1 for k in first if k > 1][: -MOST_CUTS - 1 : -1]


def _is_piecewise_linear(op: object) -> bool:
    return isinstance(op, Largest) or (isinstance(op, Curve) and bool(op.has_exact_lines))
