"""How much a network's output can respond to a value inside it: a bound on a Jacobian."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ..core import Bounds, gamma
from ..graph.graph import Op
from ..ops import Affine, Curve, Largest, Rearrange
from ..program import Layer
from .context import DiagnosisContext


def sensitivity(case: DiagnosisContext, layer: Layer) -> float | None:
    """A bound on `|change of any output| / |largest change of an entry of layer's output|`.

    Every op is replaced by the largest factor by which it can pass on a change: `|A|` for an affine
    one, the largest slope over the range of its input for a curve.

    Sound: over the box of the data, with the stored weights. Complete: no; signs do not cancel.
    Cost: one forward pass.

    Args:
        case: What is diagnosed.
        layer: Whose output changes.

    Returns:
        The bound; None if some op on the way is of a kind without such a factor.
    """
    part, ranges = case.program.whole, case.over_box
    if part is None or ranges is None or layer.after not in part.values:
        return None
    start = part.values[layer.after]
    changes: dict[int, np.ndarray] = {start: np.ones(part.graph.value_size(start))}
    for value, node in enumerate(part.graph.nodes, 1):
        if value <= start or not any(j in changes for j in node.inputs):
            continue
        before = tuple(
            changes.get(j, np.zeros(part.graph.value_size(j)))[None] for j in node.inputs
        )
        passed = _passed(node.op, before, [ranges.ends[j] for j in node.inputs])
        if passed is None:
            return None
        changes[value] = passed[0]
    output = part.graph.output
    return float(changes[output].max()) if output in changes else 0.0


def _passed(op: Op, changes: tuple[np.ndarray, ...], ends: Sequence[Bounds]) -> np.ndarray | None:
    """What an op makes of changes of its inputs, at most; None if that is not known."""
    if isinstance(op, Affine):
        return op.apply(changes, True) * (1.0 + 2.0 * gamma(2 * op.terms + 8))
    if isinstance(op, Rearrange):
        return op.run(changes, fill=False)
    if isinstance(op, Largest):
        return op.run(changes)
    if isinstance(op, Curve):
        return changes[0] * steepest(op, *ends[0]) * (1.0 + 1e-12)
    return None


def steepest(curve: Curve, lo: np.ndarray, hi: np.ndarray) -> np.ndarray:
    """A bound on `|f'|` over each `[lo, hi]`; infinite where there is a jump or no bound.

    Between neighboring knots the slope is monotone, so it is largest at an end of the piece.
    """
    most = np.zeros(lo.shape)
    with np.errstate(all="ignore"):
        edges = (-np.inf, *curve.knots, np.inf)
        for left, right in pairwise(edges):
            a = np.clip(lo, np.nextafter(left, np.inf), np.nextafter(right, -np.inf))
            b = np.clip(hi, np.nextafter(left, np.inf), np.nextafter(right, -np.inf))
            touches = (lo <= right) & (hi >= left)
            slope = np.maximum(np.abs(curve.df(a)), np.abs(curve.df(b)))
            slope = slope + curve.slope_error * (1.0 + slope)
            most = np.where(touches, np.maximum(most, slope), most)
        for jump in curve.jumps:
            most = np.where((lo <= jump) & (hi >= jump), np.inf, most)
    return np.where(np.isnan(most), np.inf, most) * (1.0 + 1e-12)
