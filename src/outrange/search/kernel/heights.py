"""How large values can be on a box, by the bounds of the sums they are functions of."""

from __future__ import annotations

import numpy as np

from .layer_program import LayerProgram


def heights_of(program: LayerProgram, lo_z: np.ndarray, hi_z: np.ndarray) -> list[np.ndarray]:
    """Per layer `(n,)` bounds on `|h|`, infinite where it is linear, by those of all sums."""
    values, at = [], 0
    for layer in program.layers:
        if layer.linear:
            values.append(np.full(layer.size, np.inf))
            continue
        lo, hi = lo_z[at : at + layer.size], hi_z[at : at + layer.size]
        top = np.maximum(np.abs(lo), np.abs(hi)) * max(abs(layer.below), abs(layer.above))
        values.append(np.where(np.isnan(top), np.inf, top))
        at += layer.size
    return values
