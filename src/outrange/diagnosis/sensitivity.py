"""A bound on the Jacobian of a network's output with respect to inner values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..core import Bounds, gamma
from ..graph import Graph
from ..graph.graph import Op
from ..ops import Affine, Curve, Largest, Rearrange
from ..program import Layer
from .bounds import steepest


if TYPE_CHECKING:
    from .context import DiagnosisContext


def sensitivity(case: DiagnosisContext, layers: Sequence[Layer]) -> float | None:
    """Bound the summed absolute derivatives of any output with respect to some layers' outputs.

    For small changes this sum is at least
    `|change of an output| / |largest change of an entry of the layers' outputs|`. Every op is
    replaced by the largest factor by which it can amplify a change: `|A|` for an affine op, the
    largest slope over the range of its input for a curve. Changes are propagated in the unfused
    graph: there, all values that depend on the layers are computed from their outputs.

    Sound: over the box of the data, with the stored weights; the range of each input includes the
    backend's rounding. Complete: no; cancellation between signs is ignored.
    Cost: one forward pass.

    Args:
        layers: Layer calls, all of whose outputs change simultaneously.

    Returns:
        The bound, which is the maximum over the outputs. None if the model has no graph or its
        values have no ranges. Also None if no such factor is known for an op between the layers and
        an output, if some tensor is unknown (it may depend on the layers), or if the layers'
        outputs are not values of the graph.
    """
    part = case.program.whole
    tensors = [t for layer in layers for t in (layer.after, *layer.others)]
    if part is None or part.unknown or any(t in part.constants for t in tensors):
        return None
    # Tensors that no output needs are not in the graph, and thus in neither table.
    needed = [t for t in tensors if t in part.places]
    graph, places, ranges = part.written, part.places, case.roundings.ranges
    starts = {places[t] for t in needed}
    if not starts or ranges is None:
        return None
    changes: dict[int, np.ndarray] = {}
    for value in sorted(v for v in graph.ancestors(graph.output) if v >= min(starts)):
        change = _incoming_change(graph, value, changes, ranges.ends)
        if change is None:
            return None
        if value in starts:
            change = change + 1.0
        if change.any():
            changes[value] = change
    # Every start affects the output, so a zero here is a zero in the model.
    return float(changes[graph.output].max()) if graph.output in changes else 0.0


def _incoming_change(
    graph: Graph, value: int, changes: Mapping[int, np.ndarray], ends: Sequence[Bounds]
) -> np.ndarray | None:
    """Bound the change of a value, given the changes of its inputs.

    Returns None if no factor is known by which its op can amplify a change.

    Args:
        changes: Map from the index of a value to the bound on its change; values that do not change
            are absent.
        ends: Ranges of all values.
    """
    zero = np.zeros(graph.value_size(value))
    if value == 0 or not any(j in changes for j in graph.nodes[value - 1].inputs):
        return zero
    node = graph.nodes[value - 1]
    before = tuple(changes.get(j, np.zeros(graph.value_size(j)))[None] for j in node.inputs)
    change = _propagate_change(node.op, before, [ends[j] for j in node.inputs])
    return None if change is None else change[0]


def _propagate_change(
    op: Op, changes: tuple[np.ndarray, ...], ends: Sequence[Bounds]
) -> np.ndarray | None:
    """Bound the change of an op's result, given the changes of its inputs.

    Returns None if no factor is known by which the op can amplify a change.
    """
    if isinstance(op, Affine):
        return op.apply(changes, True) * (1.0 + 2.0 * gamma(2 * op.terms + 8))
    if isinstance(op, Rearrange):
        return op.run(changes, fill=False)
    if isinstance(op, Largest):
        return op.run(changes)
    if isinstance(op, Curve):
        slope = np.where(changes[0] == 0.0, 0.0, steepest(op, *ends[0]))
        return changes[0] * slope * (1.0 + 1e-12)
    return None
