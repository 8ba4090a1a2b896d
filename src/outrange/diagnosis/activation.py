"""The behavior of a layer's activation over given ranges, from the facts of its curves."""

from dataclasses import dataclass

import numpy as np

from ..ops import Curve
from ..program import Layer
from ..questions.summary import behaviour, curves_between, linear_behind
from .context import DiagnosisContext


@dataclass(frozen=True, eq=False)
class Behaviour:
    """The behavior of an activation, as masks in the shape of the given ranges."""

    dead: np.ndarray
    always_on: np.ndarray
    saturated: np.ndarray


def curves_of(case: DiagnosisContext, layer: Layer) -> list[Curve]:
    """Return the curves of a layer's activation.

    The list is empty if part of the layer's output does not pass through curves.
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
    """Return where a layer's activation is flat, linear or saturated; None if it has no curve.

    Sound: for the values that the backend computes, including its roundings. If no unit is dead at
    all rows and few pairs are saturated, the masks hold for real arithmetic only.

    Args:
        lo: Lower bounds of the activation's input: `(rows, units)` at the bounded rows, `(units,)`
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
    """Return whether a unit is dead or linear throughout, or most unit-row pairs are saturated."""
    dead = masks.dead.all(axis=0) if at_rows else masks.dead | masks.always_on
    return bool(dead.any()) or float(masks.saturated.mean()) > 0.5


def _linear_behind(case: DiagnosisContext, layer: Layer) -> bool:
    """Return whether a layer is linear after the first curves of its activation."""
    part = case.program.whole
    before = None if part is None or layer.before is None else part.places.get(layer.before)
    if part is None or before is None or layer.after not in part.places:
        return False
    return linear_behind(part.written, before, part.places[layer.after])


CLOSE = 2.0**-16
"""Distance, relative to the size of a unit's inputs, within which an input counts as at a kink."""


def _with_edges(
    curve: Curve, lo: np.ndarray, hi: np.ndarray, off: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Return ranges that enclose the backend's values and extend beyond kinks near their ends.

    A relu's range that ends exactly at 0 is not extended if nothing is rounded.

    In float32 an input near the kink may be at the kink or beyond it. There the value is flat, and
    the backend chooses the slope: 0 for a relu on all backends; for a clip, 1 on TensorFlow and
    one half on JAX.
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
    """Return whether batch statistics or dropout may change an activation's input in training."""
    del case
    return layer.behind or layer.noisy
