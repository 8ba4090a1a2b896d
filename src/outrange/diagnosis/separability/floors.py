"""Floors of compiled losses that follow from certificates.

Each certificate has a row that is wrong, whatever the weights are. With one output, two of its
rows of different classes have outputs in the wrong order, or equal ones: then the squares of their
errors add up to at least half the squared distance of the targets, their absolute errors to the
distance. With a softmax the chance of a wrong class is at least that of the right one.
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
    """Lower bounds of a mean loss over all rows of the data.

    Args:
        every: For all weights.
        within: For weights with which no logit is so large that Keras clips the chance.
    """

    every: float
    within: float


def linear_floor(program: Program, loss: Loss, problem: LinearProblem) -> LinearFloor | None:
    """Bound a loss from below; None where nothing is known of it.

    Args:
        program: Model and losses.
        loss: One of its losses.
        problem: Not separable.
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
    found = least * len(problem.certificates) / problem.total
    if squares and head.width == 1 and head.activation == "linear":
        y = np.array(problem.names, np.float64)[problem.labels]
        share = len(y) / problem.total
        found = max(found, least_squares(problem.margins.points, y) * share)
    found = max(0.0, float(down(down(found))))
    return LinearFloor(found, found) if found else None


def _cross_entropy(loss: Loss, head: Head, problem: LinearProblem) -> LinearFloor | None:
    wanted = "sigmoid" if loss.name == "binary_crossentropy" else "softmax"
    fits = (head.width == 1) == (wanted == "sigmoid")
    if head.activation != ("linear" if loss.from_logits else wanted) or not fits:
        return None
    if -1 in problem.names:
        return None
    whole = problem.cross_entropy * len(problem.labels)
    parts = [certificate_cross_entropy(one) for one in problem.certificates]
    within = max(whole, sum(parts))
    # A clipped row costs less than its margin says, but at least as much as where the clip begins.
    end = np.inf if loss.from_logits or head.recovered else CLIPPED
    every = max(min(whole, end), sum(min(part, end) for part in parts))
    clipped = 2 * EPSILON * max(head.width, 2)
    every, within = (float(down(v / problem.total - clipped)) for v in (every, within))
    return LinearFloor(every, within) if every > 0 else None
