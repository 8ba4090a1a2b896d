"""Lower bounds on compiled losses, derived from certificates and dual points.

For any weights, each certificate contains a misclassified row. If the model has one output, two
rows of a certificate have different classes, and their outputs are equal or in the wrong order. The
sum of their squared errors is then at least half the squared distance of the targets, and the sum
of their absolute errors is at least the distance. With a softmax, a misclassified row has a wrong
class that is at least as probable as the right one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import down
from ...program import Head, Loss, Program
from ..baselines import EPSILON
from ..budget.equal_rows import is_plain_mean
from ..budget.row_losses import CLIPPED
from .duals import certificate_cross_entropy, least_squares
from .problem import LinearProblem


@dataclass(frozen=True)
class LinearFloor:
    """Lower bounds on the mean loss over all rows of the data.

    Args:
        every: The bound that holds for all weights.
        within: The bound that holds for all weights for which Keras clips no probability.
    """

    every: float
    within: float


def linear_floor(program: Program, loss: Loss, problem: LinearProblem) -> LinearFloor | None:
    """Bound the mean loss of a linear classifier from below; return None if no bound is known.

    Args:
        program: The program of `loss`.
        loss: The loss to bound.
        problem: A linear problem that is not separable.
    """
    head = program.heads[loss.output]
    if not is_plain_mean(program, loss):
        return None
    if loss.name.endswith("crossentropy"):
        return _cross_entropy(loss, head, problem)
    if loss.name not in ("mean_squared_error", "mean_absolute_error"):
        return None
    squares = loss.name == "mean_squared_error"
    distance = 2.0 if -1 in problem.names else 1.0
    if head.width == 1:
        least = 0.5 * distance**2 if squares else distance
    else:
        least = (0.5 if squares else 1.0) / head.width
    bound = least * len(problem.certificates) / problem.total
    if squares and head.width == 1 and head.activation == "linear":
        y = np.array(problem.names, np.float64)[problem.labels]
        share = len(y) / problem.total
        bound = max(bound, least_squares(problem.margins.points, y) * share)
    bound = max(0.0, float(down(down(bound))))
    return LinearFloor(bound, bound) if bound else None


def _cross_entropy(loss: Loss, head: Head, problem: LinearProblem) -> LinearFloor | None:
    wanted = "sigmoid" if loss.name == "binary_crossentropy" else "softmax"
    fits = (head.width == 1) == (wanted == "sigmoid")
    if head.activation != ("linear" if loss.from_logits else wanted) or not fits:
        return None
    if -1 in problem.names:
        return None
    whole = problem.cross_entropy * len(problem.labels)
    parts = [certificate_cross_entropy(certificate) for certificate in problem.certificates]
    within = max(whole, sum(parts))
    # A clipped row's loss is less than its margin implies, but at least the loss at the clip.
    end = np.inf if loss.from_logits or head.recovered else CLIPPED
    every = max(min(whole, end), sum(min(part, end) for part in parts))
    clipped = 2 * EPSILON * max(head.width, 2)
    every, within = (float(down(v / problem.total - clipped)) for v in (every, within))
    return LinearFloor(every, within) if every > 0 else None
