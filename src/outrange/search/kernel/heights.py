"""Bounds on the magnitudes of layer values over a box, and on the rounding errors of layers."""

from __future__ import annotations

import numpy as np

from ...core import gamma
from .layer_program import LayerProgram


def heights_of(program: LayerProgram, lo_z: np.ndarray, hi_z: np.ndarray) -> list[np.ndarray]:
    """Return bounds `(n,)` on `|h|` for the units of each layer, from bounds on their sums.

    The bounds are infinite for a linear layer, and for a sum whose bound is NaN.
    """
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


def sizes_of(
    program: LayerProgram, reach: np.ndarray, values: list[np.ndarray] | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return `(Z, rho)` per layer, both of shape `(n,)`.

    `Z` bounds the sums of the absolute values of the terms of each unit, and `rho` contains the
    rounding radii.

    Args:
        reach: `(inputs,)` bounds on the absolute values of the inputs.
        values: Per layer, `(n,)` bounds on the absolute values `|h|` of its units; None if unknown.
    """
    heights = [reach]
    feeding = [0] * (len(program.layers) + 1)
    for layer in program.layers:
        for source in layer.sources:
            feeding[source] += layer.size
    out = []
    for k, layer in enumerate(program.layers):
        z = np.abs(layer.bias) + layer.error
        for source, matrix in layer.sizes.items():
            z = z + matrix @ heights[source]
        # Zero times infinity is NaN: a size that has overflowed stays infinite.
        z = np.where(np.isnan(z), np.inf, z) * (1.0 + 1e-9)
        # A coefficient of a source's unit is a sum over every unit of every layer that reads it.
        terms = max((feeding[s] for s in layer.sources), default=0) + layer.merged
        slope = 1.0 if layer.linear else max(abs(layer.below), abs(layer.above))
        # A row that starts at a unit has coefficient 1 there, whatever the slopes.
        rho = max(1.0, slope) * (gamma(terms + 8) * z + layer.error) * (1.0 + 1e-9)
        out.append((z, rho))
        height = slope * z
        heights.append(height if values is None else np.minimum(height, values[k]))
    return out
