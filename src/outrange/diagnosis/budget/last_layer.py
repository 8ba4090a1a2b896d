"""The least that a loss can be where the weights of the last layer are the same for all rows.

Over intervals every row has weights of its own: one row may raise an output while another lowers
it. Here the last layer `z = (A + D) x + b + d` has one `D` and one `d` for all rows, in their box;
only what enters it, `x = m + e` with `|e| <= r`, still is any row's own, which moves `z` by at most
`s = (|A| + |D|) r`. The mean of `least(z - s, z + s)` is convex in `(D, d)`, so at any point

    minimum >= value - <gradient, point> - sum |gradient| * half width of the box

(the gap of Frank and Wolfe). A point with a small gap is found by accelerated projected gradients;
the bound holds at any.

Sound: as the ranges of what enters the layer; sums are lowered by more than float64 loses.
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
"""At most so many gradients."""

GAP = 0.01
"""The share of the value at which a gap is small enough."""

MOST = 4096
"""Results times inputs of a last layer beyond which rows keep weights of their own."""


def common_weights_floor(
    op: Affine, moved: Perturbed, before: Bounds, reach: Reach, loss: RowLoss
) -> float:
    """A lower bound of the mean loss; 0 where the layer is too large.

    Args:
        op: The last layer.
        moved: What its weights can do.
        before: Ranges of what enters it, `(rows, inputs)`.
        reach: How far the weights can move.
        loss: Of its results.
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
    return _descended(base, inputs, width, slack, loss)


def _descended(
    base: np.ndarray, inputs: np.ndarray, width: np.ndarray, slack: np.ndarray, loss: RowLoss
) -> float:
    """Accelerated projected gradients in units of the box, and the best bound met."""
    rows = len(inputs)
    scaled = np.abs(inputs) @ width.T  # (rows, units): how far each row can be moved
    curve = loss.curved * float(np.square(scaled).sum(axis=1).max() + 1e-300)
    curve = min(curve, loss.curved * float(np.square(scaled).sum() / rows) * 1.5 + 1e-300)
    point = ahead = np.zeros_like(width)
    best, momentum = 0.0, 1.0
    for _ in range(STEPS):
        z = base + inputs @ (ahead * width).T
        value = float(loss.least(z - slack, z + slack).mean())
        slope = loss.slope(z - slack, z + slack) / rows
        gradient = (slope.T @ inputs) * width
        lost = float((gradient * ahead).sum() + np.abs(gradient).sum())
        paid = 1e-9 * (abs(value) + float(np.abs(gradient).sum()))
        best = max(best, value - lost - paid)
        if lost <= GAP * max(value, 1e-300):
            break
        fresh = np.clip(ahead - gradient / curve, -1.0, 1.0)
        later = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
        if float((gradient * (fresh - point)).sum()) > 0:
            later = momentum = 1.0  # restart where the momentum points uphill
        ahead = np.clip(fresh + (momentum - 1.0) / later * (fresh - point), -1.0, 1.0)
        point, momentum = fresh, later
    return best
