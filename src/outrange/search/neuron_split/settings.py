"""Tuning constants of neuron splits.

They were chosen on public families of small image classifiers (mnist_fc, oval21, eran), by the
number of decided instances and the time. Soundness depends on none of them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class NeuronSplitSettings:
    """Amount of effort that neuron splitting spends on each part of its work.

    Args:
        root_steps: Maximum number of ascent steps on the bounds of the objectives before the first
            split.
        layer_steps: Maximum number of ascent steps on each intermediate bound before the first
            split. There are many such bounds.
        steps: Maximum number of ascent steps on a new sub-problem, which starts from its parent's
            slopes.
        tight_steps: Maximum number of ascent steps on intermediate bounds of a sub-problem.
        together: Number of coefficients (objectives times entries of all values) up to which
            several objectives are bounded together.
        most_rounds: Maximum number of rounds that tighten intermediate bounds before the first
            split.
        worth: Fraction of the gap that a round must close; a round that closes less is the last
            one.
        slope_pace: Step size of Adam for slopes between 0 and 1, before its decay.
        beta_pace: Step size of Adam for multipliers of splits, as a fraction of their typical size.
        gamma_pace: Step size of Adam for multipliers of the output constraint, as a fraction of
            their typical size.
        gamma_start: Initial multipliers of the output constraint, as a fraction of their typical
            size.
        decay: Ratio of successive step sizes.
        candidates: Maximum number of units of each nonlinear value but the last that look-ahead
            tries. Scores are not comparable between layers.
        last_candidates: Maximum number of units of the last nonlinear value that look-ahead tries.
            Splits in this layer have the largest gains, but the scores do not reflect this.
        least_gain: Lower limit on the gain of each half of a split sub-problem, as a fraction of
            the distance to the cutoff. So the product of the two gains is not 0 if only one half
            has a gain.
        batch: Maximum number of new sub-problems whose bounds are optimized together.
        tighten_every: Number of splits after which intermediate bounds are tightened again.
        tighten_share: Fraction of the total score that the tightened units should account for,
            after a split.
        root_tighten_share: Fraction of the total score that the tightened units should account for,
            before the first split.
        most_units: Maximum number of units tightened together in a sub-problem. Before the first
            split, a multiple of this number is allowed.
        most_tried: Maximum number of entries (candidates times units) that look-ahead tries in one
            batch, which limits memory.
        large: Number of units above which fewer ascent steps and rows are used before the first
            split.
        least_share: Number of entries (units times sub-problems) that justify using one more core.
        chunk: Maximum number of rows of intermediate bounds optimized together.
    """

    root_steps: int = 20
    layer_steps: int = 6
    steps: int = 12
    tight_steps: int = 3
    together: int = 1 << 20
    most_rounds: int = 8
    worth: float = 0.02
    slope_pace: float = 0.2
    beta_pace: float = 0.3
    gamma_pace: float = 0.3
    gamma_start: float = 0.1
    decay: float = 0.97
    candidates: int = 8
    last_candidates: int = 24
    least_gain: float = 0.05
    batch: int = 32
    tighten_every: int = 2
    tighten_share: float = 0.98
    root_tighten_share: float = 0.98
    most_units: int = 64
    most_tried: int = 1 << 19
    large: int = 2000
    least_share: int = 1 << 14
    chunk: int = 64


SETTINGS = NeuronSplitSettings()
