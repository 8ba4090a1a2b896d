"""Detects units whose activation is dead, linear or saturated over given input ranges."""

from dataclasses import dataclass

import numpy as np

from ..ops import Curve
from ..program import Layer
from ..questions.summary import behaviour, curves_between, linear_behind
from .context import DiagnosisContext


@dataclass(frozen=True, eq=False)
class Behaviour:
    """Masks of the units at which an activation is dead, linear (always on) or saturated.

    Each mask has the shape of the input ranges it was computed from.
    """

    dead: np.ndarray
    always_on: np.ndarray
    saturated: np.ndarray


def curves_of(case: DiagnosisContext, layer: Layer) -> list[Curve]:
    """Return the scalar functions that a layer's activation applies to its input.

    The list is empty if the layer has no activation that the graph represents. It is also empty if
    the layer's output depends on its input other than through these functions.
    """
    part, ends = case.program.whole, [t for t in (layer.before, layer.after) if t is not None]
    if part is None or len(ends) < 2 or not all(t in part.places for t in ends):
        return []
    fused = all(t in part.values for t in ends) and part.values[ends[0]] not in part.bypassed
    graph, table = (part.graph, part.values) if fused else (part.written, part.places)
    return curves_between(graph, table[ends[0]], table[ends[1]])


def behaviour_at(
    case: DiagnosisContext, layer: Layer, lo: np.ndarray, hi: np.ndarray
) -> Behaviour | None:
    """Return masks of the dead, linear and saturated units over input ranges.

    Returns None if `curves_of` finds no activation.

    Sound: for the values that the backend computes, including its roundings, if the masks are worth
    confirming (see `_matters`). All other masks hold for real arithmetic only.

    Args:
        lo: Lower bounds of the activation's input: `(rows, units)` for the bounded rows, `(units,)`
            over the box of the data.
        hi: Upper bounds, in the shape of `lo`.
    """
    curves = curves_of(case, layer)
    if not curves:
        return None
    linear = _linear_behind(case, layer)

    def compute_masks(off: np.ndarray | float) -> Behaviour:
        facts = [behaviour(curve, *_with_edges(curve, lo, hi, off)) for curve in curves]
        dead, on, saturated = (np.logical_and.reduce([f[i] for f in facts]) for i in range(3))
        return Behaviour(dead, on & linear, saturated)

    masks, at_rows = compute_masks(0.0), lo.ndim > 1
    # Roundings can only clear entries of the masks, and bounding them costs as much as the ranges.
    if not _matters(masks, at_rows):
        return masks
    roundings = case.roundings
    return compute_masks((roundings.at_rows if at_rows else roundings.over_box)(layer.before))


def _matters(masks: Behaviour, at_rows: bool) -> bool:
    """Return whether the masks are worth confirming with rounding errors taken into account.

    They are worth confirming if more than half of the entries are saturated or if a unit is dead
    for every row. For ranges over a box, one unit that is dead or linear is enough.
    """
    dead = masks.dead.all(axis=0) if at_rows else masks.dead | masks.always_on
    return bool(dead.any()) or float(masks.saturated.mean()) > 0.5


def _linear_behind(case: DiagnosisContext, layer: Layer) -> bool:
    """Return whether a layer's output is an affine function of two kinds of values.

    They are the activation's input, and the results of the scalar functions that the activation
    applies to this input.
    """
    part = case.program.whole
    before = None if part is None or layer.before is None else part.places.get(layer.before)
    if part is None or before is None or layer.after not in part.places:
        return False
    return linear_behind(part.written, before, part.places[layer.after])


CLOSE = 2.0**-16
"""Distance from a kink within which an input is treated as lying at the kink.

The distance is relative to the unit's largest absolute input.
"""


def _with_edges(
    curve: Curve, lo: np.ndarray, hi: np.ndarray, off: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Widen ranges by rounding errors, and by enough to enclose any kink close to a bound.

    A bound of exactly 0 on a relu's input is not moved if nothing is rounded.

    In float32 an input near a kink may lie at the kink or beyond it, where the curve may be flat.
    At its kink, a relu has the derivative 0 on all backends. The derivative of a clip at its kink
    depends on the backend: it is 1 on TensorFlow and 0.5 on JAX.

    Args:
        off: Bound on the rounding errors of the inputs, in the shape of `lo`, or 0.
    """
    ends = np.maximum(np.abs(lo), np.abs(hi))
    size = ends.max(axis=0, keepdims=True) if ends.ndim > 1 else ends
    wide = np.maximum(CLOSE * np.where(np.isfinite(size), size, 0.0), np.finfo(float).tiny)
    wide = np.maximum(wide, off)
    wider = np.nextafter(lo - wide, -np.inf), np.nextafter(hi + wide, np.inf)
    if curve.name == "relu":
        exact = off == 0.0
        return np.where(exact & (lo == 0), lo, wider[0]), np.where(exact & (hi == 0), hi, wider[1])
    return wider


def behind_noise(case: DiagnosisContext, layer: Layer) -> bool:
    """Return whether a layer's output may differ between training and inference.

    The reason is noise, such as dropout, in the layer itself or in a layer before it.
    """
    del case
    return layer.behind or layer.noisy
