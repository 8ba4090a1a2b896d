"""Tightens ranges of unstable units, considering only points whose objective is below a cutoff.

For each unit, its input `z` and `-z` are bounded from below. A multiple `gamma >= 0` of
`objective - cutoff` is added to both. Only points whose objective lies below the cutoff matter, and
`z + gamma (objective - cutoff)` is at most `z` there. The added term helps most near the cutoff:
tighter ranges raise the bound on the objective, which tightens the ranges further.

Reference: K. Xu et al. (alpha-CROWN), ICLR 2021; S. Kotha et al., *Provably Bounding Neural
Network Preimages* (INVPROP), NeurIPS 2023, for bounds under output constraints.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core import down, up
from ..common.parallel import even_parts, parallel_map
from .alpha_beta import BoundProblem, OutputConstraint, optimize_bounds
from .node import Splits
from .relaxations import Activation
from .relaxed_net import RelaxedNet
from .settings import SETTINGS


@dataclass(eq=False)
class CutoffProblem:
    """An output constraint: only points with `row . output < cutoff` matter.

    Args:
        row: `(outputs,)` a unit vector, so that its multiples are exact.
        far: `(P,)` distances by which the proved bounds lie below the cutoff.
        alpha: `(P, s)` slopes of the proved bounds.
        beta: `(P, s)` multipliers of the proved bounds.
    """

    row: np.ndarray
    cutoff: float
    far: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray


def tighten(
    net: RelaxedNet,
    splits: Splits,
    activation: Activation,
    steps: int,
    wanted: CutoffProblem,
    worth: np.ndarray | None = None,
) -> None:
    """Tighten the ranges, in `splits`, of the unstable units that `activation` reads.

    Args:
        net: The relaxed graph over its box.
        splits: The sub-problems; their ranges are updated. A sub-problem with an empty range has no
            point below the cutoff.
        worth: `(P, s)` mask of the units to tighten; None for all.
    """
    lo, hi = splits.lo[:, activation.place], splits.hi[:, activation.place]
    chosen = ~activation.is_stable(lo, hi)
    chosen[(splits.lo > splits.hi).any(axis=1)] = False
    if worth is not None:
        chosen &= worth[:, activation.place]
    which, unit = np.nonzero(chosen)
    if not which.size:
        return
    which, unit = np.repeat(which, 2), np.repeat(unit, 2)
    sign = np.tile([1.0, -1.0], which.size // 2)
    parts = even_parts(which.size, SETTINGS.chunk, max(1, SETTINGS.least_share // net.units))
    results = parallel_map(
        lambda part: _bound_units(
            net, splits, activation, steps, wanted, which[part], unit[part], sign[part]
        ),
        parts,
    )
    lower = np.empty(which.size)
    for part, least in zip(parts, results, strict=True):
        lower[part] = least
    rows, columns = which[0::2], unit[0::2]
    lo[rows, columns] = np.maximum(lo[rows, columns], lower[0::2])
    hi[rows, columns] = np.minimum(hi[rows, columns], -lower[1::2])


def _bound_units(
    net: RelaxedNet,
    splits: Splits,
    activation: Activation,
    steps: int,
    wanted: CutoffProblem,
    which: np.ndarray,
    unit: np.ndarray,
    sign: np.ndarray,
) -> np.ndarray:
    """Return lower bounds on `sign` times the units' inputs in the sub-problems `which`.

    The bounds hold at the points whose objective lies below the cutoff.
    """
    count = which.size
    rows, at = np.arange(count), activation.place.start + unit
    start = np.zeros((count, net.ends[activation.source][0].size))
    start[rows, unit] = sign
    part_splits = splits.take(which).first(net.units_before(net.graph.output))
    scale = (part_splits.hi[rows, at] - part_splits.lo[rows, at]) / np.maximum(
        wanted.far[which], 1e-9
    )
    below = OutputConstraint(wanted.row, wanted.cutoff, SETTINGS.gamma_start * scale, scale)
    beta = below.gamma[:, None] * wanted.beta[which] if wanted.beta.any() else None
    task = BoundProblem.of(
        {activation.source: start}, part_splits, wanted.alpha[which].copy(), beta, below
    )
    optimize_bounds(net, task, steps, np.full(count, activation.enough))
    whole, less = task.whole(net)
    least = net.proof(whole, task.alpha, task.beta, task.splits).least
    return down(least - up(less))


def most_of(score: np.ndarray, share: float, most: int) -> np.ndarray:
    """Select the units with the highest scores of each row of `score`; return a mask.

    Select as few as have at least the fraction `share` of the row's total score, but at most
    `most` units.
    """
    order = np.argsort(-score, axis=1)
    total = np.cumsum(np.take_along_axis(score, order, axis=1), axis=1)
    inside = total - np.take_along_axis(score, order, axis=1) < share * total[:, -1:]
    inside[:, most:] = False
    out = np.zeros(score.shape, bool)
    np.put_along_axis(out, order, inside, axis=1)
    return out
