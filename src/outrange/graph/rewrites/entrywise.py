"""Properties of entrywise nodes, through which fusion may grow a region."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Any

from ...ops import Affine, Curve, Largest, Rearrange, Step
from ...ops.pointwise.op import Pointwise
from ..graph import Node


MOST_VALUES = 256
"""Largest number of values in a region; in practice, elementwise functions have fewer ops."""


def is_bent(op: Any) -> bool:
    """Return whether an op is a curve, a `Pointwise` op or a `Largest` op, without slack."""
    return isinstance(op, Curve | Largest | Pointwise) and not _has_slack(op)


def _has_slack(op: Any) -> bool:
    """Return whether an op is a step whose value at an argument is not unique."""
    return isinstance(op, Step) and op.slack > 0.0


def is_entrywise(op: Any) -> bool:
    """Return whether each entry of an op's result may depend on only one entry of its inputs."""
    if isinstance(op, Affine):
        return op.factor is not None or op.coefficients is not None
    return isinstance(op, Curve | Largest | Pointwise | Rearrange) and not _has_slack(op)


def input_sizes(node: Node) -> tuple[int, ...]:
    """Return the number of entries of each input of a node; 0 if the op does not determine it."""
    op: Any = node.op
    if isinstance(op, Curve | Pointwise):
        return (node.size,) * len(node.inputs)
    return op.sizes if isinstance(op, Affine | Rearrange) else (0,) * len(node.inputs)


def reads_table(nodes: Sequence[Node], value: int) -> bool:
    """Return whether a table lookup is among the elementwise ops that compute a value.

    The search stops after `MOST_VALUES` values, because no region has more values.
    """
    waiting, seen = [-value], set()
    while waiting and len(seen) < MOST_VALUES:
        v = -heappop(waiting)
        if v in seen or not v or not is_entrywise(nodes[v - 1].op):
            continue
        seen.add(v)
        op = nodes[v - 1].op
        if isinstance(op, Step) and op.rows is not None:
            return True
        for j in nodes[v - 1].inputs:
            heappush(waiting, -j)
    return False
