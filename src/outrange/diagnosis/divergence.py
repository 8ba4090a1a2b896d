"""Detects diverging training: by proof for linear models, by short training runs for others."""

import numpy as np

from ..program import Optimizer, Program, Rehearsal
from .context import DiagnosisContext


GROWTH = 1e3
"""Factor by which the loss must have grown at some step of a diverging training run."""

WILD = 10.0
"""Factor by which the final loss of a diverging training run must still exceed the initial loss."""


def diverges(training: Rehearsal | None) -> bool:
    """Return whether a training run diverged.

    It diverged if its loss was finite at first and became NaN or infinite later. It also diverged
    if the loss exceeded `GROWTH` times the initial loss and, at the end, still exceeds `WILD` times
    it. The result is False if there is no training run.
    """
    if training is None or not training.looks or not np.isfinite(training.losses[0]):
        return False
    losses = np.array([loss for _, loss in training.looks])
    first = abs(losses[0])
    return not (np.isfinite(losses).all() and np.isfinite(training.losses).all()) or bool(
        losses.max() > GROWTH * first and losses[-1] > WILD * first
    )


def late_loss(training: Rehearsal) -> float:
    """Return the mean loss over the second half of a run; infinity if any loss is not finite."""
    steps = len(training.losses)
    looks = [loss for i, loss in training.looks if i >= steps / 2]
    fine = np.isfinite(training.losses).all() and np.isfinite(looks).all()
    return float(np.mean(looks)) if fine else np.inf


def curvature(case: DiagnosisContext, optimizer: Optimizer) -> tuple[str, float, float] | None:
    """Bound the curvature of a linear model's loss if its learning rate is provably too large.

    Returns:
        The path of the model's layer, a lower bound on the largest curvature of the loss, and an
        upper bound on the learning rates at which gradient descent is stable. None unless plain
        SGD trains a linear model with a mean squared error at a rate above that upper bound. If a
        batch does not contain all rows, a short training run must diverge as well.
    """
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
    projected = columns @ direction
    # 2 / (n k) |X v|^2 / |v|^2 bounds the largest eigenvalue from below for any v.
    curvature = 2.0 / (len(x) * head.width) * float(projected @ projected / (direction @ direction))
    curvature *= 1.0 - 1e-9
    limit = 2.0 * (1.0 + optimizer.momentum) / curvature if curvature > 0 else np.inf
    return (head.layer, curvature, limit) if optimizer.rate > limit * (1 + 1e-6) else None


def _plain_descent(program: Program, optimizer: Optimizer) -> bool:
    """Return whether a step is `v = momentum v - rate gradient; w += v` for the compiled loss."""
    steps = program.stepping
    if steps is None or steps.refusal or steps.kind != "SGD" or optimizer.scheduled:
        return False
    # `ema_momentum` is set even if no moving average overwrites the weights.
    if any(value for name, value in steps.options.items() if name not in MOMENTA):
        return False
    noisy = program.changed_in_training or program.chance_in_training
    return not noisy and not program.more_than_losses


MOMENTA = ("momentum", "ema_momentum")
"""Names of SGD settings that leave the steps unchanged or that `curvature` takes into account."""


def _biases(program: Program) -> int | None:
    """Return the number of biases, 0 or 1, of a model `x W + b` with a single vector input.

    Returns None for any other model. The model must have no weights besides `W` and `b`, must read
    them nowhere else, and must have no other output.
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
