"""Reasons why a training fell short: measurements, and findings of its diagnosis."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...answers.study.study import Study
from ...answers.study.trials import Reason, Trial
from .diagnosed import diagnosed
from .plan import TrainingData
from .record import ComparisonRecord
from .seeds import weights_of


FALLING = 0.01
"""A loss that fell by this share over the last tenth of its training is still falling."""

STATIONARY = 1e-3
"""A gradient along which 1 % of the weights' size changes the loss by less than this share."""

RESTLESS = 10.0
"""A loss whose increases exceed its gain in the second half by this factor oscillates."""

SAME_LOSS = 0.01
"""Losses are the same for a reader up to this share."""


@dataclass(frozen=True, eq=False)
class Facts:
    """Measurements of one training at its end.

    Args:
        trial: Its curves.
        ticks: Epochs of the curves.
        steepness: Norm of the loss's gradient over all the data.
        spread: Largest difference of an output between two rows.
        moved: Whether any weight is not what it was at the start.
        size: Norm of the weights.
        least: The least loss that any start of the same activation and loss reached.
        metric: The metric's name.
        epochs: Epochs planned.
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


def _measured(code: str, sentence: str, fix: str) -> Reason:
    return Reason(code, "MEASURED", sentence, fix)


def measured(f: Facts) -> list[Reason]:
    """Reasons that the training itself shows; never empty."""
    losses = f.trial.losses
    bad = np.flatnonzero(~np.isfinite(losses))
    if bad.size:
        return [
            _measured(
                "T1",
                f"the loss is no finite number from epoch {f.ticks[bad[0]]} on.",
                "a smaller learning rate, or a loss that fits the last activation",
            )
        ]
    found = []
    if f.steepness == 0.0:
        since = "no weight ever moved" if not f.moved else "no step moves a weight any more"
        found.append(
            _measured(
                "T2",
                f"the gradient of the loss ({losses[-1]:.4g}) over all the data is exactly 0: "
                f"{since}.",
                "an activation that is not flat there, or another start",
            )
        )
    if f.spread == 0.0:
        found.append(
            _measured(
                "T3",
                "the output is the same for every row of the data.",
                "an activation and a last layer whose output depends on the input",
            )
        )
    return found or _slow(f)


def _slow(f: Facts) -> list[Reason]:
    """Reasons of a training that is alive."""
    losses, found = f.trial.losses, []
    last = max(1, len(losses) // 10)
    begin, end = float(losses[-1 - last if len(losses) > last else 0]), float(losses[-1])
    fell = (begin - end) / max(abs(begin), np.finfo(float).tiny)
    if f.trial.epochs < f.epochs:
        found.append(
            _measured(
                "T9",
                f"stopped after {f.trial.epochs} of {f.epochs} epochs.",
                "more time",
            )
        )
    half = np.diff(losses[len(losses) // 2 :])
    ups, gain = float(half[half > 0].sum()), float(-half.sum())
    if ups > RESTLESS * max(gain, 0.0) and ups > FALLING * abs(end):
        found.append(
            _measured(
                "T7",
                f"the loss goes to and fro: up by {ups:.3g} in all over the second half, with "
                f"{max(gain, 0.0):.3g} gained.",
                "a smaller learning rate, or larger batches",
            )
        )
    elif fell >= FALLING:
        found.append(
            _measured(
                "T4",
                f"the loss still falls: by {100 * fell:.2g} % in the last tenth, to {end:.4g}.",
                "more epochs, or a larger learning rate",
            )
        )
    change = f.steepness * 0.01 * f.size / max(abs(end), np.finfo(float).tiny)
    close = abs(end - f.least) <= SAME_LOSS * abs(f.least) + 1e-6
    if close and fell < FALLING:
        found.append(
            _measured(
                "T6",
                f"the loss {end:.4g} is as low as any start brings it with this activation: this "
                f"loss does not ask for a better {f.metric}.",
                "another loss or activation",
            )
        )
    elif change < STATIONARY and fell < FALLING:
        found.append(
            _measured(
                "T5",
                f"it came to rest (gradient {f.steepness:.2g}) at the loss {end:.4g}, where "
                f"another start reached {f.least:.4g}: a poor minimum, a saddle or a plateau.",
                "more starts, or more hidden units",
            )
        )
    return found or [
        _measured(
            "T8",
            f"it is on its way: loss {losses[0]:.4g} to {end:.4g}, gradient {f.steepness:.2g}, "
            f"least loss of the other starts {f.least:.4g}.",
            "more epochs, or another learning rate",
        )
    ]


def reasons(
    study: Study, record: ComparisonRecord, data: TrainingData
) -> dict[tuple[int, int], tuple]:
    """Why each training fell short: `{(combination, start): reasons}`; each has at least one."""
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
    known: dict[Any, tuple[Reason, ...]] = {}
    found = {}
    for i, s in failed:
        c, (g, loss, optimizer) = study.combinations[i], places[i]
        lane, group = record.lanes_of(g, loss, optimizer)[s], record.groups[g]
        facts = _facts(study, record, i, s, float(steep[g][lane]), least[c.activation, c.loss])
        own = measured(facts)
        # Two failures that look alike share a diagnosis: the model and the loss are the same.
        key = (g, loss, *(reason.code for reason in own))
        if key not in known:
            known[key] = tuple(diagnosed(group, lane, data, own[0].code == "T1"))
        found[i, s] = (*known[key], *own)
    return found


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
