"""Tuning constants of neuron splits.

They were chosen on public families of small image classifiers (mnist_fc, oval21, eran), by the
number of decided instances and the time. Soundness depends on none of them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class NeuronSplitSettings:
    """Effort that a search by neuron splits spends on each part of its work.

    Args:
        root_steps: Steps of ascent on the bounds of the objectives before the first split; the
            bounds of all sub-problems start from these.
        layer_steps: Steps of ascent on intermediate bounds, which are many.
        steps: Steps of ascent on a new sub-problem, which starts from its parent's slopes.
        tight_steps: Steps of ascent on intermediate bounds of a sub-problem.
        together: Entries in the rows of objectives bounded at once; this many stay in cache, and a
            pass over them takes well under a second.
        most_rounds: Rounds of tighter intermediate bounds before the first split.
        worth: Share of the gap that a round must close; otherwise it is the last.
        slope_pace: Step of Adam on slopes between 0 and 1, before its decay.
        beta_pace: Step of Adam on multipliers of splits, as a share of their size.
        gamma_pace: Step of Adam on multipliers of the output constraint, as a share of their size.
        gamma_start: Initial multipliers of the output constraint, as a share of the objective's
            row.
        decay: Factor of all step sizes from step to step.
        candidates: Units of each nonlinear value that look-ahead tries: scores are not comparable
            between layers.
        last_candidates: Units of the last nonlinear value that look-ahead tries; splits there gain
            the most, but its scores do not show it.
        least_gain: Lower limit on the gain of a half, as a share of the missing bound; so the
            product is not 0 if only one half gains.
        batch: Sub-problems bounded at once.
        tighten_every: Splits between two tightenings of intermediate bounds.
        tighten_share: Share of the total score of all units that the tightened ones have, after
            splits.
        root_tighten_share: The same share before the first split.
        most_units: Units tightened at once in a sub-problem.
        most_tried: Entries of all candidate sub-problems bounded in one batch; limits memory.
        large: Nets of more units get fewer steps and rows before the first split.
        least_share: Numbers (units times sub-problems) that justify one more core.
        chunk: Rows of intermediate bounds optimized together.
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
