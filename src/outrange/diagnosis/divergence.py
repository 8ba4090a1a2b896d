"""Rates at which training diverges: proved of linear models, seen in trainings of others."""

import numpy as np

from ..program import Optimizer, Program, Rehearsal
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
    if not _plain_descent(program, optimizer) or len(program.losses) != 1:
        return None
    loss, head, y = program.losses[0], case.head(program.losses[0]), case.targets(program.losses[0])
    if loss.name != "mean_squared_error" or not loss.known or loss.options.get("weight", 1) != 1:
        return None
    biases = _biases(program)
    if head is None or biases is None or y is None or y.size != case.rows * head.width:
        return None
    if program.changed_in_training:
        return None
    if case.trials.batch < case.rows and not diverges(case.trials.run()):
        return None
    # The model computes with the data in float32.
    x = case.flat.astype(np.float32).astype(np.float64)
    if not len(x) or not np.isfinite(x).all():
        return None
    columns = np.concatenate([x, np.ones((len(x), biases))], axis=1)
    direction = np.linalg.svd(columns, full_matrices=False)[2][0]
    grown = columns @ direction
    # 2 / (n k) |X v|^2 / |v|^2 bounds the largest eigenvalue from below for any v.
    curvature = 2.0 / (len(x) * head.width) * float(grown @ grown / (direction @ direction))
    curvature *= 1.0 - 1e-9
    limit = 2.0 * (1.0 + optimizer.momentum) / curvature if curvature > 0 else np.inf
    return (head.layer, curvature, limit) if optimizer.rate > limit * (1 + 1e-6) else None


def _plain_descent(program: Program, optimizer: Optimizer) -> bool:
    """Whether steps are `v = momentum v - rate gradient; w += v`, of the compiled loss alone."""
    steps = program.stepping
    if steps is None or steps.refusal or steps.kind != "SGD" or optimizer.scheduled:
        return False
    # Averages that overwrite nothing have a momentum all the same.
    if any(value for name, value in steps.options.items() if name not in MOMENTA):
        return False
    noisy = program.changed_in_training or program.chance_in_training
    return not noisy and not program.more_than_losses


MOMENTA = ("momentum", "ema_momentum")
"""Numbers among the settings of SGD that change nothing, or what is reckoned with."""


def _biases(program: Program) -> int | None:
    """Whether a bias is added (1 or 0) by a model that is `x W + b` of one vector, else None.

    It has no other weights, reads these nowhere else, and returns nothing else.
    """
    if len(program.outputs) != 1 or program.input_dtypes != ("float32",) or program.escaped:
        return None
    at, products, width = 0, [], 0  # the input is the first tensor
    for step in program.steps:
        if not step.inside:
            continue
        if step.reads != (at,) or step.opaque or step.blocked or len(step.gives) != 1:
            return None
        at = step.gives[0]
        if step.kind == "ConvertToTensor":
            if step.options.get("dtype") not in (None, "float32"):
                return None
            continue
        if len(step.weights) != 1 or step.blocked_weights:
            return None
        weight = program.weights[step.weights[0]]
        width = width or weight.shape[-1]
        due = ("Matmul", (*program.inputs[0], width)) if not products else ("Add", (width,))
        if (step.kind, weight.shape) != due or not weight.trainable:
            return None
        products.append(step.weights[0])
    if sorted(products) != list(range(len(program.weights))) or len(program.inputs[0]) != 1:
        return None
    return len(products) - 1 if at == program.output_tensors[0] and products else None
