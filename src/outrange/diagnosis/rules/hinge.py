"""A lower bound on a hinge loss of an output that is confined to a range; part of rule OR006."""

import numpy as np

from ...answers.diagnosis import Level
from ...core import down
from ...program import Head, Loss
from ..context import DiagnosisContext
from ..wording import at_least
from .fitting_losses import fitting_crossentropy
from .low_ends import computed_ends
from .shapes import squeeze_shapes
from .targets import as_shown, weight_shown


HINGES = ("hinge", "squared_hinge")


def hinge_floor(case: DiagnosisContext, loss: Loss, head: Head) -> tuple[Level, str, str] | None:
    """Bound a hinge loss from below, using bounds of the output that hold for all weights.

    Returns:
        The level, the message and the fix of a finding. None if the bound is unknown or too small,
        or if the last activation is not a softmax, a sigmoid or a relu.
    """
    y = case.targets(loss)
    ends = computed_ends(case, case.program.output_tensors[loss.output])
    if y is None or ends is None or not np.isin(y, (-1.0, 0.0, 1.0)).all():
        return None
    seen = squeeze_shapes(y.shape, (len(y), *case.program.outputs[loss.output][1]))
    weight = weight_shown(case, loss)
    if seen[0] != seen[1] or weight <= 0:
        return None
    if np.isin(y, (0.0, 1.0)).all():
        y = 2 * y - 1  # as in Keras
    lo, hi = float(ends[0].min()), float(ends[1].max())
    left = np.where(y > 0, max(0.0, 1.0 - hi), np.where(y < 0, max(0.0, 1.0 + lo), 1.0))
    floor = float(np.mean(left ** (2 if loss.name == "squared_hinge" else 1)))
    if floor <= 0.05 or head.activation not in ("softmax", "sigmoid", "relu"):
        return None
    shown = as_shown(case, float(down(floor * (1 - 1e-12) * weight)))
    short = loss.name.replace("_", " ")
    return Level.PROVED, (
        f"the {short} loss expects outputs of 1 and -1, but the {head.activation} returns no "
        f"output below {lo:g}, so the loss cannot go below {at_least(shown)}, whatever the weights."
    ), _fix(case, loss, head)  # fmt: skip


def _fix(case: DiagnosisContext, loss: Loss, head: Head) -> str:
    """Propose a tanh, or a cross-entropy that fits the last activation and labels of 0 and 1."""
    fix = 'activation="tanh"'
    if head.activation == "relu":
        return fix
    name = (
        "binary_crossentropy" if head.activation == "sigmoid" else fitting_crossentropy(case, loss)
    )
    y = case.targets(loss)
    signs = y is not None and bool((y < 0).any())
    return f'{fix}   or   {"y = (y + 1) / 2 with " * signs}loss="{name}"' if name else fix
