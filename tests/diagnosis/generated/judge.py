"""Comparison of a mutant with its base by effect size and p-value over ten starts each.

Three things are compared on rows that nobody trained on: how good the predictions are; what is left
of a constant's loss, which is what `fit` prints; and, under a cross-entropy, how good the chances
are that it tells. A mutant that ranks the classes as well while its loss cannot fall, or while its
chances cannot be believed, hurts as well: its user sees a training that does not work.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from scipy.stats import mannwhitneyu

from .program import Program


LEARNS, DROP, EFFECT, CHANCE = 0.4, 0.1, 0.8, 0.01
"""Mean skill of a healthy base; what must be lost, by which effect size and p-value, to be harm."""

SLIGHT = 0.03
"""A loss of less than this is none, whatever its p-value."""


@dataclass(frozen=True)
class Verdict:
    """The result of a comparison.

    Args:
        kind: `"harmful"`, `"harmless"` or `"undecided"`.
        drop: How much of the skill is lost, in the mean.
        effect: Effect size, Cohen's d.
        chance: The p-value that the mutant is no worse, by Mann and Whitney.
    """

    kind: str
    drop: float
    effect: float
    chance: float


def is_healthy(skills: np.ndarray) -> bool:
    """Whether a base learns its task from nearly every start."""
    return bool(skills.mean() >= LEARNS and np.sort(skills)[1] >= 0.5 * LEARNS)


def verdict(base: np.ndarray, mutant: np.ndarray) -> Verdict:
    """Compare the skills of two programs."""
    drop = float(base.mean() - mutant.mean())
    spread = float(np.sqrt((base.var(ddof=1) + mutant.var(ddof=1)) / 2))
    effect = drop / max(spread, 1e-9)
    chance = 1.0 if np.ptp([*base, *mutant]) == 0 else float(
        mannwhitneyu(mutant, base, alternative="less").pvalue
    )  # fmt: skip
    if drop >= DROP and effect >= EFFECT and chance < CHANCE:
        kind = "harmful"
    elif drop < SLIGHT or (chance > 0.05 and drop < DROP):
        kind = "harmless"
    else:
        kind = "undecided"
    return Verdict(kind, drop, effect, chance)


def worse_of(one: Verdict, other: Verdict) -> Verdict:
    """Combine two comparisons: harm in one is harm, and a doubt in one is a doubt."""
    if one.kind == "harmful" or (one.kind == "undecided" and other.kind == "harmless"):
        return one
    return one if one.kind == other.kind == "undecided" else other


def fingerprint(program: Program) -> str:
    """Return a digest of a program: layers, losses, optimizer and every number of the data."""
    digest = hashlib.sha256()
    arrays = (*program.x, *program.y, *program.x_new, *program.y_new)
    for array in arrays:
        digest.update(str((array.shape, array.dtype)).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    rest = (program.seed, program.branches, program.trunk, program.heads, program.optimizer,
            program.fit)  # fmt: skip
    digest.update(repr(rest).encode())
    return digest.hexdigest()[:24]
