"""Ranges of outputs that hold for all weights, even if the model computes in 16 bits."""

import numpy as np

from ...core import Bounds
from ...program import Program, RecordedStep
from ..context import DiagnosisContext


SHORT = ("float16", "bfloat16")

NATURAL = {
    "Sigmoid": (0.0, 1.0), "Softmax": (0.0, 1.0), "Tanh": (-1.0, 1.0), "Softsign": (-1.0, 1.0),
    "Relu": (0.0, np.inf), "Relu6": (0.0, 6.0), "HardSigmoid": (0.0, 1.0),
}  # fmt: skip
"""Ranges of activations that hold in every number format.

Every format represents the bounds exactly, and rounding is monotone.
"""

SAME = ("Reshape", "Squeeze", "ExpandDims", "Ravel", "Copy")
"""Operations that return their input's numbers unchanged."""


def computed_ends(case: DiagnosisContext, tensor: int) -> Bounds | None:
    """Return bounds of a tensor that hold for all trainable weights and in the model's precision.

    The bounds of `case.free_ends` hold for a copy that computes in 32 bits. If an operation after
    the last trainable weights computes in 16 bits, its rounded result may lie outside these bounds.
    In that case, only the natural range of a final activation is known.

    Returns:
        Lower and upper bounds, `(units,)` each; None if no bounds are known.
    """
    ends = case.free_ends(tensor)
    if ends is None or not in_16_bits(case.program, tensor):
        return ends
    makers = _makers(case.program)
    step = makers.get(tensor)
    while step is not None and step.kind in SAME:
        step = makers.get(step.reads[0]) if step.reads else None
    if step is None or step.kind not in NATURAL:
        return None
    lo, hi = NATURAL[step.kind]
    return np.full_like(ends[0], lo), np.full_like(ends[1], hi)


def in_16_bits(program: Program, tensor: int) -> bool:
    """Return whether an operation after the last trainable weights may compute in 16 bits.

    Args:
        tensor: The tensor whose computation is checked.
    """
    formats = {layer.path: layer.dtype for layer in program.layers}
    if not any(dtype in SHORT for dtype in formats.values()):
        return False
    makers = _makers(program)
    todo, seen = [tensor], {tensor}
    while todo:
        step = makers.get(todo.pop())
        if step is None or any(program.weights[i].trainable for i in step.weights):
            continue
        # An operation outside of layers computes in the format of its inputs.
        if formats.get(step.layer, SHORT[0]) in SHORT:
            return True
        todo += [t for t in (*step.reads, *step.blocked) if t not in seen]
        seen.update(todo)
    return False


def _makers(program: Program) -> dict[int, RecordedStep]:
    return {t: step for step in program.steps for t in step.gives}
