"""Finds reasons why a training run missed the goal, from its measurements and its diagnosis."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...answers.study.study import Study
from ...answers.study.trials import Reason, Trial
from .diagnosed import diagnose_lane
from .plan import TrainingData
from .record import ComparisonRecord
from .seeds import weights_of


FALLING = 0.01
"""A loss is still falling if it fell by at least this fraction over the last tenth of the training
run."""

STATIONARY = 1e-3
"""A training run is stationary if a step along the gradient, whose length is 1% of the weights'
norm, changes the loss by less than this fraction."""

RESTLESS = 10.0
"""A loss oscillates if the sum of its increases in the second half of the run exceeds its net
decrease by this factor."""

SAME_LOSS = 0.01
"""Relative difference up to which losses are treated as equal."""


SEPARABLE = "OR039"
"""The rule that proves that no line separates the classes."""

SYMPTOMS = ("T1", "T2", "T3")
"""Symptoms that are reported even if no training can reach the goal."""


@dataclass(frozen=True, eq=False)
class Facts:
    """Measurements at the end of one training run.

    Args:
        trial: The run with its curves.
        ticks: Epoch of each point of the curves.
        steepness: Norm of the gradient of the loss over all the data.
        spread: Largest difference in any output between two rows.
        moved: Whether any weight differs from its initial value.
        size: Euclidean norm of the weights.
        least: The lowest final loss of all runs with the same activation and loss.
        metric: Name of the metric, for messages.
        epochs: Number of planned epochs.
    """

    trial: Trial
    ticks: np.ndarray
    steepness: float
    spread: float
    moved: bool
    size: float
    least: float
    metric: str
    epochs: int


def _reason(code: str, sentence: str, fix: str) -> Reason:
    return Reason(code, "MEASURED", sentence, fix)


def measured_reasons(f: Facts) -> list[Reason]:
    """Return at least one reason for a run's failure, derived from its measurements."""
    losses = f.trial.losses
    bad = np.flatnonzero(~np.isfinite(losses))
    if bad.size:
        return [
            _reason(
                "T1",
                f"the loss is not finite from epoch {f.ticks[bad[0]]} on.",
                "a smaller learning rate, or a loss that fits the last activation",
            )
        ]
    collected = []
    if f.steepness == 0.0:
        since = "no weight ever changed" if not f.moved else "steps no longer change any weight"
        collected.append(
            _reason(
                "T2",
                f"the gradient of the loss ({losses[-1]:.4g}) over all the data is exactly 0: "
                f"{since}.",
                "an activation that is not flat there, or another start",
            )
        )
    if f.spread == 0.0:
        collected.append(
            _reason(
                "T3",
                "the output is the same for every row of the data.",
                "an activation and a last layer whose output depends on the input",
            )
        )
    return collected or _slow(f)


