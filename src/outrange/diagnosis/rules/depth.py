"""A stack of layers that is too deep to learn from its initial weights; part of rule OR012."""

from collections.abc import Iterator

import numpy as np

from ...answers.diagnosis import Finding, Level
from ...program import Weight
from ..changes import Change, replaced_with
from ..context import DiagnosisContext
from ..registry import Rule
from ..short_trainings import SEEDS
from ..trials import FASTER, HALFWAY
from ..wording import names, short


MANY = 10
"""Minimum number of dense layers of equal input and output width in a deep network."""

SHRINKS = 0.9
"""Factor per layer below which a finding reports that initial weights shrink the signal."""

CLEARLY = 0.3
"""Fraction of a reference loss that every changed copy must reach if some unchanged copies have
learned. The reference is the best constant's loss or the best unchanged copy's loss, whichever is
lower."""


def check_depth(rule: Rule, case: DiagnosisContext) -> Iterator[Finding]:
    """Report a deep network if copies with fewer of its square layers reach a lower loss.

    Square layers are dense layers of equal input and output width; at least `MANY` are needed. All
    but one, or half of them, are left out of the copies. `describe_effect` and `CLEARLY` define how
    much lower the loss must be.
    """
    square = _square_kernels(case)
    if len(square) < MANY:
        return
    layers = [weight.layer for weight in square]
    for left_out in (layers[1:], layers[1::2]):
        without = f"without {len(left_out)} of these layers"
        change = replaced_with(left_out, "identity")
        gained = describe_effect(case, change, without) or _describe_clear_gain(
            case, change, without
        )
        if gained is None:
            continue
        yield rule.finding(
            Level.MEASURED, layers[0],
            f"{len(layers)} hidden layers of equal width follow each other, without normalization "
            f"or skip connections{_describe_shrinking(case, square)}. {gained}",
            f"fewer layers: without {names(left_out)}   or   skip connections",
            title="more layers than can be trained", cost={"layers": len(layers)},
            holds_for="training from the stored weights",
        )  # fmt: skip
        return


def describe_effect(case: DiagnosisContext, change: Change, how: str) -> str | None:
    """Describe how much a change lowers the loss at the model's learning rate or a higher one.

    Args:
        how: The change as a phrase, such as `"with relu in these layers"`.

    Returns:
        A sentence. None if the loss is not lower by the thresholds of `Trials.gain` or
        `Trials.gain_at_faster_rate`.
    """
    trials = case.trials
    gained = trials.gain(change)
    if gained is not None:
        return trials.describe_gain(gained, how)
    gained = trials.gain_at_faster_rate(change)
    if gained is None:
        return None
    return (
        f"At {FASTER:g} times the learning rate of the program: {trials.describe_gain(gained, how)}"
    )


def _describe_clear_gain(case: DiagnosisContext, change: Change, how: str) -> str | None:
    """Describe a change if every changed copy's loss is low enough (see `CLEARLY`).

    Returns None otherwise. Also returns None if the median loss of the unchanged copies is below
    `HALFWAY` times the best constant's loss.
    """
    before = case.trials.ratios()
    if len(before) < SEEDS or float(np.median(before)) < HALFWAY:
        return None
    most = CLEARLY * min(1.0, *before)
    if not all(case.trials.ratio_of(change, seed) <= most for seed in range(SEEDS)):
        return None
    middle = float(np.median(before)), max(case.trials.ratios(change))
    return (
        f"{case.trials.describe_gain(middle, how)} The first loss is the median of {SEEDS} "
        f"training runs, and the second loss is the largest of {SEEDS} runs."
    )


def _square_kernels(case: DiagnosisContext) -> list[Weight]:
    """Return the kernels of dense layers whose input and output have the same width."""
    dense = {layer.path for layer in case.program.layers if layer.kind == "Dense"}
    return [
        weight for weight in case.program.weights
        if weight.trainable and len(weight.shape) == 2 and weight.shape[0] == weight.shape[1]
        and weight.layer in dense and weight.path.endswith("kernel")
    ]  # fmt: skip


def _describe_shrinking(case: DiagnosisContext, kernels: list[Weight]) -> str:
    """Describe in a phrase how activations or initial weights shrink the signal, or return `""`."""
    inside = {weight.layer for weight in kernels}
    kinds = {step.kind.lower() for step in case.program.steps if step.layer in inside}
    if "sigmoid" in kinds:
        return "; the slope of each sigmoid is at most 1/4"
    if "relu" not in kinds:
        return ""
    powers = [len(k) * np.square(k).mean() / 2 for w in kernels if (k := w.read()) is not None]
    factor = float(np.sqrt(np.exp(np.mean(np.log(np.maximum(powers, 1e-30))))))
    if factor >= SHRINKS:
        return ""
    return (
        f", and each of these relu layers shrinks its values to about {short(factor)} times their "
        "size, because its initial weights are small (he_normal would preserve the size)"
    )
