"""Rates at which training diverges: proved of linear models, seen in trainings of others."""

import numpy as np

from ..program import Optimizer, Rehearsal
from .context import DiagnosisContext


GROWTH = 1e3
"""Factor by which the loss must have grown to count as diverging."""

WILD = 10.0
"""The same for all of the later half of a training, over the loss of the best constant too."""


def diverges(one: Rehearsal | None) -> bool:
    """Whether the loss became infinite, or grew a thousandfold and is still far above its start."""
    if one is None or not one.looks or not np.isfinite(one.losses[0]):
        return False
    losses = np.array([loss for _, loss in one.looks])
    first = abs(losses[0])
    return not (np.isfinite(losses).all() and np.isfinite(one.losses).all()) or bool(
        losses.max() > GROWTH * first and losses[-1] > WILD * first
    )


def late(one: Rehearsal) -> float:
    """The mean loss of the first rows over the later half of a training; infinite if it fails."""
    steps = len(one.losses)
    looks = [loss for i, loss in one.looks if i >= steps / 2]
    fine = np.isfinite(one.losses).all() and np.isfinite(looks).all()
    return float(np.mean(looks)) if fine else np.inf


def curvature(case: DiagnosisContext, optimizer: Optimizer) -> tuple[str, float, float] | None:
    """Layer, a lower bound of the curvature, and the largest stable rate, if it is exceeded."""
    program = case.program
    kernels = [w for w in program.weights if w.trainable]
    if optimizer.kind != "SGD" or optimizer.scheduled or len(program.losses) != 1:
        return None
    other = ("clipnorm", "clipvalue", "global_clipnorm", "nesterov")
    if any(optimizer.options.get(n) for n in other) or any(w.constrained for w in kernels):
        return None
    loss, head = program.losses[0], case.head(program.losses[0])
    if loss.name != "mean_squared_error" or not loss.known or loss.options.get("weight", 1) != 1:
        return None
    if head is None or head.activation != "linear" or len(program.steps) == 0:
        return None
    if program.changed_in_training:
        return None
    inside = [s.kind for s in program.steps if s.inside and s.kind != "ConvertToTensor"]
    if inside not in (["Matmul"], ["Matmul", "Add"]) or len(kernels) != len(inside):
        return None
    if case.rows > 32 and not diverges(case.trials.run()):
        return None
    x = case.flat[case.sound_rows]
    if not len(x) or len(x) != case.rows:
        return None
    columns = np.concatenate([x, np.ones((len(x), len(inside) - 1))], axis=1)
    direction = np.linalg.svd(columns, full_matrices=False)[2][0]
    grown = columns @ direction
    # 2 / (n k) |X v|^2 / |v|^2 bounds the largest eigenvalue from below for any v.
    curvature = 2.0 / (len(x) * head.width) * float(grown @ grown / (direction @ direction))
    curvature *= 1.0 - 1e-9
    limit = 2.0 * (1.0 + optimizer.momentum) / curvature if curvature > 0 else np.inf
    return (head.layer, curvature, limit) if optimizer.rate > limit * (1 + 1e-6) else None
