"""What a program may be off by at a point, to first order: an estimate, which proves nothing."""

from __future__ import annotations

import numpy as np

from ..kernel.layer_program import LayerProgram


SAMPLES = 8
"""Points of a part at which it is asked whether the goal can be reached there."""


def strays_at(
    program: LayerProgram, x: np.ndarray, k: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Values of objectives, and what the errors of all layers are worth in them.

    The first is exact to float64; the second is each layer's error times the size of the
    objective's slope there. Cost: one pass down and up.

    Args:
        program: Of which each layer says how far it may be off its definition.
        x: `(b, d)`.
        k: `(b,)` the objective asked about at each point.
    """
    sums = program.forward(x)
    seed = np.zeros_like(sums[-1])
    seed[np.arange(len(x)), k] = 1.0
    pending: dict[int, np.ndarray] = {len(program.layers): seed}
    off = np.zeros(len(x))
    for number in range(len(program.layers), 0, -1):
        layer, a = program.layers[number - 1], pending.pop(number, None)
        if a is None:
            continue
        if not layer.linear:
            a = a * np.where(sums[number - 1] < 0, layer.below, layer.above)
        off += np.abs(a) @ np.broadcast_to(layer.error, (layer.size,))
        for source, matrix in layer.sources.items():
            part = a @ matrix
            pending[source] = pending[source] + part if source in pending else part
    return sums[-1][np.arange(len(x)), k], off