def _slow(f: Facts) -> list[Reason]:
    """Return at least one reason why a run did not converge, from its loss curve and gradient."""
    losses, collected = f.trial.losses, []
    last = max(1, len(losses) // 10)
    begin, end = float(losses[-1 - last if len(losses) > last else 0]), float(losses[-1])
    fell = (begin - end) / max(abs(begin), np.finfo(float).tiny)
    if f.trial.epochs < f.epochs:
        collected.append(
            _reason(
                "T9",
                f"the training stopped after {f.trial.epochs} of {f.epochs} epochs.",
                "more time",
            )
        )
    half = np.diff(losses[len(losses) // 2 :])
    ups, gain = float(half[half > 0].sum()), float(-half.sum())
    if ups > RESTLESS * max(gain, 0.0) and ups > FALLING * abs(end):
        collected.append(
            _reason(
                "T7",
                f"the loss oscillates: over the second half its increases add up to {ups:.3g}, but "
                f"it gained only {max(gain, 0.0):.3g}.",
                "a smaller learning rate, or larger batches",
            )
        )
    elif fell >= FALLING:
        collected.append(
            _reason(
                "T4",
                f"the loss still falls: by {100 * fell:.2g} % in the last tenth of the epochs, to "
                f"{end:.4g}.",
                "more epochs, or a larger learning rate",
            )
        )
    change = f.steepness * 0.01 * f.size / max(abs(end), np.finfo(float).tiny)
    close = abs(end - f.least) <= SAME_LOSS * abs(f.least) + 1e-6
    if close and fell < FALLING:
        collected.append(
            _reason(
                "T6",
                f"no start with this activation has a lower loss than {end:.4g}, so minimizing "
                f"the loss does not lead to a better {f.metric}.",
                "another loss or activation",
            )
        )
    elif change < STATIONARY and fell < FALLING:
        collected.append(
            _reason(
                "T5",
                f"the training stalled (gradient {f.steepness:.2g}) at the loss {end:.4g}, but "
                f"another start reached {f.least:.4g}: a poor minimum, a saddle or a plateau.",
                "more starts, or more hidden units",
            )
        )
    return collected or [
        _reason(
            "T8",
            f"the training is still in progress: loss {losses[0]:.4g} to {end:.4g}, gradient "
            f"{f.steepness:.2g}, least loss of the other starts {f.least:.4g}.",
            "more epochs, or another learning rate",
        )
    ]


def reasons(
    study: Study, record: ComparisonRecord, data: TrainingData
) -> dict[tuple[int, int], tuple]:
    """Return the reasons why training runs did not reach the goal.

    Returns:
        A dict from the indices `(combination, start)` of each such run to at least one reason.
    """
    places = record.places()
    failed = [
        (i, s)
        for i, c in enumerate(study.combinations)
        for s in range(len(c.trials))
        if not c.solved[s]
    ]
    steep = {g: record.groups[g].steepness() for g in {places[i][0] for i, _ in failed}}
    least: dict[tuple[str, str], float] = {}
    for c in study.combinations:
        reached = [t.loss for t in c.trials if np.isfinite(t.loss)]
        key = c.activation, c.loss
        least[key] = min([least.get(key, np.inf), *reached])
    diagnoses: dict[Any, tuple[Reason, ...]] = {}
    result = {}
    for i, s in failed:
        c, (g, loss, optimizer) = study.combinations[i], places[i]
        lane, group = record.lanes_of(g, loss, optimizer)[s], record.groups[g]
        facts = _facts(study, record, i, s, float(steep[g][lane]), least[c.activation, c.loss])
        symptoms = measured_reasons(facts)
        # Failures with the same model, loss and symptoms share a diagnosis.
        key = (g, loss, *(reason.code for reason in symptoms))
        if key not in diagnoses:
            diagnoses[key] = tuple(diagnose_lane(group, lane, data, symptoms[0].code == "T1"))
        if _is_unreachable(study, record, diagnoses[key]):
            symptoms = [reason for reason in symptoms if reason.code in SYMPTOMS]
        result[i, s] = (*diagnoses[key], *symptoms)
    return result


def _is_unreachable(study: Study, record: ComparisonRecord, diagnosis: tuple[Reason, ...]) -> bool:
    """Return whether a diagnosis proves that a model reaches the goal for no weights.

    More epochs, other starts or another loss are then no remedy.
    """
    proved = any(r.code == SEPARABLE and r.level == "PROVED" for r in diagnosis)
    return proved and study.metric == "accuracy" and 0 < record.attainable.accuracy < study.goal


def _facts(
    study: Study,
    record: ComparisonRecord,
    combination: int,
    start: int,
    steepness: float,
    least: float,
) -> Facts:
    g, loss, optimizer = record.places()[combination]
    lane = record.lanes_of(g, loss, optimizer)[start]
    group = record.groups[g]
    now, then = group.weights(lane), weights_of(group.models[start])
    moved = any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(now, then, strict=True))
    size = float(np.sqrt(sum(float(np.sum(np.asarray(w, np.float64) ** 2)) for w in now)))
    return Facts(
        study.combinations[combination].trials[start],
        study.ticks,
        steepness,
        float(record.spreads[g][lane]),
        moved,
        size,
        least,
        study.metric,
        study.epochs,
    )
