"""How much a network's output can respond to a value inside it: a bound on a Jacobian."""

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
    """A bound on the derivatives of any output by what some layers return, added up.

    That is `|change of an output| / |largest change of an entry of the layers' outputs|` for small
    changes. Every op is replaced by the largest factor by which it can pass on a change: `|A|` for
    an affine one, the largest slope over the range of its input for a curve. The changes are
    followed in the graph as written: everything that depends on the layers reads them there.

    Sound: over the box of the data, with the stored weights, and what the backend rounds counted
    into the range of each input. Complete: no; signs do not cancel.
    Cost: one forward pass.

    Args:
        case: What is diagnosed.
        layers: Calls of layers, all of whose outputs change at once.

    Returns:
        The bound; None if some op on the way is of a kind without such a factor, if nothing is
        known of some tensor (it may depend on the layers), or if no value shows what they return.
    """
    part = case.program.whole
    tensors = [t for layer in layers for t in (layer.after, *layer.others)]
    if part is None or part.unknown or any(t in part.constants for t in tensors):
        return None
    # What no output needs was never lowered, and is in neither table.
    needed = [t for t in tensors if t in part.places]
    graph, places, ranges = part.written, part.places, case.roundings.ranges
    starts = {places[t] for t in needed}
    if not starts or ranges is None:
        return None
    changes: dict[int, np.ndarray] = {}
    for value in sorted(v for v in graph.ancestors(graph.output) if v >= min(starts)):
        found = _arriving(graph, value, changes, ranges.ends)
        if found is None:
            return None
        if value in starts:
            found = found + 1.0
        if found.any():
            changes[value] = found
    # Every start is needed, so what does not change the output here does not in the model.
    return float(changes[graph.output].max()) if graph.output in changes else 0.0


def _arriving(
    graph: Graph, value: int, changes: Mapping[int, np.ndarray], ends: Sequence[Bounds]
) -> np.ndarray | None:
    """How much a value changes at most as its inputs change; None if that is not known."""
    zero = np.zeros(graph.value_size(value))
    if value == 0 or not any(j in changes for j in graph.nodes[value - 1].inputs):
        return zero
    node = graph.nodes[value - 1]
    before = tuple(changes.get(j, np.zeros(graph.value_size(j)))[None] for j in node.inputs)
    passed = _passed(node.op, before, [ends[j] for j in node.inputs])
    return None if passed is None else passed[0]


def _passed(op: Op, changes: tuple[np.ndarray, ...], ends: Sequence[Bounds]) -> np.ndarray | None:
    """What an op makes of changes of its inputs, at most; None if that is not known."""
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
