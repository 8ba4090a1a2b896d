"""A lower bound on a loss that uses the same last-layer weights for all rows.

Interval bounds let every row choose its own weights: one row may raise an output while another
lowers it. Here the last layer `z = (A + D) x + b + d` has a single `D` and a single `d`, within
their box, for all rows. Only the layer's input `x = m + e` with `|e| <= r` may vary by row, which
moves `z` by at most `s = (|A| + |D|) r`. The mean of `least(z - s, z + s)` is convex in `(D, d)`,
so at any point

    minimum >= value - <gradient, point> - sum |gradient| * half width of the box

The subtracted terms are the Frank-Wolfe gap. Accelerated projected gradient descent finds a point
with a small gap; the bound holds at any point.

Sound: if the ranges of the layer's input are sound. The bound is lowered by more than its own
float64 rounding. Complete: for networks of one layer, up to the gap. Cost: at most `STEPS`
iterations of two matrix products each.

Reference: M. Jaggi, *Revisiting Frank-Wolfe*, ICML 2013; A. Beck, M. Teboulle, *A fast iterative
shrinkage-thresholding algorithm* (FISTA), 2009.
"""

from __future__ import annotations

import numpy as np

from ...core import Bounds
from ...ops import Affine
from .reach import Reach
from .row_losses import RowLoss
from .weight_box import Perturbed, far_and_part


STEPS = 300
"""Maximum number of gradient steps."""

GAP = 0.01
"""The gradient descent stops when the Frank-Wolfe gap is at most this fraction of the mean loss."""

MOST = 4096
"""Maximum size, outputs times inputs, of a last layer that is bounded here."""


def common_weights_floor(
    op: Affine, moved: Perturbed, before: Bounds, reach: Reach, loss: RowLoss
) -> float:
    """Compute a lower bound on the mean loss that uses the same last-layer weights for all rows.

    The bound is 0 if the layer is too large, has no trainable weight matrix, or may have an
    unbounded input.

    Args:
        op: The last layer with the stored weights.
        moved: The role of the weights in the matrix and the bias of the layer.
        before: Ranges of the layer's input, `(rows, inputs)` each.
        reach: Bounds on the movement of the weights.
        loss: The loss as a function of the layer's output.
    """
    if len(op.sizes) != 1 or op.size * op.sizes[0] > MOST or not moved.kernel:
        return 0.0
    if not (np.isfinite(before[0]).all() and np.isfinite(before[1]).all()):
        return 0.0
    far, part = far_and_part(reach)
    eye = np.eye(op.size)
    kernel, ones = op.adjoint(eye)[0], np.abs(moved.ones.adjoint(eye)[0])
    # The bias acts as the weight of one more input, which is always 1.
    width = np.concatenate(
        [far * ones + part * np.abs(kernel), (far * moved.bias + part * np.abs(op.bias))[:, None]],
        axis=1,
    ) * (1.0 + 1e-9)
    width[:, -1] *= moved.bias != 0
    middle = 0.5 * (before[0] + before[1])
    radius = 0.5 * (before[1] - before[0]) * (1.0 + 1e-12) + 1e-15 * np.abs(middle)
    slack = radius @ (np.abs(kernel) + width[:, :-1]).T
    inputs = np.concatenate([middle, np.ones((len(middle), 1))], axis=1)
    base = middle @ kernel.T + op.bias
    size = np.abs(middle) @ (np.abs(kernel) + width[:, :-1]).T + np.abs(op.bias) + width[:, -1]
    slack = slack * (1.0 + 1e-9) + 1e-11 * size
    return _best_bound(base, inputs, width, slack, loss)


def _best_bound(
    base: np.ndarray, inputs: np.ndarray, width: np.ndarray, slack: np.ndarray, loss: RowLoss
) -> float:
    """Run accelerated projected gradient descent and return the best lower bound, at least 0.

    The variables are the changes of the weights, scaled so that the box is `[-1, 1]`.

    Args:
        base: Outputs with the stored weights, `(rows, units)`.
        inputs: Midpoints of the layer's inputs and a column of ones, `(rows, inputs + 1)`.
        width: Half the width of the box of each weight and bias, `(units, inputs + 1)`.
        slack: Bound on the change of each output due to the ranges of the inputs, `(rows, units)`.
        loss: The loss as a function of the outputs.
    """
    rows = len(inputs)
    scaled = np.abs(inputs) @ width.T  # (rows, units): largest movement of each output
    curve = loss.curved * float(np.square(scaled).sum(axis=1).max() + 1e-300)
    curve = min(curve, loss.curved * float(np.square(scaled).sum() / rows) * 1.5 + 1e-300)
    point = ahead = np.zeros_like(width)
    best, momentum = 0.0, 1.0
    for _ in range(STEPS):
        z = base + inputs @ (ahead * width).T
        value = float(loss.least(z - slack, z + slack).mean())
        slope = loss.slope(z - slack, z + slack) / rows
        gradient = (slope.T @ inputs) * width
        gap = float((gradient * ahead).sum() + np.abs(gradient).sum())
        rounding = 1e-9 * (abs(value) + float(np.abs(gradient).sum()))
        best = max(best, value - gap - rounding)
        if gap <= GAP * max(value, 1e-300):
            break
        fresh = np.clip(ahead - gradient / curve, -1.0, 1.0)
        later = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
        if float((gradient * (fresh - point)).sum()) > 0:
            later = momentum = 1.0  # restart if the momentum points uphill
        ahead = np.clip(fresh + (momentum - 1.0) / later * (fresh - point), -1.0, 1.0)
        point, momentum = fresh, later
    return best
