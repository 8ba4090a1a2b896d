"""A lower bound of a loss whose last layer has the same weights for all rows.

Interval bounds let every row choose its own weights: one row may raise an output while another
lowers it. Here the last layer `z = (A + D) x + b + d` has one `D` and one `d` for all rows, within
their box. Only its input `x = m + e` with `|e| <= r` may still vary by row, which moves `z` by at
most `s = (|A| + |D|) r`. The mean of `least(z - s, z + s)` is convex in `(D, d)`, so at any point

    minimum >= value - <gradient, point> - sum |gradient| * half width of the box

(the Frank-Wolfe gap). Accelerated projected gradients find a point with a small gap; the bound
holds at any point.

Sound: if the ranges of the layer's input are; sums are lowered by more than float64 rounding.
Complete: for networks of one layer, up to the gap. Cost: at most `STEPS` times two products.

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
"""Maximum number of gradients."""

GAP = 0.01
"""A gap below this share of the value is small enough."""

MOST = 4096
"""Maximum of outputs times inputs of the last layer; in larger layers rows may choose weights."""


def common_weights_floor(
    op: Affine, moved: Perturbed, before: Bounds, reach: Reach, loss: RowLoss
) -> float:
    """Compute a lower bound of the mean loss; 0 if the layer is too large.

    Args:
        moved: The role of the weights in the layer.
        before: Ranges of the layer's input, `(rows, inputs)`.
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
    # The bias is one more input, which is always 1.
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
    """Run accelerated projected gradients in units of the box; return the best bound."""
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
