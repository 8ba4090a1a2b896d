"""Copies with a fault and copies without it, trained alike and asked about rows held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..changes import AS_IS
from ..context import DiagnosisContext
from ..repairs.read_fix import Repair
from ..repairs.trial import repaired
from ..short_trainings import SEEDS
from ..trials import ROWS
from .scores import Scores, scores


HELD_OUT = replace(AS_IS, held_out=True)
"""Trainings that leave a quarter of the rows alone."""

LEAST_ROWS = 40
"""Rows held out below which a few of them decide."""

LEARNS = 0.2
"""Score that copies with the fault must reach on average, and half of it each: where little is
learned, little can be compared."""

NEARLY = 0.9
"""The same where the trainings are shorter than what is planned, or nothing is said of that: with
more steps the fixed program must not be able to get far ahead."""

ALL = 0.97
"""The same where no fix can be tried: no program could do much better."""

SLIGHT, CLEAR = 0.03, 0.08
"""By how much a fix may do better before it counts: on average, and in a single training, where the
deviation that a score of so few rows has by chance is allowed too."""


@dataclass(frozen=True)
class Harmless:
    """What was reached with a fault, and without it.

    Args:
        steps: Of each training.
        rows: How many rows were held out.
        before: What is scored, to the number told, the mean over trainings and outputs.
        after: The same with the fix; empty where none was tried.
        changed: With what the others were trained, "the fix (`Dense(1)`)".
        lost: By how much the fix scores better on average, where it does so most; at most `SLIGHT`,
            and below 0 where it does worse.
    """

    steps: int
    rows: int
    before: Mapping[str, float]
    after: Mapping[str, float]
    changed: str = ""
    lost: float = 0.0


def harmless(case: DiagnosisContext, repairs: Sequence[Repair]) -> Harmless | None:
    """Whether copies with a fault do as well as copies with each of its fixes.

    Args:
        case: The program.
        repairs: Fixes of the one fault; where there is none, nothing may be left to gain.

    Returns:
        What was reached, with the best of the fixes; None if one does clearly better, or if that
        cannot be told.
    """
    rows = np.setdiff1d(np.arange(min(case.rows, ROWS)), case.trials.fitted)
    own = learned(case, rows, ALL if not repairs else 0.0)
    if not own:
        return None
    if not repairs:
        return reached(case, own, [], rows)
    found = None
    for repair in repairs:
        renamed = any(change.same_labels for change in repair.data)
        comparable = all(change.of == "rows" or change.same_labels for change in repair.data)
        mended = repaired(case, repair) if comparable else None
        if mended is None:
            continue
        after = as_good(case, mended, own, rows, renamed)
        if after is None:
            return None
        fix = repair.text.split("#")[0].strip()
        one = reached(case, own, after, rows, f"the fix (`{fix}`)") if after else None
        if one is not None and (found is None or one.lost > found.lost):
            found = one
    return found


def learned(case: DiagnosisContext, rows: np.ndarray, least: float = 0.0) -> list[Scores]:
    """The scores of copies at rows that they have not seen; empty if they learn too little.

    Args:
        case: The program.
        rows: Where they are asked.
        least: What each score has to be at least, beside `LEARNS` or `NEARLY`.
    """
    made: list[Scores] = []
    if len(rows) < LEAST_ROWS:
        return made
    for seed in range(SEEDS):
        made.append(_scored(case, rows, seed))
        enough = max(least, 0.5 * LEARNS if _as_planned(case, seed) else NEARLY)
        if min((score.value for score in made[-1].values()), default=-np.inf) < enough:
            return []
    means = [np.mean([one[key].value for one in made]) for key in made[0]]
    return made if min(means) >= LEARNS else []


def _scored(case: DiagnosisContext, rows: np.ndarray, seed: int) -> Scores:
    """The scores of one training; empty where it has none."""
    one = case.trials.run(HELD_OUT, seed)
    if one is None or not one.losses or not np.isfinite(one.losses).all():
        return {}
    return scores(case, one.outputs, rows)


def _as_planned(case: DiagnosisContext, seed: int) -> bool:
    """Whether a training took all epochs that are planned, of the rows that it may see."""
    one = case.trials.run(HELD_OUT, seed)
    return (
        case.plan is not None and one is not None
        and len(one.losses) >= case.plan.steps(len(case.trials.fitted))
    )  # fmt: skip


def as_good(
    case: DiagnosisContext, mended: DiagnosisContext, own: Sequence[Scores], rows: np.ndarray,
    renamed: bool = False,
) -> list[Scores] | None:  # fmt: skip
    """The scores of other copies, unless they are clearly better.

    Args:
        case: The program.
        mended: The one to compare it with.
        own: What copies of the program reached.
        rows: Where they are asked.
        renamed: Whether its labels are other numbers, so that losses do not compare.

    Returns:
        None if they are better, or do not compare; empty if they end with no number.
    """
    names = [[loss.name for loss in one.program.losses] for one in (case, mended)]
    alike = names[0] == names[1] and not renamed
    made: list[Scores] = []
    for seed, before in enumerate(own):
        one, other = case.trials.run(HELD_OUT, seed), mended.trials.run(HELD_OUT, seed)
        if one is None or other is None:
            return None
        if not np.isfinite(other.losses).all():
            return []
        after = {
            key: score for key, score in _scored(mended, rows, seed).items()
            if key in before and (key[1] != "loss" or alike)
        }  # fmt: skip
        judged = {output for output, what in after if what in ("right", "explained")}
        if judged != {output for output, _ in before} or len(other.losses) < len(one.losses):
            return None
        if _gained([before], [after]) > max(CLEAR, len(rows) ** -0.5):
            return None
        made.append(after)
    return made if _gained(own, made) <= SLIGHT else None


def _gained(before: Sequence[Scores], after: Sequence[Scores]) -> float:
    """By how much a score is better, averaged over trainings; the largest of all scores."""
    pairs = list(zip(before, after, strict=True))
    return max(
        float(np.mean([b[key].value - a[key].value for a, b in pairs if key in b]))
        for key in after[0]
    )


def reached(
    case: DiagnosisContext, own: Sequence[Scores], after: Sequence[Scores], rows: np.ndarray,
    changed: str = "",
) -> Harmless:  # fmt: skip
    """What is told of a comparison: the scores that both have.

    Args:
        case: The program.
        own: What its copies reached.
        after: What others reached; empty where there are none.
        rows: Where they were asked.
        changed: See `Harmless`.
    """
    shared = set(after[0] if after else own[0])
    return Harmless(
        len(case.trials.all(HELD_OUT)[0].losses), len(rows), _told(own, shared),
        _told(after, shared), changed, _gained(own, after) if after else 0.0,
    )  # fmt: skip


def _told(made: Sequence[Scores], shared: set[tuple[int, str]]) -> dict[str, float]:
    kinds: dict[str, list[float]] = {}
    for one in made:
        for (output, what), score in one.items():
            if (output, what) in shared:
                kinds.setdefault(what, []).append(score.told)
    return {what: float(np.mean(values)) for what, values in kinds.items()}
