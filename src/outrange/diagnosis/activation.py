"""What the activation of a layer does over given ranges, from the facts of its curves."""

from dataclasses import dataclass

import numpy as np

from ..ops import Curve
from ..program import Layer
from ..questions.summary import behaviour
from .context import DiagnosisContext


@dataclass(frozen=True, eq=False)
class Behaviour:
    """Masks in the shape of the ranges asked about."""

    dead: np.ndarray
    always_on: np.ndarray
    saturated: np.ndarray


def curves_of(case: DiagnosisContext, layer: Layer) -> list[Curve]:
    """The curves that are applied to what enters a layer's activation."""
    part = case.program.whole
    if part is None or layer.before is None or layer.before not in part.values:
        return []
    value = part.values[layer.before]
    last = part.values.get(layer.after, len(part.graph.nodes))
    readers = [node for node in part.graph.nodes[:last] if value in node.inputs]
    if not all(isinstance(node.op, Curve) for node in readers):
        return []
    return [node.op for node in readers if isinstance(node.op, Curve)]


def behaviour_at(
    case: DiagnosisContext, layer: Layer, lo: np.ndarray, hi: np.ndarray
) -> Behaviour | None:
    """Where the activation is flat, linear or saturated on `[lo, hi]`; None if it has no curve."""
    curves = curves_of(case, layer)
    if not curves:
        return None
    facts = [behaviour(curve, lo, hi) for curve in curves]
    return Behaviour(*(np.logical_and.reduce([f[i] for f in facts]) for i in range(3)))


def behind_noise(case: DiagnosisContext, layer: Layer) -> bool:
    """Whether training gives a layer other inputs than inference: batch statistics, dropout."""
    for other in case.program.layers:
        if other is layer:
            return False
        if other.noisy:
            return True
    return False
