"""Trains copies with and without a fault in the same way, and compares them on held-out rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..changes import AS_IS
from ..context import DiagnosisContext
from ..repairs.read_fix import Repair
from ..repairs.trial import apply_repair
from ..short_trainings import SEEDS
from ..trials import ROWS
from .scores import Scores, scores


HELD_OUT = replace(AS_IS, held_out=True)
"""A change that only holds out rows from training; see `Change.held_out`."""

LEAST_ROWS = 40
"""Minimum number of held-out rows; with fewer, individual rows would decide the comparison."""

LEARNS = 0.2
"""Minimum mean score of the copies with the fault; each copy must reach at least half of it. Copies
that learn little cannot be compared."""

NEARLY = 0.9
"""Required score of each copy if its training is shorter than planned, or if there is no plan. With
such a score, more steps cannot put the fixed program far ahead."""

ALL = 0.97
"""Required score of each copy if no fix can be tried. No program could then do much better."""

SLIGHT, CLEAR = 0.03, 0.08
"""Largest improvements by a fix that are ignored: in the mean over training runs, and in a single
run. In a single run, an improvement up to `1 / sqrt(rows)` is ignored too, which is about the
standard deviation of a score."""


@dataclass(frozen=True)
class Harmless:
    """The scores of copies with and without a fault that does no harm.

    Args:
        steps: Number of steps of each training run.
        rows: Number of held-out rows.
        before: Map from each metric to its reported value with the fault, averaged over training
            runs and outputs.
        after: Map from each metric to its reported value with the fix; empty if no fix was tried.
        changed: The change as a phrase, for example "the fix (`Dense(1)`)".
        lost: The largest improvement of a score by the fix, averaged over the training runs; at
            most `SLIGHT`. It is negative if the fix makes all scores worse.
    """

    steps: int
    rows: int
    before: Mapping[str, float]
    after: Mapping[str, float]
    changed: str = ""
    lost: float = 0.0


def compare_with_fixes(case: DiagnosisContext, repairs: Sequence[Repair]) -> Harmless | None:
    """Compare copies with a fault to copies in which one of the fixes is applied.

    Args:
        case: The program with the fault.
        repairs: Fixes for the fault. If there are none, the copies must have almost perfect scores.

    Returns:
        The scores without a fix, and with the fix that improves a score most. None if the scores
        with some fix are clearly better, or if the comparison is not possible.
    """
    rows = np.setdiff1d(np.arange(min(case.rows, ROWS)), case.trials.fitted)
    before = score_copies(case, rows, ALL if not repairs else 0.0)
    if not before:
        return None
    if not repairs:
        return summarize(case, before, [], rows)
    best = None
    for repair in repairs:
        renamed = any(change.same_labels for change in repair.data)
        comparable = all(change.of == "rows" or change.same_labels for change in repair.data)
        fixed = apply_repair(case, repair) if comparable else None
        if fixed is None:
            continue
        after = score_unless_better(case, fixed, before, rows, renamed)
        if after is None:
            return None
        fix = repair.text.split("#")[0].strip()
        result = summarize(case, before, after, rows, f"the fix (`{fix}`)") if after else None
        if result is not None and (best is None or result.lost > best.lost):
            best = result
    return best


def score_copies(case: DiagnosisContext, rows: np.ndarray, least: float = 0.0) -> list[Scores]:
    """Train copies of the model, and score their predictions for held-out rows.

    Args:
        case: The program to copy.
        rows: Indices of the held-out rows.
        least: Minimum of each score. The minima `LEARNS` and `NEARLY` apply as well.

    Returns:
        The scores of each copy, one per training run. Empty if a copy failed, if the copies learned
        too little, or if there are fewer than `LEAST_ROWS` rows.
    """
    trainings: list[Scores] = []
    if len(rows) < LEAST_ROWS:
        return trainings
    for seed in range(SEEDS):
        trainings.append(_score_training(case, rows, seed))
        enough = max(least, 0.5 * LEARNS if _as_planned(case, seed) else NEARLY)
        if min((score.value for score in trainings[-1].values()), default=-np.inf) < enough:
            return []
    means = [np.mean([training[key].value for training in trainings]) for key in trainings[0]]
    return trainings if min(means) >= LEARNS else []


def _score_training(case: DiagnosisContext, rows: np.ndarray, seed: int) -> Scores:
    """Return the scores of one training run; empty if the run failed or cannot be scored."""
    training = case.trials.run(HELD_OUT, seed)
    if training is None or not training.losses or not np.isfinite(training.losses).all():
        return {}
    return scores(case, training.outputs, rows)


def _as_planned(case: DiagnosisContext, seed: int) -> bool:
    """Return whether a training run completed all planned epochs over its rows."""
    training = case.trials.run(HELD_OUT, seed)
    return (
        case.plan is not None and training is not None
        and len(training.losses) >= case.plan.steps(len(case.trials.fitted))
    )  # fmt: skip


def score_unless_better(
    case: DiagnosisContext, fixed: DiagnosisContext, originals: Sequence[Scores], rows: np.ndarray,
    renamed: bool = False,
) -> list[Scores] | None:  # fmt: skip
    """Score copies of a changed program; return None if they are clearly better than the originals.

    Clearly better means that a score improves by more than the limits at `SLIGHT, CLEAR`.

    Args:
        case: The original program.
        fixed: The changed program.
        originals: Scores of copies of the original program, one per training run.
        rows: Indices of the held-out rows.
        renamed: Whether the change renumbers the labels, so that losses are not comparable.

    Returns:
        The scores of each copy of the changed program. None if they are clearly better or not
        comparable. Empty if a loss of the changed program is not finite.
    """
    names = [[loss.name for loss in base.program.losses] for base in (case, fixed)]
    same_losses = names[0] == names[1] and not renamed
    results: list[Scores] = []
    for seed, before in enumerate(originals):
        base, other = case.trials.run(HELD_OUT, seed), fixed.trials.run(HELD_OUT, seed)
        if base is None or other is None:
            return None
        if not np.isfinite(other.losses).all():
            return []
        after = {
            key: score for key, score in _score_training(fixed, rows, seed).items()
            if key in before and (key[1] != "loss" or same_losses)
        }  # fmt: skip
        judged = {output for output, what in after if what in ("right", "explained")}
        if judged != {output for output, _ in before} or len(other.losses) < len(base.losses):
            return None
        if _largest_gain([before], [after]) > max(CLEAR, len(rows) ** -0.5):
            return None
        results.append(after)
    return results if _largest_gain(originals, results) <= SLIGHT else None


def _largest_gain(before: Sequence[Scores], after: Sequence[Scores]) -> float:
    """Return the largest improvement of a score, averaged over all training runs.

    It is negative if all scores get worse.
    """
    pairs = list(zip(before, after, strict=True))
    return max(
        float(np.mean([b[key].value - a[key].value for a, b in pairs if key in b]))
        for key in after[0]
    )


def summarize(
    case: DiagnosisContext, before: Sequence[Scores], after: Sequence[Scores], rows: np.ndarray,
    changed: str = "",
) -> Harmless:  # fmt: skip
    """Summarize a comparison by the metrics that are available both before and after the fix.

    Args:
        case: The original program.
        before: Scores of copies of the original program, one per training run.
        after: Scores of copies with a fix; empty if no fix was tried.
        rows: Indices of the held-out rows.
        changed: The change as a phrase; see `Harmless`.
    """
    shared = set(after[0] if after else before[0])
    return Harmless(
        len(case.trials.all(HELD_OUT)[0].losses), len(rows), _mean_values(before, shared),
        _mean_values(after, shared), changed, _largest_gain(before, after) if after else 0.0,
    )  # fmt: skip


def _mean_values(trainings: Sequence[Scores], shared: set[tuple[int, str]]) -> dict[str, float]:
    kinds: dict[str, list[float]] = {}
    for training in trainings:
        for (output, what), score in training.items():
            if (output, what) in shared:
                kinds.setdefault(what, []).append(score.reported)
    return {what: float(np.mean(values)) for what, values in kinds.items()}
