"""Subdivides boxes of few free inputs together until cheap bounds close them.

On small boxes, forward forms are nearly exact, and one pass bounds hundreds of boxes. So a box
costs far less here than in a separate search.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ....graph import Graph
from ....ops import Curve, Product, Step
from ...common.domain_boxes import DomainBoxes
from ...common.open_boxes import OpenBoxes
from ...kernel.binding import library


MANY = 16
"""Minimum number of boxes that are subdivided; fewer go straight to a search."""

FREE = 3
"""Maximum number of free inputs of a box that is halved. The limit is 1 if the box kernel can bound
the graph, because it is faster."""

WIDER = 3
"""Base of the limit on the number of boxes. At the start, each box that may be halved adds
`WIDER**free` to this limit, where `free` is its number of free inputs. Each other box adds 1."""

PATIENCE = 8
"""Number of halving rounds per free input without a new minimum of the box count before giving
up."""

Met = Callable[[np.ndarray, np.ndarray], bool]
"""Callback with points `(b, d)` and their values `(b, m)`; True ends the subdivision."""


def open_boxes(
    graph: Graph,
    roots: DomainBoxes,
    target: np.ndarray,
    late: Callable[[], bool],
    met: Met = lambda x, y: False,
) -> tuple[DomainBoxes, np.ndarray]:
    """Return the boxes on which interval and forward bounds leave some output below its target.

    Boxes of few free inputs are halved as long as this closes boxes.

    Args:
        graph: Graph whose outputs are bounded.
        target: Targets of the outputs, shape `(m,)`.
        late: Function that returns whether to stop; the remaining boxes are then returned.
        met: Called with the midpoints of all boxes about to be halved, and their values; True ends
            the subdivision.

    Returns:
        The open boxes (roots or parts of them), and lower bounds `(m,)` proved for each output on
        the closed part of the domain. Fewer than `MANY` roots are returned unchanged, with infinite
        bounds, since nothing is closed.

    Sound: yes, a box is dropped only if the bounds of all outputs reach their targets. Complete:
    no. Cost: per box, about `free inputs + 2` forward passes.
    """
    if len(roots.lo) < MANY:
        return roots, np.full(target.size, np.inf)
    boxes = OpenBoxes(graph, roots, target, late)
    boxes.bound("intervals")
    boxes.bound("forward")
    free = 1 if library() is not None and _is_piecewise_linear(graph) else FREE
    count, fewest, idle = boxes.free.sum(axis=1), len(boxes.lo) + 1, 0
    most = float(WIDER) ** np.where(count <= free, count, 0)
    while len(boxes.lo) and not late():
        some = boxes.halvable(free)
        idle = 0 if len(boxes.lo) < fewest else idle + 1
        fewest = min(fewest, len(boxes.lo))
        patient = idle <= PATIENCE * boxes.free[some].sum(axis=1).max(initial=0)
        if not some.any() or not patient or len(boxes.lo) + some.sum() > most.sum():
            break
        middle = roots.snap(0.5 * boxes.lo + 0.5 * boxes.hi)[some]
        if met(middle, graph.run(middle)):
            break
        boxes.halve(some)
    return roots.with_ends(boxes.lo, boxes.hi), boxes.apart


def _is_piecewise_linear(graph: Graph) -> bool:
    """Return whether a graph has no products, no steps, and only piecewise-linear curves."""
    return not any(
        isinstance(node.op, Product | Step)
        or (isinstance(node.op, Curve) and not node.op.is_piecewise_linear)
        for node in graph.nodes
    )
