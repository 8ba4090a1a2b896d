"""What the activation of a layer does over given ranges, from the facts of its curves."""

from dataclasses import dataclass

import numpy as np

from ..ops import Curve
from ..program import Layer
from ..questions.summary import behaviour, curves_between, linear_behind
from .context import DiagnosisContext


@dataclass(frozen=True, eq=False)
class Behaviour:
    """Masks in the shape of the ranges asked about."""

    dead: np.ndarray
    always_on: np.ndarray
    saturated: np.ndarray


def curves_of(case: DiagnosisContext, layer: Layer) -> list[Curve]:
    """The curves of a layer's activation, if all that it returns comes through them; else none."""
    part, ends = case.program.whole, [t for t in (layer.before, layer.after) if t is not None]
    if part is None or len(ends) < 2 or not all(t in part.places for t in ends):
        return []
    fused = all(t in part.values for t in ends) and part.values[ends[0]] not in part.bypassed
    graph, table = (part.graph, part.values) if fused else (part.written, part.places)
    return curves_between(graph, table[ends[0]], table[ends[1]])


def behaviour_at(
    case: DiagnosisContext, layer: Layer, lo: np.ndarray, hi: np.ndarray
) -> Behaviour | None:
    """Where the activation is flat, linear or saturated; None if it has no curve.

    Sound: of what the backend computes, its roundings included; at rows where no unit is dead at
    all of them and few are saturated, of real arithmetic.

    Args:
        case: What is diagnosed.
        layer: Whose activation it is.
        lo: Lower ends of what enters it: `(rows, units)` at the rows that are bounded, `(units,)`
            over the box of the data.
        hi: Its upper ends.
    """
    curves = curves_of(case, layer)
    if not curves:
        return None
    linear = _linear_behind(case, layer)

    def told(off: np.ndarray | float) -> Behaviour:
        facts = [behaviour(curve, *_with_edges(curve, lo, hi, off)) for curve in curves]
        dead, on, saturated = (np.logical_and.reduce([f[i] for f in facts]) for i in range(3))
        return Behaviour(dead, on & linear, saturated)

    found, at_rows = told(0.0), lo.ndim > 1
    # Roundings only take away from this, and to follow them costs as much as the ranges did.
    if not _matters(found, at_rows):
        return found
    roundings = case.roundings
    return told((roundings.at_rows if at_rows else roundings.over_box)(layer.before))


def _matters(found: Behaviour, at_rows: bool) -> bool:
    """Whether something is there to tell: of units at all rows, or of most pairs of the two."""
    dead = found.dead.all(axis=0) if at_rows else found.dead | found.always_on
    return bool(dead.any()) or float(found.saturated.mean()) > 0.5


def _linear_behind(case: DiagnosisContext, layer: Layer) -> bool:
    """Whether what a layer does after the first curves of its activation is linear."""
    part = case.program.whole
    before = None if part is None or layer.before is None else part.places.get(layer.before)
    if part is None or before is None or layer.after not in part.places:
        return False
    return linear_behind(part.written, before, part.places[layer.after])


CLOSE = 2.0**-16
"""Of the size of a unit's inputs: how near a kink counts as at it, whatever roundings say."""


def _with_edges(
    curve: Curve, lo: np.ndarray, hi: np.ndarray, off: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Ranges of what the backend computes, that reach beyond a kink near which they end.

    But for a relu's at 0 itself, where nothing is rounded.

    In float32 such an input may be the kink, or beyond it. There the value is flat and the slope
    is the backend's choice: 0 of a relu everywhere; of a clip, 1 on TensorFlow and one half on JAX.
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
    """Whether training may bring other numbers to a layer's activation: statistics, dropout."""
    del case
    return layer.behind or layer.noisy
