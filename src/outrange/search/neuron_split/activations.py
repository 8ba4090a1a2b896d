"""The bent values of a graph, as a phase search sees them."""

from __future__ import annotations

from ...graph import Graph
from ...ops import Affine, Curve, Rearrange
from .relaxations import Activation, KinkActivation, kink_slopes
from .smooth_relaxations import SmoothActivation


def activations_of(graph: Graph) -> list[Activation] | None:
    """All bent values in order; None if one is of a kind that a phase search does not know."""
    found: list[Activation] = []
    start = 0
    for v, node in enumerate(graph.nodes[: graph.output], 1):
        if isinstance(node.op, Affine | Rearrange):
            continue
        if not isinstance(node.op, Curve) or node.op.jumps or node.op.holes:
            return None
        slopes, place = kink_slopes(node.op), slice(start, start + node.size)
        if slopes is None:
            found.append(SmoothActivation(v, node.inputs[0], place, node.op))
        else:
            found.append(KinkActivation(v, node.inputs[0], place, *slopes))
        start += node.size
    return found
